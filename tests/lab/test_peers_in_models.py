"""Other libraries' norms in the lab's network, and TensorFlow's in a loop of its own."""

import pandas as pd
import pytest
from test_peers_study import config

from norms.lab import parity, peers
from norms.lab.parity import drift
from norms.lab.report.parity.drift import tables

pytestmark = [
  pytest.mark.peers,
  pytest.mark.filterwarnings('ignore::DeprecationWarning'),  # the libraries' own
  pytest.mark.filterwarnings('ignore::UserWarning'),
]


@pytest.mark.parametrize('family', drift.FAMILIES)
def test_the_first_steps_are_ours_up_to_rounding(family):
  """Both start from equal values and see equal batches: 2e-7 is two roundings of a gamma of 1."""
  small = config('parity_drift')
  small.families, small.seeds, small.epochs = (family,), (0,), 1
  small.libraries = [n for n in ('norms', 'linen', 'keras', 'tensorflow') if peers.installed(n)]
  units = parity.from_config(small).units
  frame = pd.concat([unit.measure() for unit in units])
  apart = tables.drift(frame)
  assert set(apart['library']) == {unit.library for unit in units} - {'norms'}
  early = apart[apart['step'] <= 2].groupby('library')['largest'].max()
  assert early.max() <= 2e-7, early
  curves = tables.curves(frame)
  assert curves['difference'].abs().max() < 0.01
