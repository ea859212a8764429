"""Metrics by the names that config.metrics takes: functions of a split's outputs and targets.

Those of classes take logits (..., classes) and whole numbers (...); those of numbers take outputs
and targets (examples, k). All are computed in at least float32.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from norms.lab.columns import HIGHER, LOWER, POSITIVE, SHARE
from norms.lab.tasks.task import Metric


def accuracy(logits, labels):
  """The share of targets whose logit is the largest."""
  return jnp.mean(jnp.argmax(logits, -1) == labels)


def top5_accuracy(logits, labels):
  """The share of targets whose logit is among the five largest; equal ones count for it."""
  own = jnp.take_along_axis(logits, labels[..., None], -1)
  return jnp.mean(jnp.sum(logits > own, -1) < 5)


def cross_entropies(logits, labels):
  """-log softmax(logits) at the target, for each target: (...)."""
  log_shares = jax.nn.log_softmax(logits)
  return -jnp.take_along_axis(log_shares, labels[..., None], -1)[..., 0]


def perplexity(logits, labels):
  """exp of the mean cross entropy in nats: over how many tokens a guess is spread."""
  return jnp.exp(jnp.mean(cross_entropies(logits, labels)))


def errors(outputs, targets):
  """outputs - targets as (examples, k); of one number each, targets may be (examples,)."""
  return outputs.reshape(len(outputs), -1) - targets.reshape(len(targets), -1)


def mae(outputs, targets):
  """The mean absolute error."""
  return jnp.mean(jnp.abs(errors(outputs, targets)))


def rmse(outputs, targets):
  """The square root of the mean squared error."""
  return jnp.sqrt(jnp.mean(jnp.square(errors(outputs, targets))))


def r2(outputs, targets):
  """1 - sum (target - output)^2 / sum (target - mean target)^2, its mean over the k numbers.

  1 is perfect, and 0 is what the split's own mean reaches. Targets that are all equal have none:
  it is then -inf, or NaN where they are met.
  """
  targets = targets.reshape(len(targets), -1)
  left = jnp.sum(jnp.square(errors(outputs, targets)), 0)
  total = jnp.sum(jnp.square(targets - jnp.mean(targets, 0)), 0)
  return jnp.mean(1 - left / total)


METRICS: Mapping[str, Metric] = {
  'accuracy': Metric(accuracy, HIGHER, SHARE),
  'top5_accuracy': Metric(top5_accuracy, HIGHER, SHARE, 'accuracy of the five likeliest'),
  'perplexity': Metric(perplexity, LOWER, POSITIVE),
  'mae': Metric(mae, LOWER, POSITIVE, 'mean absolute error'),
  'rmse': Metric(rmse, LOWER, POSITIVE, 'root mean square error'),
  'r2': Metric(r2, HIGHER, (-jnp.inf, 1.0), 'R²'),
}
