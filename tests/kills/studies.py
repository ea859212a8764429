"""What is run and killed: small studies, of which a run takes seconds."""

from collections.abc import Callable, Mapping
import dataclasses

from tests.kills import victims
from tests.kills.starts import Driver

SWEEP = ('--config=configs/sweep.py:smoke', '--config.chunk=1')
SMALL = (*SWEEP, '--config.epochs=20')


@dataclasses.dataclass
class Study:
  """A command, and whom to kill while it runs.

  share: how often it is drawn, among all. length: seconds of a run; 0: measured. ready: what must
  be there before a start, and the further arguments that follow from it. own: the processes
  that stay between two runs. left: what lies around of others; None: in the temporary folder.
  """

  name: str
  arguments: tuple[str, ...]
  share: float
  keeps: bool = False
  length: float = 0.0
  whom: Mapping = dataclasses.field(default_factory=lambda: victims.HERE)
  find: Callable[[Driver, str], list[int]] = victims.here
  ready: Callable[[], tuple[str, ...]] = tuple
  own: Callable[[], set[int]] = set
  left: Callable[[], list[str]] | None = None


def here() -> list[Study]:
  """Those of this machine's own processes."""
  wide = (
    *SWEEP, '--config.sweep.norm=none,batch', '--config.epochs=1', '--config.sweep.seed=0',
    '--config.sweep.init_scale=1.0', '--config.model_options.features=(4096,4096)',
  )  # fmt: skip
  return [
    Study('small', SMALL, 6),
    Study('kept', (*SMALL, '--config.keep=best', '--config.checkpoint=0.003'), 2, keeps=True),
    # A worker is in one step of it for seconds, and hears of nothing meanwhile.
    Study('wide', wide, 1),
  ]
