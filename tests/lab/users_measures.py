"""What a user measures and claims: a metric, and rules of claims, named by package.module:name."""

import multiprocessing

import jax.numpy as jnp

from norms.lab import statistics
from norms.lab.tasks import Regression


class Robust(Regression):
  """Numbers, by the magnitude of the error to the power of one and a half."""

  def loss(self, outputs, targets):
    return jnp.mean(jnp.abs(outputs - targets) ** 1.5, -1)


def in_worker(outputs, targets):
  """1 where the process that measures is not the one that the user has started."""
  del outputs
  return jnp.full(len(targets), float(multiprocessing.parent_process() is not None))


def falls(frame, *, norm, column='train_loss'):
  """At every seed the last value of `column` is below the first."""
  rows = frame[frame['norm'] == norm].sort_values('epoch').groupby('seed')[column]
  change = rows.last() - rows.first()
  low, high = float(change.min()), float(change.max())
  outcome = 'supported' if high < 0 else 'refuted'
  sentence = f'{column} of {norm} changes by at most {high:.4f}.'
  return statistics.Verdict('falls', outcome, high, (low, high, 'range'), len(change), sentence)
