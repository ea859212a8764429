"""The study that compares the norms with other libraries': outputs, gradients, steps, accuracy."""

from collections.abc import Iterator
import dataclasses
import functools
import json
from typing import Any

import pandas as pd

from norms.lab import parity_accuracy, parity_measures, parity_study, peers, trial
from norms.lab.parity_setting import Setting
from norms.lab.parity_study import Study
from norms.lab.parity_study import describe as describe
from norms.lab.parity_study import pending as pending
from norms.lab.parity_study import results as results
from norms.lab.parity_study import run as run

# What every figure rests on, beside the file of a library and of who runs it.
FILES = (
  'parity_accuracy', 'parity_cases', 'parity_exact', 'parity_measures', 'parity_setting',
  'peers/__init__', 'peers/case', 'peers/differences', 'peers/ours', 'peers/on_jax',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Unit:
  """One norm of one library, and all that can change what is measured of it."""

  library: str
  norm: str
  setting: Setting
  version: str
  code: str

  @functools.cached_property
  def hash(self) -> str:
    """The name under which records know it."""
    return parity_study.digest(json.dumps(dataclasses.asdict(self), sort_keys=True))

  @property
  def label(self) -> str:
    """'batch, Flax linen'."""
    return f'{self.norm}, {peers.LIBRARIES[self.library].title}'

  def measured(self) -> pd.DataFrame:
    """Its rows: against ours, and against the exact value."""
    title = peers.LIBRARIES[self.library].title
    return pd.DataFrame(self._rows()).assign(library=self.library, title=title, norm=self.norm)

  def _rows(self) -> Iterator[dict[str, Any]]:
    if self.library != peers.OURS:
      yield from parity_measures.rows(self.library, self.norm, self.setting)
    yield from parity_accuracy.rows(self.library, self.norm, self.setting)


def from_config(config, *, doc: str = '', command: str = '') -> Study:
  """The study of a config of kind 'parity'; ValueError, one line, at what is wrong in it."""
  plain = config.to_dict()
  libraries = [trial.one_of('config.peers', name, peers.LIBRARIES) for name in plain['peers']]
  wanted = (*peers.ACTIVATION, *peers.KERNEL)
  asked = [trial.one_of('config.norms', norm, wanted) for norm in plain['norms']]
  setting = Setting.of(plain)
  found = dict.fromkeys(name for name in (peers.OURS, *libraries) if peers.installed(name))
  units = tuple(
    Unit(name, norm, setting, parity_study.version(name), _code(name))
    for norm in asked
    for name in found
    if norm in peers.PEERS[name]
  )
  texts = {key: plain[key] for key in ('name', 'question', 'expectation')}
  return Study(**texts, doc=doc, command=command, units=units, absent=peers.absent(libraries))


@functools.cache
def _code(library: str) -> str:
  """Of our library, which is what is measured, and of what measures it."""
  found = peers.LIBRARIES[library]
  own = (*FILES, f'peers/{found.module}', f'peers/on_{found.frame}')
  return parity_study.code((*parity_study.library(), *(f'lab/{name}' for name in own)))
