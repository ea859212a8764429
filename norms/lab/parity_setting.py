"""On what libraries are compared, and what each of them is told."""

import dataclasses
from typing import Any

from norms.lab import parity_cases, parity_exact, trial
from norms.lab.peers import Case, Found, differences

EPSILON = 1e-5  # of all activation norms, so that one formula holds for all libraries
STEPS = 20  # of power iteration, until all libraries have the same singular value


@dataclasses.dataclass(frozen=True)
class Setting:
  """What a config says of the comparison."""

  shape: tuple[int, ...]  # of activations: examples, height, width, features
  groups: int
  steps: int  # of the optimiser; as many batches do running statistics see
  seed: int
  inputs: tuple[tuple[str, tuple[str, ...]], ...]  # the names, by dtype

  @classmethod
  def of(cls, plain: dict[str, Any]) -> 'Setting':
    """From a config's keys; no inputs named: all of them."""
    dtypes = [trial.one_of('config.dtypes', d, parity_cases.INPUTS) for d in plain['dtypes']]
    known = dict.fromkeys(name for d in dtypes for name in parity_cases.INPUTS[d])
    named = [trial.one_of('config.inputs', name, known) for name in plain['inputs'] or known]
    inputs = tuple((d, tuple(n for n in parity_cases.INPUTS[d] if n in named)) for d in dtypes)
    numbers = {key: int(plain[key]) for key in ('groups', 'steps', 'seed')}
    return cls(tuple(plain['shape']), inputs=inputs, **numbers)


def options(norm: str, setting: Setting, *, groups: int | None = None) -> dict[str, Any]:
  """What every library is told of a norm."""
  if norm == 'spectral':
    return {'steps': STEPS, 'epsilon': 1e-12}
  if norm == 'weight':
    return {}  # two libraries have no epsilon there
  more = {'groups': groups or setting.groups} if norm == 'group' else {}
  return {'epsilon': EPSILON, **more}


def exact(library: str, norm: str, case: Case, told: dict[str, Any]) -> Found:
  """What the library's formula gives in float64, epsilon being what the library means by it."""
  if norm == 'weight':
    pair = (library, norm)
    epsilon = differences.EPSILON.get(pair, 1e-12)
    told = {'epsilon': epsilon, 'floor': pair in differences.FLOOR}
  return parity_exact.exact(norm, case, **told)
