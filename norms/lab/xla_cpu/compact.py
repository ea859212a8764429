"""Functions of few numbers, each compiled into one kernel.

XLA:CPU cuts a function into loops with one result each and takes about 10 ms to compile any of
them, whatever is in it: of a small net's step a third is arithmetic on a few vectors and scalars.
A call that it is told not to inline, and that is marked as small, becomes one kernel instead. The
marks say how a program is compiled and nothing else; they are XLA's own and no promise, so that a
version for which no test has run compiles without them.
"""

from collections.abc import Callable, Iterator
import contextlib
import contextvars
import functools

import jax

from norms.lab.xla_cpu import compiler

MARKS = {'inlineable': 'false', 'xla_cpu_small_call': 'true'}
# Numbers given. XLA sums more by a library, which such a kernel cannot call: an error.
MOST = 2**12 - 1

_wanted = contextvars.ContextVar('compact', default=False)


@contextlib.contextmanager
def compacted(wanted: bool) -> Iterator[None]:
  """Within: whether compact functions are marked; not where vmap hides how large arrays are."""
  known = compiler.on_cpu() and compiler.tested()
  before = _wanted.set(wanted and known)
  try:
    yield
  finally:
    _wanted.reset(before)


def compact(f: Callable) -> Callable:
  """f, of a few arrays; where that is wanted as one kernel, and its derivative as one."""

  @functools.wraps(f)
  def called(*args):
    if not _wanted.get() or sum(a.size for a in jax.tree.leaves(args)) > MOST:
      return f(*args)
    # Here: another version of jax, which is not asked for it, may have it elsewhere.
    from jax.experimental.scheduling_groups import xla_metadata_call

    return xla_metadata_call(f, **MARKS)(*args)

  return called
