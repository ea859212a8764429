"""Axes of figures: where they are of logs, where they end, and which ticks they have, by hand."""

from matplotlib import pyplot as plt
import numpy as np
import pandas as pd
import pytest

from norms.lab.report.figures import scales
from norms.lab.report.probes import layer_figures


@pytest.fixture
def ax():
  _, ax = plt.subplots()
  yield ax
  plt.close()


def ticks(axis):
  return list(axis.get_major_locator().locs)


@pytest.mark.parametrize(('values', 'scale', 'ends', 'labelled'), [
  ([0, 8], 'linear', (-0.4, 8.4), [0, 8]),  # no log of 0
  ([-1, 0, 8], 'linear', (-1.45, 8.45), [-1, 0, 8]),
  ([1, 3.9], 'linear', (0.855, 4.045), [1, 3.9]),  # below a factor of four
  ([0.5, 2], 'log', (0.5 / 4**0.05, 2 * 4**0.05), [0.5, 2]),
  ([3, 3], 'linear', (2, 4), [3, 3]),
  ([np.nan, np.inf], 'linear', (0, 2), [1]),
  # Up to three decades the values are ticks, beyond them the decades, up to a factor of 1.5 aside.
  ([1, 30, 1000], 'log', (1 / 1000**0.05, 1000 * 1000**0.05), [1, 30, 1000]),
  ([1.2, 20, 7000], 'log', None, [1, 10, 100, 1000, 10000]),
  ([1.6, 20, 6000], 'log', None, [10, 100, 1000]),
  (list(range(1, 10)), 'log', None, [1, 3, 5, 7, 9]),  # every second one, of more than eight
  (list(range(2, 10)), 'log', None, list(range(2, 10))),
])  # fmt: skip
def test_an_axis_fits_its_values(ax, values, scale, ends, labelled):
  scales.scale_x([ax], 'init_scale', values)
  assert ax.get_xscale() == scale and ticks(ax.xaxis) == pytest.approx(labelled)
  assert ends is None or ax.get_xlim() == pytest.approx(ends)


@pytest.mark.parametrize(('low', 'high', 'labelled'), [
  (0.01, 1.0, [0.01, 0.1, 1]),  # three decades
  (0.02, 1.0, [0.02, 0.05, 0.1, 0.2, 0.5, 1]),
  (2.0, 3.2, [2, 2.25, 2.5, 2.75, 3]),
])  # fmt: skip
def test_a_loss_has_round_ticks(ax, low, high, labelled):
  assert scales._loss_ticks(low, high) == pytest.approx(labelled)


@pytest.mark.parametrize(('metric', 'values', 'ends'), [
  ('test_loss', [1, 16], (1 / 16**0.06, 16 * 16**0.06)),
  ('test_loss', [2, 2], (2 / 1.05, 2 * 1.05)),
  ('test_loss', [0, 2, np.inf], (2 / 1.05, 2 * 1.05)),
  ('test_accuracy', [0.2, 0.7], (0.2 - 0.03, 0.7 + 0.03)),
  ('test_accuracy', [0.0, 1.0], (-0.02, 1.02)),  # no further than it ends, and a little
  ('test_accuracy', [0.5, 0.5], (0.496, 0.504)),
  ('test_accuracy', [np.nan], (-0.02, 1.02)),
])  # fmt: skip
def test_an_axis_has_a_little_room(metric, values, ends):
  assert scales.limits(metric, values) == pytest.approx(ends)


def test_what_lies_beyond_four_decades_is_said(ax):
  table = pd.DataFrame({'value': [1.0, 2.0, 1e9], 'share_trained': [1.0, 1.0, 0.0]})
  said = scales.fit_y([ax], 'test_loss', table.assign(low=table['value'], high=table['value']))
  assert said == 'Beyond the axis, 4 decades from the values of nets that trained: 1e+09.'
  assert ax.get_ylim()[1] == pytest.approx(2e4 * 2e4**0.06, rel=0.05)


@pytest.mark.parametrize(('values', 'trains', 'ends'), [
  ([1, 4, 16, 64], [4, 16], (2, 32)),  # halfway on an axis of logs
  ([0, 1, 2, 4], [1, 2], (0.5, 3)),
  ([1, 4, 16, 64], [1, 4, 16, 64], (1, 64)),  # no further than the sweep
  ([1, 4, 16, 64], [], None),
])  # fmt: skip
def test_the_range_in_which_every_seed_trains_is_tinted(ax, values, trains, ends):
  rows = pd.DataFrame({'init_scale': values, 'trained': [value in trains for value in values]})
  layer_figures._tint(ax, rows, 'init_scale')
  spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
  assert spans == ([ends] if ends else [])
