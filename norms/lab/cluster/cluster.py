"""A study's groups on the workers of a Dask scheduler: python train.py --scheduler=tcp://HOST:8786

The scheduler decides which worker runs what. `parts` cuts the tasks, `driving` asks for them and
counts what is lost, `received` writes what comes back; a worker has `member`, `seats` and `seat`.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import functools
import logging
import os
import pathlib
import socket
from typing import Any

from norms.lab import modes
from norms.lab.cluster import parcel, seats
from norms.lab.grouping import Group
from norms.lab.runner import checks
from norms.lab.runner.execution import Tick
from norms.lab.study import Study
from norms.lab.workdir import claims, kept

WRITERS = ('driver', 'workers')
PATIENCE = 5  # seconds in which a scheduler must answer


@dataclasses.dataclass(frozen=True)
class Cluster:
  """The workers of a scheduler, as an engine of norms.lab.session.run.

  address: the scheduler's, as tcp://HOST:8786.
  write: who writes the files of results, 'driver' or 'workers', who then need the same folder.
  allow_versions: whether workers may have other versions of what makes figures.
  """

  address: str
  write: str = WRITERS[0]
  allow_versions: bool = False

  def __call__(
    self,
    study: Study,
    groups: tuple[Group, ...],
    workdir: str | os.PathLike,
    *,
    tick: Tick,
    fail_fast: bool = False,
    time_limit: float = 0,
  ) -> list[str]:
    """Runs the groups and records each tile as its task ends; a line per group that failed.

    The process of a group that takes longer than `time_limit` seconds, 0 for ever, is killed.

    Raises:
      ValueError: of one line, where the scheduler or a worker cannot be used, or is gone.
    """
    if study.checkpoint and self.write == WRITERS[0]:
      raise ValueError(
        f'config.checkpoint={study.checkpoint} needs a folder that workers share: give '
        '--write=workers, or set it to 0'
      )
    if not groups:
      return []
    checks.prepare(study, groups, workdir)
    trials = [trial for group in groups for trial in group.trials]
    done = functools.partial(kept.done, workdir, trials, study.keep)
    with connected(self.address) as client, claims.present(workdir):
      from norms.lab.cluster import driving  # which needs the package

      folder = '' if self.write == WRITERS[0] else str(pathlib.Path(workdir).absolute())
      facts = {} if self.allow_versions else parcel.facts()
      # All at once, since workers are asked for all: another driver has what this one leaves.
      with claims.held(workdir, trials, done) as mine:
        run = driving.Run(
          client, study, groups, mine, workdir, tick,
          folder=folder, facts=facts, limit=time_limit,
        )  # fmt: skip
        try:
          return run.all(fail_fast=fail_fast)
        except OSError as error:
          if error.errno is None:  # Dask's own, whatever was asked of the scheduler just then
            raise seats.no_scheduler(self.address) from error
          raise


def of(address: str | None, write: str, *, allow_versions: bool) -> Cluster | None:
  """The cluster of this address, or of the environment's; None where neither names one."""
  address = address or os.environ.get(modes.ADDRESS)
  return Cluster(address, write, allow_versions) if address else None


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
  """A client of the scheduler; ValueError, one line, where there is none."""
  try:
    import distributed
    from distributed.comm.addressing import get_address_host_port
  except ImportError as error:
    raise ValueError(
      f"--scheduler={address} needs the package distributed: pip install -e '.[cluster]'"
    ) from error
  for name in list(logging.root.manager.loggerDict):
    if name.startswith('distributed'):  # what it says in many lines is said here in one
      logging.getLogger(name).setLevel(logging.CRITICAL + 1)
  try:
    # A client would try for long, and go on to do so after it has given up.
    socket.create_connection(get_address_host_port(address), PATIENCE).close()
    client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
  except (OSError, ValueError) as error:
    raise ValueError(
      f'no scheduler answers at {address} ({error}): start one by `dask scheduler`, and give the '
      'address that it prints, as tcp://HOST:8786'
    ) from error
  try:
    yield client
  finally:
    with contextlib.suppress(Exception):  # whatever is said by one that is gone
      client.close(timeout=1)
