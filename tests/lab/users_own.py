"""What a user defines outside the project: a norm and a model, named in a config by dotted name."""

import multiprocessing
import os
import pathlib
import resource
import signal
import sys
import time

import flax.linen as nn
from jax import lax
import jax.numpy as jnp
import numpy as np

from norms._src.xla_cpu import special_formulas_allowed
from norms.row import Row


class MaxNorm(nn.Module):
  """Divides each example by its largest magnitude."""

  epsilon: float = 1e-6

  @nn.compact
  def __call__(self, x):
    return x / (jnp.max(jnp.abs(x), -1, keepdims=True) + self.epsilon)


class Residual(nn.Module):
  """Takes the norm object; its own initialisers draw its kernels."""

  norm: object
  classes: int
  width: int = 16
  dropout: float = 0.0

  @nn.compact
  def __call__(self, x, train):
    x = self.norm.layer(nn.Dense(self.width))(x)
    x = x + nn.relu(self.norm.activation()(self.norm.layer(nn.Dense(self.width))(x)))
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return nn.Dense(self.classes)(x)


class Block(nn.Module):
  """A dense layer and a ReLU, as nn.scan asks for them: (x, None) of (x, None)."""

  @nn.compact
  def __call__(self, x, _):
    return nn.relu(nn.Dense(8)(x)), None


class Lifted(nn.Module):
  """A dense layer, one under nn.remat, two under nn.scan, a head."""

  norm: object
  classes: int

  @nn.compact
  def __call__(self, x, train):
    x = self.norm.activation()(nn.Dense(8)(x))
    x, _ = nn.remat(Block)(name='again')(x, None)
    split = {'params': True}
    deep = nn.scan(Block, variable_axes={'params': 0}, split_rngs=split, length=2)
    x, _ = deep(name='blocks')(x, None)
    return nn.Dense(self.classes, name='head')(x)


def _in_a_worker():
  """Of this machine's processes, or of a cluster's."""
  return multiprocessing.parent_process() is not None or sys.argv[0].endswith('seat.py')


class Breaks(nn.Module):
  """Raises where groups run: in a worker process, and not where the sweep is planned."""

  @nn.compact
  def __call__(self, x):
    if _in_a_worker():
      raise RuntimeError('out of luck')
    return x


# What a norm may not make of its input, though the layers after it can take it.
CHANGES = {
  'mean': lambda x: x.mean(-1, keepdims=True),
  'wider': lambda x: jnp.concatenate([x, x], -1),
  'sign': lambda x: jnp.sign(x).astype(int),
  'pair': lambda x: (x, x),
}


class Refuses(nn.Module):
  """Raises where the sweep is planned, by itself or by what it calls."""

  by: str = 'raise'

  @nn.compact
  def __call__(self, x):
    if self.by in CHANGES:
      return CHANGES[self.by](x)
    if self.by == 'jax':
      return jnp.reshape(x, (7, 7))
    if self.by == 'numpy':
      return np.zeros(3).reshape(2)
    raise ValueError('a norm in a bad mood')


def narrow(x, *, axis=-1):
  """A norm that gives one feature."""
  return jnp.mean(x, axis, keepdims=True)


NARROW = Row('narrow', 'activation', narrow, 'Narrow', '')


class Dies(nn.Module):
  """Ends the process that trains it, as running out of memory does."""

  @nn.compact
  def __call__(self, x):
    if _in_a_worker():
      os._exit(9)
    return x


class DiesAt128(nn.Module):
  """Ends the process that trains it in batches of 128."""

  @nn.compact
  def __call__(self, x):
    if len(x) == 128 and _in_a_worker():
      os._exit(9)
    return x


class HangsTraced(nn.Module):
  """Is never done with being traced in the process that trains it, and deaf to SIGTERM."""

  @nn.compact
  def __call__(self, x):
    while _in_a_worker():
      signal.signal(signal.SIGTERM, signal.SIG_IGN)
      time.sleep(1)
    return x


class HangsRunning(nn.Module):
  """Is compiled, and then runs for ever."""

  @nn.compact
  def __call__(self, x):
    start = jnp.isfinite(lax.stop_gradient(x.ravel()[0])).astype(int)
    return x + lax.while_loop(lambda i: i >= 0, lambda i: 1 - i, start)


class Large(nn.Module):
  """Computes batches of 1024 with 256 MB a trial, where a process may take 900 more than it has."""

  @nn.compact
  def __call__(self, x):
    if _in_a_worker() and resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
      pages = int(pathlib.Path('/proc/self/statm').read_text().split()[0])
      most = pages * resource.getpagesize() + 900 * 2**20
      resource.setrlimit(resource.RLIMIT_AS, (most, most))
    if len(x) != 1024:
      return x
    matrix = jnp.arange(2**26).reshape(2**13, 2**13) * lax.stop_gradient(x.ravel()[0])
    return x + 0 * (matrix @ jnp.ones((2**13, 2)))[0, 0]


class Killed(nn.Module):
  """Has the process killed that trains it, so many times, as the kernel does for want of memory."""

  seen: str  # a file
  times: int

  @nn.compact
  def __call__(self, x):
    with open(self.seen, 'a+') as file:
      if _in_a_worker() and file.tell() < self.times:
        file.write('.')
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return x


class BreaksAt128(nn.Module):
  """Cannot be traced in batches of 128."""

  @nn.compact
  def __call__(self, x):
    if len(x) == 128:
      raise RuntimeError('not 128')
    return x


class PlainOnly(nn.Module):
  """Cannot be traced in a program that has what is special to a platform."""

  @nn.compact
  def __call__(self, x):
    if special_formulas_allowed():
      raise RuntimeError('special formulas')
    return x


def doubled_relu(x):
  """An activation."""
  return 2 * nn.relu(x)


def relu_again(x):
  """An activation that the lab has, too."""
  return nn.relu(x)


def summed(x):
  """No activation: it has another shape."""
  return x.sum()


def widened(x):
  """No activation in bfloat16, of which it makes float32."""
  return x.astype(jnp.float32)
