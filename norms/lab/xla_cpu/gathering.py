"""An optimizer's arithmetic on few arrays: all scales and biases as one vector.

A step of a small net has a kernel for each of its vectors, for their updates, for their sum with
what is updated, and for the length of the gradient. Under norms.plain_formulas each is as optax has
it, array by array: the same numbers to rounding.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from norms._src.xla_cpu import special_formulas_allowed
from norms.lab.xla_cpu.compact import compact


def gathered(inner: optax.GradientTransformation) -> optax.GradientTransformation:
  """`inner`, which is elementwise, on few arrays: the same updates.

  Scales and biases make a vector: a third of the kernels to compile, and of those to launch.
  """
  if not special_formulas_allowed():
    return inner

  def update(updates, state, params=None):
    # An elementwise optimizer does not see where one array ends and the next begins.
    new, state = inner.update(gather(updates), state, None if params is None else gather(params))
    return _spread(new, updates), state

  return optax.GradientTransformation(lambda params: inner.init(gather(params)), update)


def gather(tree: optax.Params) -> list[jax.Array]:
  """The arrays of two and more axes as they are, and all others as one vector.

  Kernels are left alone: where the gradient of one is computed entry by entry, as weight norm's is,
  a loop made flat divides for every index: on a CPU 50 us for 128 x 128, of a step's 130.
  """
  leaves = jax.tree.leaves(tree)
  vectors = [jnp.ravel(leaf) for leaf in leaves if leaf.ndim < 2]
  kernels = [leaf for leaf in leaves if leaf.ndim >= 2]
  return [*kernels, jnp.concatenate(vectors)] if vectors else kernels


def _spread(arrays: list[jax.Array], like: optax.Params) -> optax.Params:
  """What `gather` made of a tree like this one, as that tree."""
  leaves, structure = jax.tree.flatten(like)
  kernels, start, spread = iter(arrays), 0, []
  for leaf in leaves:
    if leaf.ndim >= 2:
      spread.append(next(kernels))
      continue
    spread.append(arrays[-1][start : start + leaf.size].reshape(leaf.shape).astype(leaf.dtype))
    start += leaf.size
  return jax.tree.unflatten(structure, spread)


def applied(params: optax.Params, updates: optax.Updates) -> optax.Params:
  """The parameters, updated: as optax.apply_updates, the vectors in one kernel."""
  leaves, structure = jax.tree.flatten(params)
  kernels, vectors = ([a for a in leaves if (a.ndim < 2) == few] for few in (False, True))
  if not vectors or not special_formulas_allowed():
    return optax.apply_updates(params, updates)
  # gather puts the vector last, after the kernels in their order.
  *moves, move = gather(updates)
  kernels, vectors = iter(optax.apply_updates(kernels, moves)), iter(_moved(vectors, move))
  return jax.tree.unflatten(structure, [next(vectors if a.ndim < 2 else kernels) for a in leaves])


@compact
def _moved(vectors: list[jax.Array], move: jax.Array) -> list[jax.Array]:
  return optax.apply_updates(vectors, _spread([move], vectors))


def squares(tree: optax.Params) -> jax.Array:
  """Some numbers whose sum is the squared length of all leaves as one vector."""
  if not special_formulas_allowed():
    return sum((jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)), jnp.zeros(()))
  summed: Any = sum(_folded(array) for array in gather(tree))  # Any: or 0, of no arrays
  return summed


def _folded(array: jax.Array, width: int = 128) -> jax.Array:
  """Sums of squares of every 128th number: on a CPU a library's sum, which nothing compiles."""
  flat = jnp.ravel(array)
  rows = jnp.pad(flat, (0, -flat.size % width)).reshape(-1, width)
  return jnp.sum(jnp.square(rows), 0)
