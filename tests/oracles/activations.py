"""Norms of activations beyond Flax's own, for input of shape (examples, positions, features)."""

import jax
import numpy as np
from scipy import special

import oracles


def constant(a, xp):
  """No gradient flows through it."""
  return a if xp is np else jax.lax.stop_gradient(a)


def renorm(x, scale, bias, *, batch_stats, epsilon, r_max=3.0, d_max=5.0, mask=None, xp=np):
  """Standardised by the batch, then corrected towards the running statistics."""
  mean, var, present = oracles.moments(x, (0, 1), mask, xp)
  running_mean, running_var = (xp.asarray(a, x.dtype) for a in batch_stats[:2])
  deviation, running_deviation = xp.sqrt(var + epsilon), xp.sqrt(running_var + epsilon)
  r = constant(xp.clip(deviation / running_deviation, 1 / r_max, r_max), xp)
  d = constant(xp.clip((mean - running_mean) / running_deviation, -d_max, d_max), xp)
  return xp.where(present, (x - mean) / deviation * r + d, 0) * scale + bias


def ghost(x, scale, bias, *, size, epsilon, mask=None, xp=np):
  """Batch norm of each `size` examples."""
  mask = np.ones(x.shape, bool) if mask is None else xp.broadcast_to(mask, x.shape)
  size = max(1, min(size, len(x)))
  parts = [
    oracles.standardise(
      x[i : i + size], scale, bias, axes=(0, 1), epsilon=epsilon, mask=mask[i : i + size], xp=xp
    )
    for i in range(0, len(x), size)
  ]
  return xp.concatenate(parts) if parts else x


def mean_only(x, bias, *, epsilon, mask=None, xp=np):
  """x - mean."""
  mean, _, present = oracles.moments(x, (0, 1), mask, xp)
  return xp.where(present, x - mean, 0) + bias


def mean_only_by(x, mean, var, bias, *, epsilon, mask=None, xp=np):
  """x - mean for a given mean; the variance is not used."""
  return (x - mean if mask is None else xp.where(mask, x - mean, 0)) + bias


def unit(x, scale=1.0, *, axes, epsilon, mask=None, xp=np):
  """x divided by its length."""
  x = x if mask is None else xp.where(mask, x, 0)
  square = xp.sum((x * xp.conj(x)).real, axis=axes, keepdims=True)
  length = xp.sqrt(square + epsilon)
  return scale * x / xp.where(length == 0, 1, length)


def filter_response(
  x, scale, bias, threshold=None, learnt_epsilon=0.0, *, epsilon, mask=None, xp=np
):
  """x divided by the root of its mean square, then the threshold."""
  epsilon = epsilon + xp.abs(learnt_epsilon)
  z = oracles.standardise(
    x, scale, bias, axes=(1,), epsilon=epsilon, center=False, mask=mask, xp=xp
  )
  return z if threshold is None else xp.maximum(z, threshold)


def global_response(x, scale, bias, *, epsilon, mask=None, xp=np):
  """Each channel weighted by its length over the mean length."""
  present = xp.broadcast_to(xp.asarray(True if mask is None else mask), x.shape)
  x = xp.where(present, x, 0)
  square = xp.sum((x * xp.conj(x)).real, axis=1, keepdims=True)
  length = xp.where(square == 0, 0, xp.sqrt(xp.where(square == 0, 1, square)))
  channels = xp.maximum(xp.sum(xp.any(present, 1, keepdims=True), -1, keepdims=True), 1)
  share = length / (xp.sum(length, -1, keepdims=True) / channels + epsilon)
  return scale * (x * share) + bias + x


def local_response(x, *, size, k, alpha, beta, epsilon=None, mask=None, xp=np):
  """x divided by a power of its neighbours' squares, feature by feature."""
  x = x if mask is None else xp.where(mask, x, 0)
  square, count = (x * xp.conj(x)).real, x.shape[-1]
  features = []
  for i in range(count):
    near = range(max(0, i - (size - 1) // 2), min(count, i + size // 2 + 1))
    features.append(x[..., i] / (k + alpha * sum(square[..., j] for j in near)) ** beta)
  return xp.stack(features, -1)


def _softmax(weights, xp):
  powers = xp.exp(weights - xp.max(weights))
  return powers / xp.sum(powers)


def switchable(x, scale, bias, mean_weights, var_weights, *, epsilon, batch=None, mask=None, xp=np):
  """Standardised by a mixture of three statistics, each taken from x itself."""
  found = [oracles.moments(x, axes, mask, xp) for axes in ((1,), (1, 2), (0, 1))]
  present = found[0][2]
  means, variances = [m[0] for m in found], [m[1] for m in found]
  if batch is not None:
    means[2], variances[2] = batch
  mean = sum(w * m for w, m in zip(_softmax(mean_weights, xp), means, strict=True))
  var = sum(w * v for w, v in zip(_softmax(var_weights, xp), variances, strict=True))
  length = xp.sqrt(var + epsilon)
  return xp.where(present, (x - mean) / xp.where(length == 0, 1, length), 0) * scale + bias


def evonorm_b0(x, scale, bias, slope, *, epsilon, var=None, mask=None, xp=np):
  """x divided by the larger of two deviations."""
  _, own, present = oracles.moments(x, (1,), mask, xp)
  var = oracles.moments(x, (0, 1), mask, xp)[1] if var is None else var
  divisor = xp.maximum(xp.sqrt(var + epsilon), slope * x + xp.sqrt(own + epsilon))
  return xp.where(present, x / divisor, 0) * scale + bias


def evonorm_s0(x, scale, bias, slope, *, num_groups, epsilon, mask=None, xp=np):
  """x times a sigmoid, divided by its group's deviation."""
  split = (*x.shape[:-1], num_groups, x.shape[-1] // num_groups)
  groups = None if mask is None else xp.broadcast_to(mask, x.shape).reshape(split)
  _, var, present = oracles.moments(x.reshape(split), (1, 3), groups, xp)
  gated = (x * _sigmoid(slope * x, xp)).reshape(split)
  y = xp.where(present, gated / xp.sqrt(var + epsilon), 0)
  return y.reshape(x.shape) * scale + bias


def _sigmoid(a, xp):
  """The sigmoid, computed without overflow."""
  power = xp.exp(-xp.abs(a))
  return xp.where(a < 0, power, 1) / (1 + power)


def dyt(x, scale, bias, alpha, *, epsilon=None, xp=np):
  """tanh."""
  return scale * xp.tanh(alpha * x) + bias


def derf(x, scale, bias, alpha, shift, *, epsilon=None, xp=np):
  """erf."""
  erf = special.erf if xp is np else jax.scipy.special.erf
  return scale * erf(alpha * x + shift) + bias
