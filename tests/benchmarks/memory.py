"""What a norm keeps for its backward pass, in units of its input's bytes."""

import functools

import jax
import jax.numpy as jnp

from tests.benchmarks import library

SHAPE = (64, 14, 14, 32)


def kept(norm, x, scale, bias) -> float:
  """Bytes of the arrays that jax.vjp's function holds, each counted once, over the input's."""
  _, pull, _ = jax.vjp(norm, x, scale, bias, has_aux=True)
  leaves = {id(leaf): leaf for leaf in jax.tree.leaves(pull) if hasattr(leaf, 'nbytes')}
  return sum(leaf.nbytes for leaf in leaves.values()) / x.nbytes


def run(*, tiny: bool) -> None:
  """Prints ours and Flax's for each norm and dtype."""
  shape = (8, 4, 4, 32) if tiny else SHAPE
  print(f'kept for the backward pass, input {shape}: ours, Flax (1.00 is one array like the input)')
  for name in library.MODULES:
    for dtype in (jnp.float32, jnp.bfloat16):
      x, scale, bias, _ = library.inputs(shape, dtype)
      mine, theirs = (
        kept(functools.partial(f, name), x, scale, bias) for f in (library.ours, library.flaxes)
      )
      print(f'{name:9}{jnp.dtype(dtype).name:9}{mine:6.2f}{theirs:6.2f}')
