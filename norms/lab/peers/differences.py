"""In what the libraries are known to differ: data, held by tests, printed beside the figures.

A pair that stands nowhere here is as ours.
"""

from collections.abc import Mapping
import dataclasses
from typing import TypeVar

_T = TypeVar('_T')
Pair = tuple[str, str]  # (library, norm)


def _pairs(libraries: str, norms: str, value: _T) -> dict[Pair, _T]:
  return {(lib, norm): value for lib in libraries.split() for norm in norms.split()}


# The default epsilon, where it is another; 0: there is none; None: there is no default.
EPSILON: Mapping[Pair, float | None] = {
  **_pairs('keras', 'batch layer group instance', 1e-3),
  **_pairs('haiku equinox', 'layer rms group instance', 1e-5),
  **_pairs('pytorch', 'layer group instance', 1e-5),
  **_pairs('pytorch', 'rms', 2.0**-23),
  **_pairs('tensorflow', 'batch layer group instance', None),
  **_pairs('haiku', 'spectral', 1e-4),
  **_pairs('pytorch equinox', 'weight', 0.0),
}
# Where epsilon is the least that a squared length counts for, and not added to it.
FLOOR = {('tensorflow', 'weight')}

# The default momentum, as the share of the old statistics that is kept; None: there is none.
KEPT: Mapping[str, float | None] = {'pytorch': 0.9, 'haiku': None}


@dataclasses.dataclass(frozen=True)
class Running:
  """How to get a library's running statistics from ours."""

  text: str
  options: Mapping[str, bool] = dataclasses.field(default_factory=dict)  # of norms.batch_norm
  debiased: tuple[str, ...] = ()  # then divided by 1 - momentum^t, after t batches


RUNNING: Mapping[str, Running] = {
  'pytorch': Running('its running variance is unbiased; its momentum is 1 - ours',
                     {'unbiased': True}),
  'haiku': Running('it starts from 0 and divides by 1 - momentum^t', {'zero_debias': True}),
  'equinox': Running('it divides by 1 - momentum^t; its variance has started from 1 all the same',
                     debiased=('mean', 'var')),
}  # fmt: skip

# How the centred norms come to (x - mean) / deviation, and the error at offset 1e4 in float32.
MOMENTS = 'its variance is E[x^2] - E[x]^2, which cancels at an offset'
FOLDED = 'it computes x r + (bias - mean r), which cancels at an offset'
PLAIN = 'its mean keeps its rounding error, which an offset magnifies'
VARIANCE: Mapping[Pair, str] = {
  **_pairs('linen nnx', 'batch layer group instance', MOMENTS),
  **_pairs('haiku', 'batch', MOMENTS),
  **_pairs('keras tensorflow', 'batch layer group instance', FOLDED),
  **_pairs('haiku', 'layer group instance', PLAIN),
  **_pairs('equinox', 'batch layer group instance', PLAIN),
  **_pairs('pytorch', 'batch layer group instance', PLAIN),
}

# What is rounded to a 16-bit input's dtype before it is used.
CASTS: Mapping[Pair, str] = {
  **_pairs('haiku', 'batch layer rms group instance', 'it computes in a 16-bit dtype itself'),
  **_pairs('equinox', 'batch', 'it computes in a 16-bit dtype itself'),
  **_pairs('tensorflow', 'batch layer group instance', 'it computes in a 16-bit dtype itself'),
  **_pairs('linen nnx equinox tensorflow', 'weight', 'it computes in a 16-bit dtype itself'),
  **_pairs('pytorch', 'batch instance', 'it rounds what it adds and multiplies by to 16 bits'),
}

# Why an input is hard, where that is not the formula's doing.
INPUTS: Mapping[str, str] = {
  'subnormal': 'XLA and TensorFlow count subnormal numbers as 0 on a CPU, PyTorch does not',
  'one element': 'the gradients of scale and bias are single sums: the order of adding decides',
  'largest': 'squares overflow in float32; ours is 0 then',
}

# What a table of functions does not show.
STATE: Mapping[Pair, str] = {
  ('nnx', 'weight'): 'its lengths are no Params, so that no optimiser trains them, and a call '
  'overwrites the kernel',
  ('nnx', 'spectral'): 'a call overwrites the kernel',
  ('keras', 'spectral'): 'a call overwrites the kernel',
}


def epsilon(library: str, norm: str) -> str:
  """The sentence on its default epsilon, or ''."""
  pair = (library, norm)
  if pair in FLOOR:
    return 'its epsilon is the least squared length, not added to it'
  if pair not in EPSILON:
    return ''
  value = EPSILON[pair]
  if value is None:
    return 'its epsilon has no default'
  return f'its default epsilon is {value:.3g}' if value else 'it has no epsilon'


def known(library: str, norm: str, quantity: str) -> str:
  """The sentence that belongs beside a quantity of the parity table, or ''."""
  pair = (library, norm)
  if quantity.startswith('running'):
    return RUNNING[library].text if library in RUNNING else ''
  if quantity == 'output at defaults':
    return epsilon(library, norm)
  if 'after' in quantity:
    return STATE.get(pair, '')
  return VARIANCE[pair] if pair in VARIANCE and quantity == 'output' else ''


def known_of_input(library: str, norm: str, dtype: str, name: str) -> str:
  """The sentences that belong beside its error on an input, or ''."""
  pair = (library, norm)
  sentences = [INPUTS.get(name, '')]
  sentences.append(VARIANCE.get(pair, '') if name.startswith('offset') else '')
  sentences.append(CASTS.get(pair, '') if dtype != 'float32' else '')
  return ' | '.join(text for text in sentences if text)
