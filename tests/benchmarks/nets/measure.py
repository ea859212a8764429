"""Figures of a net's training step with Flax's norms, with ours, and without norms."""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import gc
import statistics
import time
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache
import numpy as np
from scipy import stats

from tests.benchmarks.nets.net import QUICK, Net

STAGES = 'trace', 'lower', 'compile'
COMPARED = 'flax', 'ours'
VARIANTS = (*COMPARED, 'none')


def measure(net: Net, dtype, *, tiny: bool, rounds: int, repeats: int) -> dict[str, Any]:
  """Of each variant: seconds of a step in each round, of each stage (the least of the repeats,
  since what else a machine does only ever adds to it), temporary bytes; and what follows.
  """
  draw = np.random.default_rng(0)
  made = {who: net.make(who, dtype, tiny) for who in VARIANTS}
  options = QUICK if tiny else {}
  compiled = {'none': staged(*made['none'], options)[1]}
  taken: dict[str, list] = {who: [] for who in COMPARED}
  for _ in range(repeats):
    for who in draw.permutation(COMPARED):
      seconds, compiled[who] = staged(*made[who], options)
      taken[who].append(seconds)
  least = {
    who: {stage: min(each[stage] for each in found) for stage in STAGES}
    for who, found in taken.items()
  }
  temporary = {who: c.memory_analysis().temp_size_in_bytes for who, c in compiled.items()}
  calls = {
    who: lambda c=c, args=made[who][1]: jax.block_until_ready(c(*args))
    for who, c in compiled.items()
  }
  seconds = in_turns(calls, rounds, draw)
  low, high = interval(ratios(seconds, 'ours', 'flax'))
  return {
    'milliseconds': {who: statistics.median(s) * 1e3 for who, s in seconds.items()},
    'norms_share': 1 - statistics.median(ratios(seconds, 'none', 'flax')),
    'step_ratio': {'median': statistics.median(ratios(seconds, 'ours', 'flax')),
                   'low': low, 'high': high},
    'build_seconds': least,
    'build_ratio': sum(least['ours'].values()) / sum(least['flax'].values()),
    'temporary_bytes': temporary,
    'temporary_ratio': temporary['ours'] / temporary['flax'],
    'seconds_by_round': seconds,
    'build_seconds_by_repeat': taken,
  }  # fmt: skip


def staged(step: Callable, args: tuple, options: dict) -> tuple[dict[str, float], Any]:
  """Seconds from a step to its program, stage by stage, nothing being known of it; the program."""
  jax.clear_caches()
  with _no_collection():
    times = [time.perf_counter()]
    made: Any = jax.jit(step).trace(*args)
    times.append(time.perf_counter())
    made = made.lower()
    times.append(time.perf_counter())
    made = made.compile(options)
    times.append(time.perf_counter())
  return dict(zip(STAGES, np.diff(times).tolist(), strict=True)), made


def in_turns(calls: Mapping[str, Callable], rounds: int, draw) -> dict[str, list[float]]:
  """Seconds of each call in each round, in which each is called once, in a random order."""
  for call in (*calls.values(), *calls.values()):
    call()
  seconds: dict[str, list[float]] = {who: [] for who in calls}
  with _no_collection():
    for _ in range(rounds):
      for who in draw.permutation(list(calls)):
        begun = time.perf_counter()
        calls[who]()
        seconds[who].append(time.perf_counter() - begun)
  return seconds


def ratios(seconds: Mapping[str, Sequence[float]], above: str, below: str) -> list[float]:
  """One for each round: what slows a whole round down is in neither."""
  return [a / b for a, b in zip(seconds[above], seconds[below], strict=True)]


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
  """Of the median, for values of any distribution: from one order statistic to another.

  As many values lie below the median as a fair coin falls on heads; where there are too few of
  them for the confidence, the interval is their range.
  """
  left_out = int(stats.binom.ppf((1 - confidence) / 2, len(values), 0.5)) - 1
  left_out = max(0, left_out)
  ordered = sorted(values)
  return ordered[left_out], ordered[-1 - left_out]


def without_cache() -> None:
  """From here on, what is compiled is neither kept on disk nor read from there."""
  jax.config.update('jax_enable_compilation_cache', False)
  compilation_cache.reset_cache()  # it may have been found on before


@contextlib.contextmanager
def _no_collection():
  """Nothing is collected meanwhile; what was left is, before."""
  gc.collect()
  gc.disable()
  try:
    yield
  finally:
    gc.enable()
