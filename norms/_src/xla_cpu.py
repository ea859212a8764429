"""What is special to XLA on CPUs, beside its plain formula, and chosen when a program is lowered.

XLA:CPU sums an array, or a product of two arrays, by a library call, several times as fast as it
sums an intermediate result, which it must write to memory first. Two formulas are therefore written
otherwise on CPUs. They stay plain on other platforms, on a mesh, for few entries, for sizes that an
exported program leaves open, under vmap, and within `plain_formulas`.

    subtract   x - shift    as a call that XLA does not inline. It writes the difference once, and x
                            is free until the backward pass; inlined, each loop that reads the
                            difference would read x and subtract again.
    outer      a b          of a column and a row, as a product of matrices, and likewise its two
                            transposes, the sums of g b and of g a; else XLA would write b down as
                            an array of the size of g.

Each is a JAX primitive, since a primitive alone can have a lowering of its own for each platform.
A program that is exported for several platforms holds each one's formula.
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

# Entries from which each is written otherwise. A product of matrices takes longer to compile than
# a loop, and on fewer entries it saves a training step less than that costs.
PRODUCTS = 'outer', 'sum_to_row', 'sum_to_column'
LARGE = {'subtract': 2**14} | dict.fromkeys(PRODUCTS, 2**17)

_plain_wanted = contextvars.ContextVar(
  'plain_formulas', default=os.environ.get('NORMS_PLAIN_FORMULAS', '0') not in ('', '0')
)


@contextlib.contextmanager
def plain_formulas(wanted: bool = True) -> Iterator[None]:
  """A context in which programs are traced with plain formulas, none of them special to a platform.

  Enter it before a function is traced: a program that is compiled already stays as it is. The
  environment variable NORMS_PLAIN_FORMULAS=1 does the same for a whole process.

  Args:
    wanted: False allows the formulas that are special to a platform again.
  """
  token = _plain_wanted.set(wanted)
  try:
    yield
  finally:
    _plain_wanted.reset(token)


def special_formulas_allowed() -> bool:
  """Whether a program that is traced now may use the formulas that are special to a platform."""
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
  """Whether a b is a product that `outer` can take."""
  shapes = a.shape[-1:] == (1,) and all(isinstance(n, int) and n == 1 for n in b.shape[:-1])
  return shapes and a.ndim == b.ndim > 1 and a.dtype == b.dtype and not jnp.iscomplexobj(a)


def _difference(x: jax.Array, shift: jax.Array) -> jax.Array:
  return x.astype(shift.dtype) - shift


def _difference_not_inlined(x: jax.Array, shift: jax.Array) -> jax.Array:
  # Imported here, since it is experimental: a version of jax that has moved it breaks CPUs only.
  from jax.experimental.scheduling_groups import xla_metadata_call

  difference: jax.Array = xla_metadata_call(_difference, inlineable='false')(x, shift)
  return difference


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
  return a * b


# The two transposes of a b: each sums the cotangent g, times the other factor, to its own shape.
def _sum_to_row(g: jax.Array, a: jax.Array) -> jax.Array:
  """Sums g a, for a column a, over all axes but the last."""
  return jnp.sum(g * a, range(g.ndim - 1), keepdims=True)


def _sum_to_column(g: jax.Array, b: jax.Array) -> jax.Array:
  """Sums g b, for a row b, over the last axis."""
  return jnp.sum(g * b, -1, keepdims=True)


# The same three as products of matrices.
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
  """A primitive that computes `plain`, but `on_cpu` for arrays of LARGE[name] on a single CPU.

  shape: computes the shape of the result from those of both arguments.
  """
  primitive = Primitive(f'norms_{name}')

  # Cached, since each layer asks several times, and the next layer of its shape just as often.
  @functools.lru_cache
  def abstract_eval(x: Any, y: Any) -> Any:
    if x.sharding.mesh.empty and y.sharding.mesh.empty:  # in a tenth of the time
      return jax.core.ShapedArray(shape(x.shape, y.shape), y.dtype)
    # On a mesh the type also says how the result is sharded, and along which axes it varies.
    return jax.make_jaxpr(plain)(x, y).out_avals[0]

  def lower_on_cpu(ctx: Any, *args: Any) -> Any:
    shapes = [aval.shape for aval in ctx.avals_in]
    known = all(isinstance(n, int) for shape in shapes for n in shape)
    large = known and max(map(math.prod, [*shapes, ctx.avals_out[0].shape])) >= LARGE[name]
    # shard_map lowers in a context of another class, which has no num_devices.
    alone = getattr(ctx.module_context.axis_context, 'num_devices', None) == 1
    special = on_cpu if large and alone else plain
    return mlir.lower_fun(special, multiple_results=False)(ctx, *args)

  def batch(args: Any, dims: Any) -> Any:
    return jax.vmap(plain, tuple(dims))(*args), 0

  primitive.def_impl(jax.jit(plain))
  primitive.def_abstract_eval(abstract_eval)
  batching.primitive_batchers[primitive] = batch
  mlir.register_lowering(primitive, mlir.lower_fun(plain, multiple_results=False))
  mlir.register_lowering(primitive, lower_on_cpu, platform='cpu')
  return primitive


def _row_shape(g: Shape, a: Shape) -> Shape:
  return (*[1] * (len(g) - 1), g[-1])


_subtract_p = _primitive('subtract', lambda x, shift: x, _difference, _difference_not_inlined)
_outer_p = _primitive('outer', lambda a, b: (*a[:-1], b[-1]), _product, _product_by_dot)
_sum_to_row_p = _primitive('sum_to_row', _row_shape, _sum_to_row, _sum_to_row_by_dot)
_sum_to_column_p = _primitive(
  'sum_to_column', lambda g, b: (*g[:-1], 1), _sum_to_column, _sum_to_column_by_dot
)


def _subtract_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
  # The tangent is no call: XLA fuses it with the sums that read it.
  dx, dshift = map(ad.instantiate_zeros, tangents)
  return subtract(*primals), _difference(dx, dshift)


ad.primitive_jvps[_subtract_p] = _subtract_jvp
# The other three are bilinear, and each one's transposes are the other two: hence all derivatives.
ad.defbilinear(
  _outer_p, lambda g, a, b: _sum_to_column_p.bind(g, b), lambda g, a, b: _sum_to_row_p.bind(g, a)
)
ad.defbilinear(
  _sum_to_row_p, lambda c, g, a: _outer_p.bind(a, c), lambda c, g, a: _sum_to_column_p.bind(g, c)
)
ad.defbilinear(
  _sum_to_column_p, lambda c, g, b: _outer_p.bind(c, b), lambda c, g, b: _sum_to_row_p.bind(g, c)
)
