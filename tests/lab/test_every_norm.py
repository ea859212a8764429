"""The lab trains every norm of the catalogue by its name."""

import numpy as np
import pytest
import small

import norms
from norms import catalogue
from norms.lab import models

# One of a kind, which no other quick test trains: variables of its own, parts of a batch, groups.
QUICK = ('spectral', 'ghost', 'evonorm_s0', 'scaled_weight_standardization')
REST = tuple(name for name in norms.NORMS if name not in QUICK)
# Of 8 features: the usual 32 groups do not divide them.
GROUPS = {name: {'num_groups': 2} for name, row in norms.NORMS.items() if row.groups}


@pytest.mark.parametrize(
  'names', [QUICK, pytest.param(REST, marks=pytest.mark.slow)], ids=('quick', 'rest')
)
def test_one_epoch(names, tmp_path):
  """By exact and by running statistics it has finite losses, and the loss moves."""
  frame, failed, _ = small.run(small.config(norm=names, epochs=1, norm_options=GROUPS), tmp_path)
  assert not failed
  for name in names:
    epochs = frame[frame['norm'] == name].set_index('epoch')
    assert set(epochs.index) == {0, 1}, name
    scores = epochs[['train_loss', 'train_accuracy', 'test_loss', 'test_accuracy']]
    assert np.isfinite(scores.to_numpy()).all(), name
    assert epochs['train_loss'][1] != epochs['train_loss'][0], name
    kept = norms.NORMS[name].state
    assert np.isfinite(epochs['test_accuracy_running']).all() == kept, name


@pytest.mark.parametrize('name', norms.NORMS)
def test_a_model_is_given_one_kind_of_module(name):
  """For activations or for layers; the other one leaves all as it is."""
  row = catalogue.find(name)
  norm, layer = models.Norm(row), object()
  assert row.kind == 'kernel' or norm.layer(layer) is layer
  x = np.ones((2, 8), np.float32)
  assert row.kind == 'activation' or norm.activation()(x) is x
