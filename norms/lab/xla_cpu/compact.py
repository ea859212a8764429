"""Functions of few numbers, each compiled into one kernel.

XLA:CPU cuts a function into loops with one result each and takes about 10 ms to compile any of
them, whatever is in it: of a small net's step a third is arithmetic on a few vectors and scalars.
A call with the marks below is not inlined and becomes one kernel instead, in programs that are
lowered for CPUs. The marks say how a program is compiled and nothing else; they are XLA's own and
no promise, so that a version for which no test has run compiles without them.
"""

from collections.abc import Callable, Iterator
import contextlib
import contextvars
import functools

import jax
from jax import lax

from norms._src.xla_cpu import special_formulas_allowed
from norms.lab.xla_cpu import compiler

MARKS = {'inlineable': 'false', 'xla_cpu_small_call': 'true'}
# The largest number of entries: XLA sums more by a library, which such a kernel cannot call.
MOST = 2**12 - 1

_wanted = contextvars.ContextVar('compact', default=False)


@contextlib.contextmanager
def compacted(wanted: bool) -> Iterator[None]:
  """A context that marks compact functions; not for vmap, which hides how large arrays are."""
  known = special_formulas_allowed() and compiler.tested()
  before = _wanted.set(wanted and known)
  try:
    yield
  finally:
    _wanted.reset(before)


def compact(f: Callable) -> Callable:
  """f of few numbers, which `compacted` makes one kernel on a CPU, and its derivative another."""

  @functools.wraps(f)
  def called(*args):
    if not _wanted.get() or sum(a.size for a in jax.tree.leaves(args)) > MOST:
      return f(*args)
    # Imported here, since it is experimental: another version of jax may have moved it.
    from jax.experimental.scheduling_groups import xla_metadata_call

    marked = xla_metadata_call(f, **MARKS)
    return lax.platform_dependent(*args, cpu=marked, default=f)

  return called
