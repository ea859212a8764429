"""How times are taken: interleaved, the minimum of several, after a warm-up."""

from collections.abc import Callable, Mapping
import statistics
import time


def interleaved(
  calls: Mapping[str, Callable[[], object]], rounds: int, before: Callable[[], object] = int
) -> dict[str, float]:
  """Seconds of each call: the minimum over rounds in which all take turns, so drift hits all.

  `before` is called before each, and its time not counted.
  """
  for call in calls.values():
    call()
  best = dict.fromkeys(calls, float('inf'))
  for _ in range(rounds):
    for name, call in calls.items():
      before()
      begun = time.perf_counter()
      call()
      best[name] = min(best[name], time.perf_counter() - begun)
  return best


def geometric_mean(values) -> float:
  """Of ratios."""
  return statistics.geometric_mean(list(values))
