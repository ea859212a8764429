"""The inputs on which libraries are compared, by name, and the options that all of them get."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import ml_dtypes  # noqa: F401  # gives NumPy the name bfloat16
import numpy as np

from norms.lab import trial
from norms.lab.peers import KERNEL, Case
from norms.lab.values import Settings

EPSILON = 1e-5  # of all activation norms, so that one formula holds for all libraries
STEPS = 20  # of power iteration, until all libraries have the same singular value

# name -> (offset, spread): offset + spread * normal.
FLOAT32: Mapping[str, tuple[float, float]] = {
  'unit': (0, 1),
  'offset 1e3': (1e3, 1),
  'offset 1e4': (1e4, 1),
  'offset 1e5': (1e5, 1),
  'offset 1e6': (1e6, 1),
  'magnitude 1e-18': (0, 1e-18),
  'magnitude 1e-9': (0, 1e-9),
  'magnitude 1e9': (0, 1e9),
  'magnitude 1e18': (0, 1e18),
  'subnormal': (0, 1e-39),
  'constant': (1000.1, 0),
  'zero': (0, 0),
  'one element': (0, 1),  # in each statistic
  'batch of one': (0, 1),
  'largest': (0, 0),  # uniform between the ends of the dtype
}
# Of dtypes in which 1e3 + normal would be a constant.
COARSE: Mapping[str, tuple[float, float]] = {
  'unit': (0, 1),
  'offset 300': (300, 8),
  'magnitude 1e3': (0, 1e3),
  'magnitude 1e-3': (0, 1e-3),
  'constant': (1000.1, 0),
  'zero': (0, 0),
  'one element': (0, 1),
  'batch of one': (0, 1),
  'largest': (0, 0),
}
INPUTS = {'float32': FLOAT32, 'bfloat16': COARSE, 'float16': COARSE}
LARGEST = {'float32': 3.4e38, 'bfloat16': 3.38e38, 'float16': 65504.0}
FLAT = ('constant', 'zero', 'one element')  # nothing is left once the mean is off
DENSE = ('batch', 'layer', 'rms', 'group')  # instance norm has one entry there, kernels no examples
ACTIVATIONS_ONLY = ('one element', 'batch of one')  # say nothing new of a kernel


@dataclasses.dataclass(frozen=True)
class Setting:
  """What is compared, and at which sizes, as a config says."""

  shape: tuple[int, ...]  # of activations: examples, height, width, features
  groups: int
  steps: int  # of the optimiser; as many batches do running statistics see
  seed: int
  inputs: tuple[tuple[str, tuple[str, ...]], ...]  # the names, by dtype
  draws: int = 1  # of each named input
  dense: tuple[int, ...] = ()  # examples, features: a second size to compare outputs at

  @classmethod
  def of(cls, plain: Settings) -> 'Setting':
    """From a config's keys; no inputs named: all of them."""
    dtypes = [trial.one_of('config.dtypes', dtype, INPUTS) for dtype in plain['dtypes']]
    known = dict.fromkeys(name for dtype in dtypes for name in INPUTS[dtype])
    named = [trial.one_of('config.inputs', name, known) for name in plain['inputs'] or known]
    inputs = tuple((dtype, tuple(n for n in INPUTS[dtype] if n in named)) for dtype in dtypes)
    numbers = {key: int(plain[key]) for key in ('groups', 'steps', 'seed')}
    numbers['draws'] = int(plain.get('draws', 1))
    if numbers['draws'] < 1:
      raise ValueError(f'config.draws={numbers["draws"]}: an error needs a draw; give 1 or more')
    return cls(tuple(plain['shape']), inputs=inputs, dense=tuple(plain.get('dense', ())), **numbers)


def sizes(norm: str, setting: Setting) -> dict[str, tuple[int, ...]]:
  """What outputs are compared at: an image, and for norms that have one a dense layer."""
  shapes = {'output': setting.shape}
  if setting.dense and norm in DENSE:
    shapes['output, dense'] = (setting.dense[0], 1, 1, setting.dense[1])
  return shapes


def options(norm: str, setting: Setting, *, groups: int | None = None) -> dict[str, Any]:
  """The options with which every library computes a norm."""
  if norm == 'spectral':
    return {'steps': STEPS, 'epsilon': 1e-12}
  if norm == 'weight':
    return {}  # two libraries have no epsilon there
  group_option = {'groups': groups or setting.groups} if norm == 'group' else {}
  return {'epsilon': EPSILON, **group_option}


def draw(norm: str, name: str, dtype: str, shape: tuple[int, ...], *, seed: int, fresh=False):
  """A named input with parameters and cotangent; fresh: scale 1 and bias 0, as a layer begins."""
  rng, shape = np.random.default_rng(seed), _shape(norm, name, shape)
  offset, spread = INPUTS[dtype][name]
  if norm == 'spectral':
    offset += spread / 2  # sets one singular value apart, which power iteration finds then
  x = offset + spread * rng.standard_normal(shape)
  if name == 'largest':
    x = rng.uniform(-LARGEST[dtype], LARGEST[dtype], shape)
  # Away from 0, so that dividing by scale to get the normalised input back loses nothing.
  scale, bias = 0.7 + rng.uniform(0, 1, shape[-1]), rng.standard_normal(shape[-1])
  scale, bias = (np.ones_like(scale), np.zeros_like(bias)) if fresh else (scale, bias)
  case = Case(x, scale, bias, rng.standard_normal(shape)).each(lambda a: a.astype(np.dtype(dtype)))
  return case._replace(
    scale=None if norm == 'spectral' else case.scale,
    bias=None if norm in (*KERNEL, 'rms') else case.bias,
  )


def _shape(norm: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
  """The shape of an input: a kernel's, one example's, or one with a single entry per statistic."""
  examples, *positions, features = shape
  single = (1,) * len(positions)
  if norm in KERNEL:
    return (int(np.prod(positions)), features)
  if name == 'batch of one':
    return (1, *positions, features)
  if name != 'one element':
    return shape
  if norm in ('layer', 'rms'):
    return (examples, *positions, 1)
  return (1 if norm == 'batch' else examples, *single, features)
