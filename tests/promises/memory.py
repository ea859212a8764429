"""Promise 8: the backward pass keeps one array of the input's bytes, and no more."""

import functools

import jax

from promises import measure

_SHAPE = (64, 32, 32)


def kept_bytes(f, *args) -> int:
  """Bytes of the arrays of at least half the input's size in jax.vjp's function, each once.

  Smaller arrays are statistics and parameters.
  """
  kept = []

  def count(*args):
    _, pull = jax.vjp(f, *args)
    leaves = {id(a): a for a in jax.tree.leaves(pull)}
    kept.extend(a.size * a.dtype.itemsize for a in leaves.values() if a.size >= args[0].size // 2)

  jax.eval_shape(count, *args)  # counts shapes of a jaxpr; nothing is computed
  return sum(kept)


def check_kept(dtype, row):
  x, params = measure.draw(_SHAPE, dtype), measure.parameters(row, _SHAPE)
  kept = kept_bytes(row.call, x, params)
  assert kept <= row.kept * x.nbytes
  assert kept or not row.kept, 'nothing is counted: has the layout of jax.vjp changed?'


PROMISES = tuple(
  (f'memory-{dtype}', functools.partial(check_kept, dtype), lambda row: row.kept is not None)
  for dtype in ('float32', 'bfloat16')
)
