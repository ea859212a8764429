"""The options with which XLA compiles a program of the lab."""

from typing import Any

import jax

from norms._src.xla_cpu import special_formulas_allowed

TESTED = (0, 10)  # of jax: only these versions get options and marks that XLA does not promise


def tested() -> bool:
  """Whether tests have run with this version of jax."""
  return jax.__version_info__[:2] == TESTED


def options() -> dict[str, Any] | None:
  """XLA's options on a CPU; None, its defaults, elsewhere and under norms.plain_formulas.

  Groups run side by side, where threads inside a product only get in their way.

  The next two compile faster, to code that is as fast: LLVM's first level of optimisation, and few
  modules, each of which costs it something. The last spares a loop the copies of kernels that are
  read before they are written over: 7 % of a step at batch 4, the same to the bit.
  """
  # A program is compiled where it runs, so that its platform is known here.
  if not special_formulas_allowed() or jax.default_backend() != 'cpu':
    return None
  flags: dict[str, Any] = {  # XLA takes whole numbers, too, which jax does not say
    'xla_cpu_multi_thread_eigen': False,
    'xla_backend_optimization_level': 1,
    'xla_cpu_parallel_codegen_split_count': 2,
  }
  if tested():
    flags['xla_cpu_copy_insertion_use_region_analysis'] = True
  return flags
