"""What a report shows is what the records hold: figures and tables, read back, against the frame.

No line of the expected numbers goes through norms.lab: they are sums of pandas over the records.
"""

from matplotlib.colors import to_hex
import numpy as np
import pandas as pd
import pytest
from test_report import records, study

from norms.lab.report import style, tables, view, which_figures
from norms.lab.report.figures import against_axis, by_batch, curves, heat_maps, scales, writing
from norms.lab.statistics import words

SHOWN = {'layer': 'layer', 'no norm': 'none', 'batch': 'batch'}  # in the order of the study
BATCHES, SCALES = (4, 16, 64), (0.01, 1.0, 100.0)


def recorded(**changes):
  """Records in which no two cells have the same figures, so that none can stand for another."""
  frame = records(batches=BATCHES, scales=SCALES)
  part = 1e-4 * frame['batch_size'] + 1e-3 * np.log10(frame['init_scale'])
  frame['test_accuracy'] -= part
  frame['train_accuracy'] -= 1.1 * part + 0.01
  frame['train_loss'] += part
  return frame.assign(**changes)


def seen(**changes):
  return view.of(recorded(**changes), study())


def last(frame):
  return frame[frame['epoch'] == frame['epoch'].max()]


def named(figure):
  """{label: colour} of the legend."""
  (legend,) = figure.legends
  texts = [text.get_text() for text in legend.get_texts()]
  return dict(zip(texts, map(_colour, legend.legend_handles), strict=True))


def _colour(artist):
  return to_hex(artist.get_color())


def drawn(ax, colour):
  """The data of the lines of a colour that join points."""
  lines = [line for line in ax.get_lines() if _colour(line) == colour]
  return [line.get_xydata() for line in lines if line.get_linestyle() != 'None']


def check(ax, colours, expected):
  """One line per norm, in the colour that the legend has for it: expected(norm) is its data."""
  for label, norm in SHOWN.items():
    values = expected(norm)
    (line,) = drawn(ax, colours[label])
    np.testing.assert_allclose(line[:, 0], values.index)
    np.testing.assert_allclose(line[:, 1], values.to_numpy(float))


def centre(frame, norm, by, metric, **at):
  """The median over the seeds: three have no mean."""
  rows = frame[frame['norm'] == norm]
  for name, value in at.items():
    rows = rows[rows[name] == value]
  return rows.groupby(by)[metric].median()


def test_the_legend_has_the_colours_of_the_norms():
  colours = named(curves.curves(seen()).figure)
  assert colours == {label: style.look(norm).colour for label, norm in SHOWN.items()}


def test_training_curves():
  drawing, frame = curves.curves(seen()), recorded()
  colours = named(drawing.figure)
  for ax, metric in zip(drawing.figure.axes, ('train_loss', 'test_accuracy'), strict=True):
    check(ax, colours, lambda norm, metric=metric: centre(
      frame, norm, 'epoch', metric, batch_size=16, init_scale=1.0))  # fmt: skip


def test_a_metric_against_an_axis_a_panel_per_value():
  drawing = against_axis.against(seen(), 'init_scale', 'batch_size', 'test_accuracy')
  axes, colours = drawing.figure.axes, named(drawing.figure)
  assert [ax.get_title(loc='left') for ax in axes] == [f'batch size {batch}' for batch in BATCHES]
  for ax, batch in zip(axes, BATCHES, strict=True):
    check(ax, colours, lambda norm, batch=batch: centre(
      last(recorded()), norm, 'init_scale', 'test_accuracy', batch_size=batch))  # fmt: skip
    hollow = [line for line in ax.get_lines() if to_hex(line.get_markerfacecolor()) == style.PAPER]
    assert sorted(x for line in hollow for x in line.get_xdata()) == [0.01, 100]  # of no norm


@pytest.mark.parametrize('metric', ['', 'train_loss'])
def test_every_seed(metric):
  frame, shown = last(recorded()), metric or 'test_accuracy'
  drawing = against_axis.seeds(seen(), metric)
  assert drawing.name == f'{metric or "accuracy"}_by_seed'
  assert drawing.title == f'{words.label(shown).capitalize()} of every seed'
  (ax,) = drawing.figure.axes
  labels = [text.get_text() for text in ax.get_yticklabels()]
  assert labels == list(SHOWN)
  usual = frame[(frame['batch_size'] == 16) & (frame['init_scale'] == 1)]
  for y, label in enumerate(labels):
    dots = [
      line for line in ax.get_lines() if line.get_marker() != 'None' and len(line.get_ydata())
    ]
    x = np.concatenate([line.get_xdata() for line in dots if (line.get_ydata() == y).all()])
    own = usual[usual['norm'] == SHOWN[label]].sort_values('seed')
    np.testing.assert_allclose(x, own[shown])
  joined = [line.get_xdata() for line in ax.get_lines() if _colour(line) == style.MUTED]
  wide = usual.pivot(index='seed', columns='norm', values=shown)[list(SHOWN.values())]
  np.testing.assert_allclose(np.array(joined), wide)


@pytest.mark.parametrize('kind', ['accuracy', 'failures'])
def test_heat_maps(kind):
  frame = last(recorded())
  if kind == 'accuracy':
    drawing = heat_maps.accuracy(seen(), 'batch_size', 'init_scale')
    parts, values = [frame[frame['init_scale'] == scale] for scale in SCALES], BATCHES
    wide = [p.pivot_table('test_accuracy', 'norm', 'batch_size', 'median') for p in parts]
  else:
    drawing = heat_maps.failures(seen(), 'init_scale')
    failed = frame.assign(failed=~frame['trained'])
    wide, values = [failed.pivot_table('failed', 'norm', 'init_scale', 'mean')], SCALES
  *panels, bar = drawing.figure.axes
  for ax, table in zip(panels, wide, strict=True):
    expected = table.loc[list(SHOWN.values()), list(values)].to_numpy(float)
    (mesh,) = ax.collections
    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(expected.shape), expected)
    if ax is panels[0]:  # which has them for all
      assert [text.get_text() for text in ax.get_yticklabels()] == list(SHOWN)
    assert [float(text.get_text()) for text in ax.get_xticklabels()] == list(values)
    for text in ax.texts:
      x, y = (int(place) for place in text.get_position())
      number = text.get_text().rstrip('×')
      told = float(number.rstrip('%')) / (100 if number.endswith('%') else 1)
      assert told == pytest.approx(expected[y, x], abs=6e-3)
      cross = kind == 'accuracy' and list(SHOWN)[y] == 'no norm' and ax is not panels[1]
      assert text.get_text().endswith('×') == cross
  low, high = bar.get_xlim()
  assert (low, high) == ((0, 1) if kind == 'failures' else pytest.approx(
    (min(t.min().min() for t in wide), max(t.max().max() for t in wide))))  # fmt: skip


def test_accuracies_by_batch_size():
  frame = recorded(validation_accuracy=recorded()['test_accuracy'] - 0.03)
  axes = by_batch.by_batch(view.of(frame, study())).figure.axes
  norms = [norm for norm in SHOWN.values() if norm != 'none']
  for i, metric in enumerate(('train_accuracy', 'validation_accuracy')):
    for ax, norm in zip(axes[2 * i : 2 * i + 2], norms, strict=True):
      lines = drawn(ax, style.look(norm).colour)
      for line, batch in zip(lines, BATCHES, strict=True):
        values = centre(frame, norm, 'epoch', metric, batch_size=batch, init_scale=1.0)
        np.testing.assert_allclose(line[:, 1], values)


def test_the_columns_of_the_table_of_cells():
  table, frame = tables.everything(seen()), last(recorded())
  rows = pd.DataFrame([row.cells for row in table.rows], columns=table.columns)
  assert list(rows)[:5] == ['norm', 'batch size', 'initial scale', 'seeds', 'test accuracy']
  for (_, line), row in zip(rows.iterrows(), table.rows, strict=True):
    own = frame[
      (frame['norm'] == SHOWN[line['norm']])
      & (frame['batch_size'] == float(line['batch size']))
      & (frame['init_scale'] == float(line['initial scale']))
    ]
    for label in ('test accuracy', 'training accuracy', 'training loss'):
      value = own[label.replace('training', 'train').replace(' ', '_')].fillna(np.inf).median()
      assert line[label] == (f'{value:.4f}' if np.isfinite(value) else 'not finite')
    ends = own['test_accuracy'].min(), own['test_accuracy'].max()
    assert line['spread over seeds'] == '{:.4f} to {:.4f} (range)'.format(*ends)
    running = own['test_accuracy_running'].median()
    assert line['with running statistics'] == (
      f'{running:.4f}' if line['norm'] == 'batch' else '\N{EN DASH}'
    )
    failed = int((~own['trained']).sum())
    assert line['trained'] == (f'did not train: {failed} of 3' if failed else 'all 3')
    assert row.failed == (failed > 0)
    assert int(line['diverged']) == own['diverged_at'].notna().sum()


def test_the_columns_of_the_table_over_the_sweep():
  table, frame = tables.sweep(seen()), last(recorded())
  rows = pd.DataFrame([row.cells for row in table.rows], columns=table.columns).set_index('norm')
  assert list(rows.index) == list(SHOWN)
  for label, norm in SHOWN.items():
    own, line = frame[frame['norm'] == norm], rows.loc[label]
    cells = own.groupby(['batch_size', 'init_scale'])['test_accuracy'].median()
    whole = own.groupby(['batch_size', 'init_scale'])['trained'].all()
    batch, scale = cells.idxmax()
    assert line['cells trained'] == f'{whole.sum()} of 9'
    assert line['trials trained'] == f'{own["trained"].mean():.0%} of 27'
    assert int(line['diverged']) == own['diverged_at'].notna().sum()
    assert line["test accuracy, mean of the cells' medians"] == f'{cells.mean():.4f}'
    assert line['best cell on test data'] == f'{cells.max():.4f}'
    assert line['at'] == f'batch size {batch} and initial scale {scale:g}'


# What a figure leaves out.


def test_outliers_of_what_did_not_train_lie_beyond_the_axis():
  frame = recorded()
  blown = (frame['norm'] == 'none') & (frame['init_scale'] == 100) & (frame['epoch'] > 0)
  frame.loc[blown, ['train_loss', 'grad_norm']] = 1e25
  drawing = curves.curve_grid(view.of(frame, study()), 'batch_size', 'init_scale')
  most = frame.loc[frame['trained'], 'train_loss'].max()
  assert all(ax.get_ylim()[1] < 10 ** (scales.DECADES + 1) * most for ax in drawing.figure.axes)
  assert drawing.caption.endswith('nets that trained: 1e+25.')
  usual = curves.curve_grid(seen(), 'batch_size', 'init_scale')
  assert 'Beyond' not in usual.caption


def test_panels_that_are_left_out_are_named():
  many = records(batches=(2, 4, 8, 16, 32, 64), scales=(1.0, 2.0))
  drawing = against_axis.against(
    view.of(many, study()), 'init_scale', 'batch_size', 'test_accuracy'
  )
  shown = {ax.get_title(loc='left') for ax in drawing.figure.axes}
  assert shown == {f'batch size {batch}' for batch in (2, 8, 16, 64)}
  assert drawing.caption.endswith('Not shown: batch size 4 and 32.')


def test_two_points_are_not_joined():
  drawing = against_axis.against(
    view.of(records(batches=(4, 64)), study()), 'batch_size', None, 'test_accuracy'
  )
  (ax,) = drawing.figure.axes
  assert all(line.get_linestyle() == 'None' for line in ax.get_lines())


def test_an_accuracy_axis_shows_differences():
  """The climb from chance is below it, and seeds that did not train are named instead."""
  *_, ax = curves.curves(seen()).figure.axes
  assert ax.get_ylim()[0] > 0.3
  assert 'Test accuracy begins below its axis.' in curves.curves(seen()).caption
  frame = recorded()
  lost = (frame['norm'] == 'layer') & (frame['seed'] == 0)
  frame.loc[lost, ['trained', 'test_accuracy']] = [False, 0.1]
  drawing = against_axis.seeds(view.of(frame, study()))
  assert drawing.figure.axes[0].get_xlim()[0] > 0.8
  assert drawing.caption.endswith('Beyond the axis: 1 of layer norm, which did not train.')


def test_a_close_up_shows_what_trained():
  found = {d.name: d for d in writing.draw_all(which_figures.parts_of(seen()))}
  drawing = found['test_accuracy_by_init_scale_usual']
  assert drawing.figure.axes[0].get_ylim()[0] > 0.8
  assert against_axis.CLOSE_UP in drawing.caption


@pytest.mark.parametrize(
  ('low', 'high', 'ticks'),
  [(1.7, 4.1, [2, 3, 4]), (1e-6, 10, None), (0.15, 0.85, [0.2, 0.4, 0.6, 0.8])],
)
def test_ticks_of_a_log_axis_are_round(low, high, ticks):
  figure = style.Sheet()
  ax = figure.add_subplot()
  scales.scale_y([ax], 'train_loss', [low, high])
  found = [text.get_text() for text in ax.get_yticklabels()]
  assert all(len(text.lstrip('0.').replace('.', '')) <= 2 or 'e' in text for text in found), found
  assert ticks is None or [float(text) for text in found] == ticks
