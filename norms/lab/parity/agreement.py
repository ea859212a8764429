"""Kind 'parity': a unit is one norm of one library, beside ours and beside the exact value."""

from collections.abc import Iterable, Iterator
import dataclasses
import functools
from typing import ClassVar

import pandas as pd

from norms.lab import peers, trial
from norms.lab.parity import measures, study
from norms.lab.parity.cases import Setting
from norms.lab.parity.measures import RecordRow
from norms.lab.values import Settings

# Another source of these files, or of a library's own, makes another unit.
FILES = (
  'parity/cases', 'parity/exact', 'parity/measures',
  'peers/__init__', 'peers/case', 'peers/differences', 'peers/ours', 'peers/on_jax',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class AgreementUnit:
  """One norm of one library, and everything that can change its figures."""

  library: str
  norm: str
  setting: Setting
  version: str
  code: str
  data: ClassVar[tuple] = ()
  manual_dir: ClassVar[str] = ''

  @functools.cached_property
  def hash(self) -> str:
    """The name under which records know it."""
    return study.digest(dataclasses.asdict(self))

  @property
  def label(self) -> str:
    """'batch, Flax linen'."""
    return f'{self.norm}, {peers.LIBRARIES[self.library].title}'

  def ready(self) -> None:
    """Nothing to check: each unit draws its own inputs."""

  def measure(self) -> pd.DataFrame:
    """Its rows: against ours, and against the exact value."""
    title = peers.LIBRARIES[self.library].title
    return pd.DataFrame(self._rows()).assign(library=self.library, title=title, norm=self.norm)

  def _rows(self) -> Iterator[RecordRow]:
    # Ours against ours says nothing.
    if self.library != peers.OURS:
      yield from measures.from_ours(self.library, self.norm, self.setting)
    yield from measures.from_exact(self.library, self.norm, self.setting)


def libraries(plain: Settings) -> list[str]:
  """The libraries that a config names, ours first; ValueError, one line, at an unknown one."""
  names = [trial.one_of('config.peers', name, peers.LIBRARIES) for name in plain['peers']]
  return list(dict.fromkeys([peers.OURS, *names]))


def units(plain: Settings, libraries: Iterable[str]) -> Iterator[AgreementUnit]:
  """A config's units for these libraries; ValueError, one line, at an unknown norm."""
  known = (*peers.ACTIVATION, *peers.KERNEL)
  wanted = [trial.one_of('config.norms', norm, known) for norm in plain['norms']]
  setting = Setting.of(plain)
  for norm in wanted:
    for library in libraries:
      if norm in peers.PEERS[library]:
        yield AgreementUnit(library, norm, setting, study.version(library), _code(library))


@functools.cache
def _code(library: str) -> str:
  """A hash of the source: of our library, which is measured, and of the files that measure it."""
  row = peers.LIBRARIES[library]
  files = (*FILES, f'peers/{row.module}', f'peers/on_{row.framework}')
  return study.code((*study.library(), *(f'lab/{name}' for name in files)))
