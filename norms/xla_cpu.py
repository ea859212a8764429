"""What is special to XLA on CPUs, beside its plain formula, and chosen when a program is lowered.

XLA:CPU sums an array, or a product of two, by a library, several times as fast as anything that it
must write down first. Two formulas are written otherwise for it, there alone: on one device, for
many entries. On a mesh, for unknown sizes, under vmap and under `plain_formulas` they are plain.

    subtract   x - shift    as a call that is not inlined: written once, and x is free until the
                            backward pass; else each loop that reads the difference reads x.
    outer      a b          of a column and a row, as a product of matrices, and so its transposes,
                            the sums of g b and of g a; else XLA writes b down as large as g.
"""

from collections.abc import Callable, Iterator
import contextlib
import contextvars
import functools
import math
import os
from typing import Any

import jax
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
import jax.numpy as jnp

Shape = tuple[int, ...]
Axes = tuple[int, ...]
Formula = Callable[[jax.Array, jax.Array], jax.Array]

LARGE = 2**14  # below so many entries a loop costs no more than a call

_plain_wanted = contextvars.ContextVar(
  'plain_formulas', default=os.environ.get('NORMS_PLAIN_FORMULAS', '0') not in ('', '0')
)


@contextlib.contextmanager
def plain_formulas(wanted: bool = True) -> Iterator[None]:
  """Within: programs are traced by the plain formulas alone, with nothing special to a platform.

  Set it before a function is traced: what is compiled already stays as it is. The environment
  variable NORMS_PLAIN_FORMULAS=1 does the same for a whole process.

  Args:
    wanted: False takes what is special to a platform again.
  """
  token = _plain_wanted.set(wanted)
  try:
    yield
  finally:
    _plain_wanted.reset(token)


def special_formulas() -> bool:
  """Whether what is special to a platform may be used, in a program that is traced now."""
  return not _plain_wanted.get()


def subtract(x: jax.Array, shift: jax.Array) -> jax.Array:
  """x - shift, of the shape of x and the dtype of shift."""
  difference: jax.Array = _subtract_p.bind(x, shift)
  return difference


def outer(a: jax.Array, b: jax.Array) -> jax.Array:
  """a b, for a of shape (..., 1) and b of shape (1, ..., 1, n), both real and of one dtype."""
  product: jax.Array = _outer_p.bind(a, b)
  return product


def is_outer(a: jax.Array, b: jax.Array) -> bool:
  """Whether `outer` takes them."""
  shapes = a.shape[-1:] == (1,) and all(isinstance(n, int) and n == 1 for n in b.shape[:-1])
  return shapes and a.ndim == b.ndim > 1 and a.dtype == b.dtype and not jnp.iscomplexobj(a)


def _difference(x: jax.Array, shift: jax.Array) -> jax.Array:
  return x.astype(shift.dtype) - shift


def _called(x: jax.Array, shift: jax.Array) -> jax.Array:
  # Here, since another version of jax may have it elsewhere.
  from jax.experimental.scheduling_groups import xla_metadata_call

  difference: jax.Array = xla_metadata_call(_difference, inlineable='false')(x, shift)
  return difference


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
  return a * b


def _sum_to_row(
  g: jax.Array, a: jax.Array
) -> jax.Array:  # of g a over all axes but the last, for a column a
  return jnp.sum(g * a, range(g.ndim - 1), keepdims=True)


def _sum_to_column(
  g: jax.Array, b: jax.Array
) -> jax.Array:  # of g b over the last axis, for a row b
  return jnp.sum(g * b, -1, keepdims=True)


def _dot(
  a: jax.Array, b: jax.Array, contracted_a: Axes, contracted_b: Axes, shape: Shape
) -> jax.Array:
  dimensions = ((contracted_a, contracted_b), ((), ()))
  return lax.dot_general(a, b, dimensions, precision=lax.Precision.HIGHEST).reshape(shape)


def _product_by_dot(a: jax.Array, b: jax.Array) -> jax.Array:
  return _dot(a, b.reshape(1, -1), (a.ndim - 1,), (0,), (*a.shape[:-1], b.shape[-1]))


def _sum_to_row_by_dot(g: jax.Array, a: jax.Array) -> jax.Array:
  axes = tuple(range(g.ndim - 1))
  return _dot(a.reshape(a.shape[:-1]), g, axes, axes, (*[1] * len(axes), g.shape[-1]))


def _sum_to_column_by_dot(g: jax.Array, b: jax.Array) -> jax.Array:
  return _dot(g, b.reshape(-1), (g.ndim - 1,), (0,), (*g.shape[:-1], 1))


def _primitive(
  name: str, shape: Callable[[Shape, Shape], Shape], plain: Formula, on_cpu: Formula
) -> Primitive:
  """A primitive of the type of `plain`, which it is but on one CPU, for large arrays.

  shape: that of the result, from those of both arguments.
  """
  made = Primitive(name)

  @functools.lru_cache  # a layer asks a few times, the next of its shape as often
  def typed(x: Any, y: Any) -> Any:
    if x.sharding.mesh.empty and y.sharding.mesh.empty:  # in a tenth of the time
      return jax.core.ShapedArray(shape(x.shape, y.shape), y.dtype)
    # Varying over a mesh's axes, and sharded, as JAX would have it.
    return jax.make_jaxpr(plain)(x, y).out_avals[0]

  def lower_on_cpu(ctx: Any, *args: Any) -> Any:
    shapes = [aval.shape for aval in ctx.avals_in]
    known = all(isinstance(n, int) for shape in shapes for n in shape)
    large = known and max(map(math.prod, [*shapes, ctx.avals_out[0].shape])) >= LARGE
    # Under shard_map a context of another class has no such number.
    alone = getattr(ctx.module_context.axis_context, 'num_devices', None) == 1
    special = on_cpu if large and alone else plain
    return mlir.lower_fun(special, multiple_results=False)(ctx, *args)

  made.def_impl(jax.jit(plain))
  made.def_abstract_eval(typed)
  batching.primitive_batchers[made] = lambda args, dims: (jax.vmap(plain, tuple(dims))(*args), 0)
  mlir.register_lowering(made, mlir.lower_fun(plain, multiple_results=False))
  mlir.register_lowering(made, lower_on_cpu, platform='cpu')
  return made


def _row(g: Shape, a: Shape) -> Shape:
  return (*[1] * (len(g) - 1), g[-1])


_subtract_p = _primitive('norms_subtract', lambda x, shift: x, _difference, _called)
_outer_p = _primitive('norms_outer', lambda a, b: (*a[:-1], b[-1]), _product, _product_by_dot)
_sum_to_row_p = _primitive('norms_sum_to_row', _row, _sum_to_row, _sum_to_row_by_dot)
_sum_to_column_p = _primitive(
  'norms_sum_to_column', lambda g, b: (*g[:-1], 1), _sum_to_column, _sum_to_column_by_dot
)


def _subtract_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
  dx, dshift = map(ad.instantiate_zeros, tangents)
  return subtract(*primals), _difference(dx, dshift)


ad.primitive_jvps[_subtract_p] = _subtract_jvp
# Each is linear in either argument: these are the transposes.
ad.defbilinear(
  _outer_p, lambda g, a, b: _sum_to_column_p.bind(g, b), lambda g, a, b: _sum_to_row_p.bind(g, a)
)
ad.defbilinear(
  _sum_to_row_p, lambda c, g, a: _outer_p.bind(a, c), lambda c, g, a: _sum_to_column_p.bind(g, c)
)
ad.defbilinear(
  _sum_to_column_p, lambda c, g, b: _outer_p.bind(c, b), lambda c, g, b: _sum_to_row_p.bind(g, c)
)
