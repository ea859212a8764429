"""The processes of one job, each with its own devices: all take part in every step, one writes."""

from collections.abc import Mapping
import hashlib
import os

import jax
from jax.experimental import multihost_utils
import numpy as np

# By which a cluster says how many processes a job has, where JAX finds out the rest.
COUNTS = ('SLURM_STEP_NUM_TASKS', 'OMPI_COMM_WORLD_SIZE')


def join(unshared: Mapping[str, float]) -> None:
  """Joins the other processes of this job, where the environment announces any; once at most.

  That is JAX_COORDINATOR_ADDRESS with JAX_NUM_PROCESSES and JAX_PROCESS_ID, or what Slurm, Open MPI
  or a TPU pod sets, which JAX reads by itself. It must be called before JAX looks for devices.

  Args:
    unshared: by its name, what a job of several processes does not do.

  Raises:
    ValueError: where the three variables are not all there, or the study asks for such a thing.
  """
  if not jax.distributed.is_initialized():
    if 'JAX_COORDINATOR_ADDRESS' in os.environ:
      count, place = (_number(name) for name in ('JAX_NUM_PROCESSES', 'JAX_PROCESS_ID'))
      jax.distributed.initialize(num_processes=count, process_id=place)
    elif _announced():
      jax.distributed.initialize()
  for key, value in unshared.items():
    if value and jax.distributed.is_initialized():
      raise ValueError(f'{key}={value} is for a job of one process: set it to 0')


def leads() -> bool:
  """Whether this process is the one that writes."""
  return not jax.distributed.is_initialized() or jax.process_index() == 0


def agree(plan: str) -> None:
  """Waits for all processes; raises ValueError unless they have the same plan."""
  if not jax.distributed.is_initialized():
    return
  digest = np.frombuffer(hashlib.sha256(plan.encode()).digest(), np.uint8)
  every = multihost_utils.process_allgather(digest)
  if (np.asarray(every) != digest).any():
    raise ValueError(
      'the processes of this job plan different trials: give all of them the same command, and a '
      '--workdir that all of them read'
    )


def _announced() -> bool:
  several = any(int(os.environ.get(name) or 1) > 1 for name in COUNTS)
  return several or ',' in os.environ.get('TPU_WORKER_HOSTNAMES', '')


def _number(name: str) -> int:
  value = os.environ.get(name, '')
  if not value.isdecimal():
    raise ValueError(f'{name}={value!r} beside JAX_COORDINATOR_ADDRESS: set it to a whole number')
  return int(value)
