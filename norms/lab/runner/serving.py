"""What a process does that runs groups for another one: it asks at each epoch whether to go on."""

from collections.abc import Callable
import contextlib
import functools
import gc
import os
import pathlib
from typing import Any

import jax

from norms._src.xla_cpu import plain_formulas
from norms.lab import output, startup
from norms.lab.grouping import Group
from norms.lab.runner import tiles
from norms.lab.runner.execution import Stopped, Tick
from norms.lab.runner.limits import Limit
from norms.lab.runner.once import Once
from norms.lab.study import Study


def ask(pipe, group: Group, tick: Tick, limit: Limit) -> str:
  """Has the process at the pipe's other end run a group: '', or its failure as one line.

  Raises:
    EOFError, OSError: where that process has ended.
    limits.TooLong: where it takes longer than it may.
  """
  pipe.send(group)
  while not isinstance(said := _heard(pipe, limit), str):
    pipe.send(_goes_on(tick, group, said))
  return said


def _heard(pipe, limit: Limit):
  while not pipe.poll(limit.left()):
    pass
  return pipe.recv()


def _goes_on(tick: Tick, group: Group, said: tuple[int, int]) -> bool:
  try:
    tick(group, *said)
  except Stopped:
    return False
  return True


def begin(threads: int) -> None:
  """Before JAX starts; threads: what XLA then takes for the number of cores; 0: what it finds."""
  output.outlive()
  if threads:
    os.environ['NPROC'] = str(threads)
  startup.cache_compilations(threads)


def serve(
  pipe,
  study: Study,
  workdir: pathlib.Path,
  plain: bool,
  alone: Callable[[], None] | None = None,
) -> None:
  """Runs each group that is sent, and asks at each epoch whether to go on.

  alone: ends this process, where who asked is gone, killed perhaps.
  """
  device, once = jax.local_devices()[0], Once()
  gc.freeze()  # what is imported stays: to look through it takes 0.1 s, often while tracing

  def tick(group: Group, done: int, diverged: int) -> None:
    try:
      pipe.send((done, diverged))
      going = pipe.recv()
    except (EOFError, OSError):
      (alone or functools.partial(os._exit, 1))()  # leave no process behind
    if not going:
      raise Stopped

  with plain_formulas(plain):
    while (group := asked(pipe)) is not None:
      answer(pipe, tiles.guarded(group, study, workdir, once, device, tick))


def asked(pipe) -> Any:  # whatever that is
  """What the process at the pipe's other end asks for; None where it is gone, killed perhaps."""
  try:
    return pipe.recv()
  except (EOFError, ConnectionError):  # closed, perhaps before it was read
    return None


def answer(pipe, said: object) -> None:
  """Tells that process, unless it is gone."""
  with contextlib.suppress(ConnectionError):
    pipe.send(said)
