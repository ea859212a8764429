"""What a user defines outside the project: data, named in a config by package.module:function."""

import os
import time

import flax.linen as nn
import numpy as np

CENTRES = np.array([[0, 0, 0, 0], [3, 0, 30, 0], [0, 3, 0, 300]], np.float64)


def features(n: int, seed: int):
  """Four features in units of their own, of three classes, all of them among every three."""
  y = np.arange(n) % 3
  noise = np.random.RandomState(seed).normal(size=(n, 4)) * [1, 1, 10, 100]
  return CENTRES[y] + noise, y


def load():
  """Ninety training and thirty test examples."""
  return {'train': features(90, 0), 'test': features(30, 1)}


def judged():
  """The same with a validation split of its own."""
  return {**load(), 'validation': features(15, 2)}


def tokens():
  """Sequences of eight tokens below 7, and the token that follows each."""
  text = np.random.RandomState(0).randint(0, 7, (40, 9))
  return {'train': (text[:30, :-1], text[:30, 1:]), 'test': (text[30:, :-1], text[30:, 1:])}


def counts():
  """Sequences of eight tokens that count up by one or two, modulo seven; no targets."""
  draw = np.random.RandomState(0)
  first, step = draw.randint(0, 7, (120, 1)), draw.randint(1, 3, (120, 1))
  text = (first + step * np.arange(8)) % 7
  return {'train': (text[:90], None), 'test': (text[90:], None)}


def rates():
  """One number to predict from two features."""
  x, _ = features(40, 0)
  return {'train': (x[:30], x[:30, 0] * 2), 'test': (x[30:], x[30:, 0] * 2)}


def sums():
  """Twice the first of three numbers less the second, and a little noise."""
  x = np.random.RandomState(0).normal(size=(180, 4))
  y = 2 * x[:, 0] - x[:, 1] + 0.1 * x[:, 3]
  return {'train': (x[:120, :3], y[:120]), 'test': (x[120:, :3], y[120:])}


def restless():
  """Other data in each process."""
  return {'train': features(90, os.getpid() % 10**6), 'test': features(30, 1)}


def hourly():
  """Other data at each call."""
  return {'train': features(90, time.monotonic_ns() % 2**31), 'test': features(30, 1)}


def needs(path, split='all'):
  """Cannot be called without an argument."""
  raise AssertionError((path, split))


def parities():
  """Sequences of eight tokens, and whether the first is odd."""
  splits = tokens().items()
  return {split: (x, x[:, 0] % 2) for split, (x, _) in splits}


class Bag(nn.Module):
  """A model of tokens: the mean of their embeddings, normalised."""

  norm: object
  classes: int

  @nn.compact
  def __call__(self, x, train):
    del train
    x = nn.Embed(7, 4)(x).mean(1)
    return nn.Dense(self.classes)(self.norm.activation()(x))


class Frozen:
  """No function."""

  seed = 7
