"""Sums of v y, y = (x - shift) rstd, that never write y down where shift is all zeros.

XLA:CPU adds up an array, or a product of two, five times as fast as anything that it must write
down first. Whether shift is zero is known at run time only, so one of two sums is run; for JAX to
differentiate and transpose that without keeping a second array like x it is a primitive, in a pair:

    covary(v, x, shift, rstd) = rstd sum v (x - shift)
    times(c, x, shift, rstd) = c (x - shift) rstd

Each is the other's transpose in its first argument; c, shift and rstd have the sum's shape. For the
same reason `scaled` multiplies so that its transposes are products of matrices.

A few entries XLA:CPU adds up in one chain, rounding at each; here they are added in two stages.
"""

import functools
import math

import jax
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
import jax.numpy as jnp

from norms.reduction import compute_dtype

# From 2**13 entries on one pass would be faster (1.2 to 1.8 times), but it rounds more than two: at
# 2**15 group norm's outputs would be 5.7e-8 from other libraries' on average, and not below 5e-8.
LARGE = 2**16
FEW = 2**12  # so many, and more, XLA:CPU sums by a library, which rounds less than one chain


def pays(x, *others) -> bool:
  """Whether these are real arrays of one dtype, and x is large and on a CPU."""
  return (
    jax.default_backend() == 'cpu'
    and x.size >= LARGE
    and x.dtype in (jnp.float32, jnp.float64)
    and all(a.dtype == x.dtype for a in others if a is not None)
  )


def covary(v, x, shift, rstd, *, axes: tuple[int, ...], choose: bool):
  """rstd times the sum of v (x - shift) over the axes, which are kept; 0 where rstd is.

  choose: ask at run time whether shift is zero.
  """
  return _covary.bind(v, x, shift, rstd, axes=axes, choose=choose)


def times(c, x, shift, rstd, *, axes: tuple[int, ...], choose: bool):
  """c (x - shift) rstd; axes and choose are for the transpose."""
  c, shift = (jnp.broadcast_to(a, rstd.shape) for a in (c, shift))
  return _times.bind(c, x, shift, rstd, axes=axes, choose=choose)


def _sum(a, axes):
  if not _staged(a.shape, axes):
    return jnp.sum(a, axes, keepdims=True)
  first, *rest = _longer(a.shape, axes)
  parts = lax.optimization_barrier(jnp.sum(a, rest, keepdims=True))  # else XLA makes it one sum
  return jnp.sum(parts, first, keepdims=True)


def along(b, shape: tuple[int, ...]):
  """b, to be broadcast to the shape: the transpose is a sum like those above."""
  axes = [i for i, n in enumerate(jnp.shape(b)) if n == 1]
  if not _staged(shape, axes):
    return b
  first = _longer(shape, axes)[0]
  parts = [*b.shape[:first], shape[first], *b.shape[first + 1 :]]
  return lax.optimization_barrier(jnp.broadcast_to(b.astype(compute_dtype(b)), parts))


def _staged(shape, axes) -> bool:
  few = math.prod(shape) < FEW and jax.default_backend() == 'cpu'
  return few and len(_longer(shape, axes)) > 1


def _longer(shape, axes) -> list[int]:
  return [i for i in axes if shape[i] > 1]


def _scaled(rstd, total):
  return jnp.where(rstd == 0, 0, rstd * total)  # where rstd is 0 the total may be infinite


def _plain_covary(v, x, shift, rstd, *, axes, **_):
  return _scaled(rstd, _sum(v * (x - shift), axes))


def _chosen_covary(v, x, shift, rstd, *, axes, choose):
  if not choose:
    return _plain_covary(v, x, shift, rstd, axes=axes)
  as_it_is = lambda v, x, _: _sum(v * x, axes)  # noqa: E731
  shifted = lambda v, x, shift: _sum(v * (x - shift), axes)  # noqa: E731
  return _scaled(rstd, lax.cond(jnp.all(shift == 0), as_it_is, shifted, v, x, shift))


def _plain_times(c, x, shift, rstd, **_):
  return c * ((x - shift) * rstd)  # in this order: c * rstd may be too small for a float


def _primitive(name: str, lowered, plain) -> Primitive:
  """A primitive of the type of `plain`, which it is where vmapped."""
  made = Primitive(name)

  @functools.lru_cache  # a layer asks eight times, the next of its shape eight times more
  def typed(*avals, **options):  # varying over a mesh's axes, and sharded, as JAX would have it
    return jax.make_jaxpr(functools.partial(plain, **options))(*avals).out_avals[0]

  def batched(args, dims, **options):
    return jax.vmap(functools.partial(plain, **options), in_axes=tuple(dims))(*args), 0

  made.def_abstract_eval(typed)
  made.def_impl(jax.jit(lowered, static_argnames=('axes', 'choose')))
  mlir.register_lowering(made, mlir.lower_fun(lowered, multiple_results=False))

  batching.primitive_batchers[made] = batched
  return made


_covary = _primitive('covary', _chosen_covary, _plain_covary)
_times = _primitive('times', _plain_times, _plain_times)


def _transposed_by(other: Primitive):
  def transpose(ct, linear, *others, **options):
    made = ad.Zero(linear.aval) if type(ct) is ad.Zero else other.bind(ct, *others, **options)
    return made, None, None, None

  return transpose


ad.primitive_transposes[_covary] = _transposed_by(_times)
ad.primitive_transposes[_times] = _transposed_by(_covary)
ad.defjvp(
  _covary,
  lambda dv, v, *others, **options: _covary.bind(dv, *others, **options),
  lambda dx, v, x, shift, rstd, *, axes, **_: rstd * _sum(v * dx, axes),
  lambda dshift, v, x, shift, rstd, *, axes, **_: -rstd * _sum(v, axes) * dshift,
  lambda drstd, v, x, shift, rstd, *, axes, **_: drstd * _sum(v * (x - shift), axes),
)
ad.defjvp(
  _times,
  lambda dc, c, *others, **options: _times.bind(dc, *others, **options),
  lambda dx, c, x, shift, rstd, **_: c * (rstd * dx),
  lambda dshift, c, x, shift, rstd, **_: jnp.broadcast_to(-c * (rstd * dshift), x.shape),
  lambda drstd, c, x, shift, rstd, **_: c * ((x - shift) * drstd),
)


def scaled(scale, a):
  """scale * a, as a product of matrices where it is one of a column and a row.

  Its transposes are then such products, too, in which XLA:CPU is several times as fast as in sums.
  """
  if scale is None:
    return a
  rows, columns = ([i for i, n in enumerate(b.shape) if n > 1] for b in (a, scale))
  if not rows or not columns or rows[-1] >= columns[0] or jnp.iscomplexobj(a):
    return scale * a
  outer = jnp.matmul(a.reshape(-1, 1), scale.reshape(1, -1), precision=lax.Precision.HIGHEST)
  return outer.reshape(jnp.broadcast_shapes(a.shape, scale.shape))
