"""Norms of kernels, for one of shape (4, 6, 8): the last axis is the output features."""

import numpy as np

import oracles
from oracles.activations import constant


def spectral(w, *, u, epsilon=None, xp=np):
  """w divided by its largest singular value, after one step of power iteration."""
  matrix = w.reshape(-1, w.shape[-1])
  fixed = constant(matrix, xp)
  right = _direction(xp.asarray(u, w.dtype) @ xp.conj(fixed).T, xp)
  left = _direction(right @ fixed, xp)
  sigma = (right @ matrix @ xp.conj(left)).real
  return xp.where(sigma == 0, w, w / xp.where(sigma == 0, 1, sigma))


def _direction(a, xp):
  length = xp.sqrt(xp.sum((a * xp.conj(a)).real))
  return a / xp.where(length == 0, 1, length)


def scaled_standardization(w, gain, *, gamma, epsilon, xp=np):
  """Standardised to variance 1 / n, then by the gains."""
  n = max(1, w.shape[0] * w.shape[1])
  mean, var, _ = oracles.moments(w, (0, 1), xp=xp)
  length = xp.sqrt(n * var + epsilon)
  return gain * gamma * (w - mean) / xp.where(length == 0, 1, length)
