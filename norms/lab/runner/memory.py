"""How much memory there is for a tile: the device's, or what this process may have; and whether it
is what did not suffice."""

from collections.abc import Iterator
import errno
import os
import pathlib

import jax

CGROUPS, OWN = pathlib.Path('/sys/fs/cgroup'), pathlib.Path('/proc/self/cgroup')


class OutOfMemory(str):
  """The failure of a group, as one line, of which less at once may not fail."""


def failed(error: BaseException) -> bool:
  """Whether an error is that of too little memory: XLA's, Python's or the system's."""
  if isinstance(error, jax.errors.JaxRuntimeError):
    return str(error).startswith('RESOURCE_EXHAUSTED')
  return isinstance(error, MemoryError) or getattr(error, 'errno', None) == errno.ENOMEM


def size() -> int:
  """Bytes of the device; where that is the machine, no more than this process's group may have."""
  # JAX tells the memory of accelerators, and none of a CPU.
  stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != 'cpu' else None
  if limit := (stats or {}).get('bytes_limit'):
    return limit
  return min([os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'), *limits()])


def limits(cgroups: pathlib.Path = CGROUPS, own: pathlib.Path = OWN) -> Iterator[int]:
  """Bytes that the control groups around this process allow it: those of a container or a job."""
  for line in own.read_text().splitlines() if own.exists() else ():
    _, controllers, group = line.split(':', 2)
    if controllers and 'memory' not in controllers.split(','):
      continue
    # The first version has a folder for each controller, the second one for all.
    root = cgroups / 'memory' if controllers else cgroups
    name = 'memory.limit_in_bytes' if controllers else 'memory.max'
    inner = root / group.strip('/')
    for folder in [inner, *inner.parents]:
      if folder.is_relative_to(root) and (folder / name).is_file():
        text = (folder / name).read_text().strip()
        yield from [int(text)] if text.isdigit() else []  # else 'max': no limit
