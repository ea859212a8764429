"""A convolution as one product of patches and kernel, each derivative in the form that is fast.

What is fast is XLA:CPU's own: comments say which form it runs slowly.
"""

import math
from typing import NamedTuple

import jax
from jax import lax
from jax.custom_derivatives import SymbolicZero
import jax.numpy as jnp

Pads = tuple[tuple[int, int], ...]
Strides = tuple[int, ...]


class Window(NamedTuple):
  """Which entries of an image make a patch, and where; static."""

  size: tuple[int, ...]  # height and width
  strides: Strides
  pads: Pads
  one: bool = False  # each patch ends with a 1, by which a bias is multiplied


def by_patches(
  x: jax.Array, kernel: jax.Array, bias: jax.Array | None, strides: Strides, pads: Pads
) -> jax.Array:
  """The convolution as a product; with few channels, of several places across in one go."""
  width = (x.shape[2] + sum(pads[1]) - kernel.shape[1]) // strides[1] + 1
  # Several places across are computed at once: as many as divide the width of the output.
  together = max(m for m in (1, 2, 4) if width % m == 0)
  if x.shape[-1] > 3 or strides[1] != 1:
    z = _product(x, _matrix(kernel), Window(kernel.shape[:2], strides, pads))
    return z if bias is None else z + bias
  # Patches are as wide as all those places: the product has fewer rows, and longer ones. A row has
  # room for a 1 that multiplies the bias, which saves a pass over the outputs.
  each = [jnp.pad(kernel, ((0, 0), (m, together - 1 - m), (0, 0), (0, 0))) for m in range(together)]
  wide = jnp.concatenate(each, -1)
  rows = [] if bias is None else [jnp.tile(lax.stop_gradient(bias), together)[None]]
  window = Window(wide.shape[:2], (strides[0], together), pads, bias is not None)
  z = _product(x, jnp.concatenate([_matrix(wide), *rows]), window)
  z = z.reshape(*z.shape[:2], width, kernel.shape[-1])
  return z if bias is None else _moves_with(z, bias)


@jax.custom_jvp
def _moves_with(z: jax.Array, bias: jax.Array) -> jax.Array:
  """z, which the bias is in already, with the tangent of z + bias.

  As a sum over z, and not of the product: so z's cotangent is written down in z's own shape, before
  it is cut into rows, which would take XLA:CPU ten times as long.
  """
  del bias
  return z


@_moves_with.defjvp
def _moves_with_jvp(
  primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
  return _moves_with(*primals), tangents[0] + tangents[1]


def _plain(x: jax.Array, matrix: jax.Array, window: Window) -> jax.Array:
  return _patches(x, window) @ matrix


def _matrix(kernel: jax.Array) -> jax.Array:
  return kernel.reshape(-1, kernel.shape[-1])


def _patches(x: jax.Array, window: Window) -> jax.Array:
  """(examples, output height, output width, kernel height * kernel width * channels (+ 1))."""
  size, strides, pads, one = window
  x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
  high, wide = (x.shape[a + 1] - size[a] + 1 for a in (0, 1))
  offsets = ((i, j) for i in range(size[0]) for j in range(size[1]))
  parts = [x[:, i : i + high : strides[0], j : j + wide : strides[1]] for i, j in offsets]
  ones = [jnp.ones((*parts[0].shape[:3], 1), x.dtype)] if one else []
  return jnp.concatenate(parts + ones, -1)


def _spread(x: jax.Array, matrix: jax.Array, window: Window) -> jax.Array:
  """`_plain` for strides of 1, with more zeros around and then cut.

  Its transpose adds up slices of a product; the other's adds up padded ones, which XLA:CPU does
  entry by entry, with a branch for each.
  """
  (rows, columns), pads = window.size, window.pads
  wide, left = columns - 1, pads[1][0]
  x = jnp.pad(x, ((0, 0), pads[0], (0, 0), (0, 0)))
  high = x.shape[1] - rows + 1
  offsets = ((i, j) for i in range(rows) for j in range(columns))
  shifted = [
    jnp.pad(x[:, i : i + high], ((0, 0), (0, 0), (wide - j, j), (0, 0))) for i, j in offsets
  ]
  z = jnp.concatenate(shifted, -1) @ matrix
  return z[:, :, wide - left : z.shape[2] - wide + pads[1][1]]


# custom_jvp and no custom_vjp, so that curvature probes have forward mode.
_product = jax.custom_jvp(_plain, nondiff_argnums=(2,))


def _product_jvp(window: Window, primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]):
  """The product rule, each term in the form whose transpose XLA:CPU runs fast."""
  (x, matrix), (dx, dmatrix) = primals, tangents
  patches = _patches(x, window)
  z, terms = patches @ matrix, []
  if not isinstance(dx, SymbolicZero):
    moved = matrix[:-1] if window.one else matrix  # the 1 does not move
    spread = _spread if window.strides == (1, 1) else _plain
    terms.append(spread(dx, moved, window._replace(one=False)))
  if not isinstance(dmatrix, SymbolicZero):
    # The tangent in the kernel reads the patches again: they are kept, and not computed twice.
    terms.append(_by_rows(patches, dmatrix))
  return z, sum(terms) if terms else jnp.zeros_like(z)


_product.defjvp(_product_jvp, symbolic_zeros=True)


def _by_rows(patches: jax.Array, matrix: jax.Array) -> jax.Array:
  """patches @ matrix, in the form whose transpose in the matrix is fast."""
  size = patches.shape[-1]
  rows, shape = patches.reshape(-1, size), (*patches.shape[:-1], -1)
  if size < 64:
    # Some rows at a time: XLA would want the cotangent of them all by columns, and copy it.
    parts = math.gcd(len(patches), 16)
    each = jnp.broadcast_to(matrix, (parts, *matrix.shape))
    return jnp.matmul(rows.reshape(parts, -1, size), each).reshape(shape)
  # (outputs, places) @ (places, patch), which the barriers keep XLA from turning round: that takes
  # twice the time.
  fixed = lax.optimization_barrier
  return fixed(fixed(matrix.T) @ rows.T).T.reshape(shape)
