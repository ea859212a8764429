"""What is special to XLA on CPUs, beside its plain formula, and chosen when a program is lowered.

XLA:CPU puts an elementwise formula into each loop that reads its result: a loop that reads it for
the value, and others for the derivative, each read the arguments and compute it again. So two
formulas are written on CPUs as a call that XLA does not inline. The call writes its result once,
and x is free until the backward pass.

    subtract      d = x - shift
    standardize   y = (x - shift - drift) rstd

They stay plain on other platforms, on a mesh, for few entries, for sizes that an exported program
leaves open, under vmap, and within `plain_formulas`.

Both are one JAX primitive, since a primitive alone can have a lowering of its own for each
platform. A program that is exported for several platforms holds each one's formula.
"""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import contextvars
import functools
import math
import os
from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.typing import DTypeLike

from norms._src.arithmetic import convert, mul, sub

Formula = Callable[..., jax.Array]

LARGE = 2**14  # entries from which a formula is written as a call

# A context variable: what one thread asks for changes no program that another one traces.
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
  return _write(_difference, shift.dtype, x, shift)


def standardize(
  x: jax.Array, shift: jax.Array | None, drift: jax.Array | None, rstd: jax.Array
) -> jax.Array:
  """(x - shift - drift) rstd, of the shape and dtype of x; None stands for 0."""
  means = [a for a in (shift, drift) if a is not None]
  return _write(_standardized, x.dtype, x, *means, rstd)


def _difference(x: jax.Array, shift: jax.Array) -> jax.Array:
  return sub(convert(x, shift.dtype), shift)


def _standardized(x: jax.Array, *means_and_rstd: jax.Array) -> jax.Array:
  *means, rstd = means_and_rstd
  return mul(functools.reduce(sub, means, x), rstd)


_write_p = Primitive('norms_write')


def _write(plain: Formula, dtype: DTypeLike, *args: jax.Array) -> jax.Array:
  """plain(*args), of the first argument's shape; as a call for LARGE arrays on a single CPU."""
  written: jax.Array = _write_p.bind(*args, plain=plain, dtype=dtype)
  return written


# Cached, since each layer asks several times, and the next layer of its shape just as often.
@functools.lru_cache
def _abstract_eval(
  *avals: jax.core.ShapedArray, plain: Formula, dtype: DTypeLike
) -> jax.core.AbstractValue:
  if all(aval.sharding.mesh.empty for aval in avals):  # in a tenth of the time
    return jax.core.ShapedArray(avals[0].shape, dtype)
  # On a mesh the type also says how the result is sharded, and along which axes it varies.
  aval: jax.core.AbstractValue = jax.make_jaxpr(plain)(*avals).out_avals[0]
  return aval


def _not_inlined(*args: jax.Array, plain: Formula, dtype: DTypeLike) -> jax.Array:
  # Imported here, since it is experimental: a version of jax that has moved it breaks CPUs only.
  from jax.experimental.scheduling_groups import xla_metadata_call

  written: jax.Array = xla_metadata_call(plain, inlineable='false')(*args)
  return written


def _plain(*args: jax.Array, plain: Formula, dtype: DTypeLike) -> jax.Array:
  return plain(*args)


def _lower_on_cpu(
  ctx: mlir.LoweringRuleContext, *args: object, **params: Formula | DTypeLike
) -> Any:  # values of MLIR, whose types are generic for the checker and not when run
  shape = ctx.avals_out[0].shape
  large = all(isinstance(n, int) for n in shape) and math.prod(shape) >= LARGE
  # shard_map lowers in a context of another class, which has no num_devices.
  alone = getattr(ctx.module_context.axis_context, 'num_devices', None) == 1
  special = _not_inlined if large and alone else _plain
  return mlir.lower_fun(special, multiple_results=False)(ctx, *args, **params)


def _batch(
  args: Sequence[jax.Array], dims: Sequence[int | None], *, plain: Formula, dtype: DTypeLike
) -> tuple[jax.Array, int]:
  return jax.vmap(plain, tuple(dims))(*args), 0


def _jvp(
  primals: Sequence[jax.Array], tangents: Sequence[jax.Array | ad.Zero],
  *, plain: Formula, dtype: DTypeLike,
) -> tuple[jax.Array, jax.Array]:  # fmt: skip
  # The tangent is no call: XLA fuses it with the sums that read it. jax.jvp takes arrays only.
  _, tangent = jax.jvp(plain, tuple(primals), tuple(map(ad.instantiate_zeros, tangents)))
  return _write(plain, dtype, *primals), tangent


_write_p.def_impl(jax.jit(_plain, static_argnames=('plain', 'dtype')))
_write_p.def_abstract_eval(_abstract_eval)
ad.primitive_jvps[_write_p] = _jvp
batching.primitive_batchers[_write_p] = _batch
mlir.register_lowering(_write_p, mlir.lower_fun(_plain, multiple_results=False))
# JAX prefers the lowering of a platform to the general one.
mlir.register_lowering(_write_p, _lower_on_cpu, platform='cpu')
