"""Every mistake in a user's own data is one line that names the data, the value and what to do."""

import io
import pickle

import numpy as np
import pytest
import users_data

from norms.lab import data, mistakes
from norms.lab.data import arrays

X, Y = users_data.load()['train']
GOOD = {'train': (X, Y), 'test': (X[:30], Y[:30])}


def changed(values, at, value):
  """A copy with another value at a place."""
  made = np.array(values)
  made[at] = value
  return made


def train(x=X, y=Y, **more):
  """The good data with others for training."""
  return {**GOOD, 'train': (x, y), **more}


def test(x=X[:30], y=Y[:30]):
  return {**GOOD, 'test': (x, y)}
