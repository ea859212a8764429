"""The papers' formulas, in float64 with NumPy, or with jax.numpy for plain autodiff.

`xp` is the array module. Nothing here is imported from the library, so that a mistake there cannot
repeat itself here.
"""

import numpy as np


def moments(x, axes, mask=None, xp=np):
  """Mean, biased variance (axes kept) and presence, over the entries where the mask is True."""
  present = xp.broadcast_to(xp.asarray(True if mask is None else mask), x.shape)
  count = xp.maximum(xp.sum(present, axis=axes, keepdims=True), 1)
  mean = xp.sum(xp.where(present, x, 0), axis=axes, keepdims=True) / count
  return mean, second_moment(x - mean, axes, mask, xp), present


def second_moment(x, axes, mask=None, xp=np):
  """<|x|^2> over the entries where the mask is True."""
  present = xp.broadcast_to(xp.asarray(True if mask is None else mask), x.shape)
  count = xp.maximum(xp.sum(present, axis=axes, keepdims=True), 1)
  square = xp.where(present, (x * xp.conj(x)).real, 0)
  return xp.sum(square, axis=axes, keepdims=True) / count


def affine(y, scale, bias, features=None):
  """y * scale + bias, the parameters along `features` (None: along the last axes)."""

  def spread(p):
    if p is None or features is None:
      return p
    return p.reshape([y.shape[a] if a in features else 1 for a in range(y.ndim)])

  y = y if scale is None else y * spread(scale)
  return y if bias is None else y + spread(bias)


def standardise(
  x, scale=None, bias=None, *, axes, epsilon, center=True, features=None, mask=None, xp=np
):
  """(x - mean) / sqrt(var + epsilon) * scale + bias; without `center`, mean is 0."""
  mean, var, present = moments(x, axes, mask, xp)
  if not center:
    mean, var = 0, second_moment(x, axes, mask, xp)
  y = xp.where(present, (x - mean) / _positive(xp.sqrt(var + epsilon), xp), 0)
  return affine(y, scale, bias, features)


def standardise_by(
  x, mean, var, scale=None, bias=None, *, epsilon, features=None, mask=None, xp=np
):
  """(x - mean) / sqrt(var + epsilon) * scale + bias, for given statistics."""
  y = (x - mean) / xp.sqrt(var + epsilon)
  return affine(y if mask is None else xp.where(mask, y, 0), scale, bias, features)


def _positive(length, xp):
  return xp.where(length == 0, 1, length)


def group(
  x, scale=None, bias=None, *, num_groups=None, group_size=None, axes, epsilon, mask=None, xp=np
):
  """`standardise` with the last axis split into groups; `axes` may hold it."""
  groups = num_groups or x.shape[-1] // group_size
  split = (*x.shape[:-1], groups, x.shape[-1] // groups)
  axes = tuple(x.ndim if a == x.ndim - 1 else a for a in axes)
  mask = None if mask is None else xp.broadcast_to(mask, x.shape).reshape(split)
  y = standardise(x.reshape(split), axes=axes, epsilon=epsilon, mask=mask, xp=xp)
  return affine(y.reshape(x.shape), scale, bias)


def weight(v, g=1.0, *, axes, epsilon, xp=np):
  """g v / ||v||, the length over `axes`."""
  length = xp.sqrt(xp.sum((v * xp.conj(v)).real, axis=axes, keepdims=True) + epsilon)
  return g * v / _positive(length, xp)


def staged_gradient(x, ct, scale=1.0, bias=0.0, *, axes, epsilon, center=True, features=None):
  """Gradients of `standardise`, one node of its computation graph after the other."""
  n = np.prod([x.shape[a] for a in axes])
  m = np.mean(x, axes, keepdims=True) if center else 0.0
  d = x - m
  v = np.mean(d**2, axes, keepdims=True)
  s = np.sqrt(v + epsilon)
  r = 1 / s
  y = d * r
  dy = affine(ct, scale, None, features) if np.ndim(scale) else ct * scale
  dr = np.sum(dy * d, axes, keepdims=True)
  ds = -dr / s**2
  dv = ds / (2 * s)
  dq = dv / n
  dd = dy * r + 2 * d * dq
  dm = -np.sum(dd, axes, keepdims=True) if center else 0.0
  return {'x': dd + dm / n, **_affine_gradient(y, ct, scale, bias, features)}


def simplified_gradient(x, ct, scale=1.0, bias=0.0, *, axes, epsilon, center=True, features=None):
  """Gradients of `standardise`, simplified on paper: rstd (dy - <dy> - y <y dy>)."""
  m = np.mean(x, axes, keepdims=True) if center else 0.0
  r = 1 / np.sqrt(np.mean((x - m) ** 2, axes, keepdims=True) + epsilon)
  y = (x - m) * r
  dy = affine(ct, scale, None, features) if np.ndim(scale) else ct * scale
  mean_dy = np.mean(dy, axes, keepdims=True) if center else 0.0
  dx = r * (dy - mean_dy - y * np.mean(y * dy, axes, keepdims=True))
  return {'x': dx, **_affine_gradient(y, ct, scale, bias, features)}


def _affine_gradient(y, ct, scale, bias, features):
  """Gradients of scale and bias, which are sums over the axes that these do not have."""
  given = {'scale': (scale, ct * y), 'bias': (bias, ct)}
  return {name: _summed_to(a, p, features) for name, (p, a) in given.items() if np.ndim(p)}


def _summed_to(a, parameter, features):
  features = range(a.ndim - parameter.ndim, a.ndim) if features is None else features
  return np.sum(a, tuple(axis for axis in range(a.ndim) if axis not in features))


def group_gradient(x, ct, scale, bias, *, gradient, groups, axes, epsilon):
  """Gradients of `group` by those of `standardise`, on the split input."""
  split = (*x.shape[:-1], groups, x.shape[-1] // groups)
  axes = tuple(x.ndim if a == x.ndim - 1 else a for a in axes)
  scale, bias = scale.reshape(split[-2:]), bias.reshape(split[-2:])
  found = gradient(x.reshape(split), ct.reshape(split), scale, bias, axes=axes, epsilon=epsilon)
  return {k: a.reshape(x.shape if k == 'x' else x.shape[-1:]) for k, a in found.items()}


def weight_gradient(v, ct, g, *, axes, epsilon):
  """dg = ct . v / ||v||; dv = g / ||v|| (ct - v (v . ct) / ||v||^2)."""
  length = np.sqrt(np.sum(v * v, axes, keepdims=True) + epsilon)
  along = np.sum(ct * v, axes, keepdims=True)
  dv = g / length * (ct - v * along / length**2)
  return {'x': dv, 'g': (along / length).reshape(np.shape(g))}
