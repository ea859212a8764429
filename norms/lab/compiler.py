"""What XLA is asked for when it compiles a program of the lab."""

from typing import Any

import jax


def options() -> dict[str, Any] | None:
  """On a CPU: groups run side by side, where threads inside a product only get in their way.

  The others compile faster, to code that is as fast: LLVM's first level of optimisation, and few
  modules, each of which costs it something.
  """
  asked = {
    'xla_cpu_multi_thread_eigen': False,
    'xla_backend_optimization_level': 1,
    'xla_cpu_parallel_codegen_split_count': 2,
  }
  return asked if jax.default_backend() == 'cpu' else None
