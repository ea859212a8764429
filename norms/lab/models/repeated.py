"""Equal blocks of a model under one nn.scan: traced and compiled once, however many there are.

Their variables are stacked. Where a model without scan has `layer_3` to `layer_8`, three blocks of
two layers are `repeated_3/layer_3` and `repeated_3/layer_4`, with an axis of the blocks in front.
Numbers stay those of the model without scan, so that a layer has the same name in the records, and
the same initial kernel.
"""

from collections.abc import Callable, Iterable, Mapping
import copy
import itertools
import math
import re
from typing import Any

import flax.linen as nn
import jax

Path = tuple[str, ...]
REPEATED = 'repeated_'
# Variables that each block has for itself; probes and intermediates are what others sow.
OWN = ('params', 'batch_stats', 'probes', 'intermediates')


class Block(nn.Module):
  """f(layers, x) as nn.scan takes it."""

  f: Callable
  layers: Any  # models.layers.Layers, which this file lies below

  @nn.compact
  def __call__(self, x, _):
    # A copy, since Flax traces a block more than once, and each time it has the same numbers.
    return self.f(copy.copy(self.layers), x), None


def repeat(
  f: Callable,
  layers: Any,  # as in Block
  x: jax.Array,
  count: int,
  *,
  per_block: tuple[int, int],
) -> jax.Array:
  """x after `count` times x = f(layers, x), which keeps its shape and dtype.

  f: no method of a module, whose layers would be that module's and not the block's.
  layers: the `Layers` of the model.
  per_block: how many layers and norms f makes of it.
  """
  scanned = nn.scan(
    Block,
    variable_axes=dict.fromkeys(OWN, 0),
    split_rngs={'params': True, 'dropout': True},
    length=count,
  )
  name = f'{REPEATED}{layers.numbers[0]}'
  x, _ = scanned(f, copy.copy(layers), name=name)(x, None)
  layers.numbers = tuple(n + count * m for n, m in zip(layers.numbers, per_block, strict=True))
  return x


def stacked(path: Path) -> int:
  """How many axes of blocks a variable has in front: 1 or 0."""
  return int(path[0].startswith(REPEATED))


def order(path: Path) -> list:
  """Sorts paths as their layers follow each other: layer_2 before layer_10, blocks among them."""
  text = '/'.join(path[stacked(path) :])
  return [int(s) if s.isdigit() else s for s in re.split(r'(\d+)', text)]


def shared_out(draws: jax.Array, shapes: Mapping[Path, tuple[int, ...]]) -> dict[Path, jax.Array]:
  """A flat array, cut into the kernels of these shapes, layer by layer and block by block.

  So the kernel of a layer is of the same numbers, whether its block is stacked or not.
  """
  found, start = {}, 0
  for paths in _together(shapes):
    blocks = shapes[paths[0]][0] if stacked(paths[0]) else 1
    sizes = [math.prod(shapes[path]) // blocks for path in paths]
    rows = draws[start : start + blocks * sum(sizes)].reshape(blocks, -1)
    ends = list(itertools.accumulate(sizes))
    for path, size, end in zip(paths, sizes, ends, strict=True):
      found[path] = rows[:, end - size : end].reshape(shapes[path])
    start += blocks * sum(sizes)
  return found


def by_layer(values: Mapping[Path, jax.Array]) -> dict[str, jax.Array]:
  """What is given for each kernel by the name of its layer: stacked values one by one.

  Of blocks of two layers, repeated_3/layer_4 of block k is layer_{4 + 2 k}.
  """
  found: dict[str, jax.Array] = {}
  for paths in _together(values):
    if not stacked(paths[0]):
      found |= {'/'.join(path[:-1]) or 'model': values[path] for path in paths}
      continue
    for block in range(len(values[paths[0]])):
      for path in paths:
        kind, _, number = path[1].rpartition('_')
        found[f'{kind}_{int(number) + block * len(paths)}'] = values[path][block]
  return found


def _together(paths: Iterable[Path]) -> list[tuple[Path, ...]]:
  """The paths in their order, those of one scan together and every other one alone."""

  def scan(path: Path) -> Path:
    return path[:1] if stacked(path) else path

  return [tuple(group) for _, group in itertools.groupby(paths, scan)]
