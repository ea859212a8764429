"""Further figures and tables, read back against the records: of bests, references, layers, time.

As in test_figures_are_data.py no line of the expected numbers goes through norms.lab.
"""

from matplotlib.colors import to_hex
import numpy as np
import pytest
from test_figures_are_data import (
  BATCHES,
  SCALES,
  SHOWN,
  centre,
  check,
  drawn,
  last,
  named,
  recorded,
)
from test_report import study
import test_report_why as probed

from norms.lab.report import best_of_each, style, tables, timing, trained_ranges, view
from norms.lab.report.figures import against_axis, curves
from norms.lab.report.probes import at_start, layer_figures
from norms.lab.report.reference import comparison, comparison_figures


def held_out():
  frame = recorded()
  return frame.assign(
    validation_accuracy=frame['test_accuracy'] - 0.03 - 0.01 * (frame['epoch'] == 4),
    minibatch_loss=frame['train_loss'] * (1 + 0.1 * (frame['norm'] == 'batch')),
  )


def lines_of(table):
  """The rows of a table by the texts of their first column."""
  return {row.cells[0]: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


# Bests, and losses by cell.


def test_bests_against_a_scale():
  frame = held_out()
  drawing = against_axis.bests(view.of(frame, study()), 'init_scale')
  colours, axes = named(drawing.figure), drawing.figure.axes
  at = frame[frame['batch_size'] == 16]
  labels = ('best training accuracy', 'best validation accuracy', 'final training loss')
  assert tuple(ax.get_ylabel() for ax in axes) == labels
  for ax, column in zip(axes, ('train_accuracy', 'validation_accuracy', None), strict=True):

    def expected(norm, column=column):
      own = at[at['norm'] == norm]
      if column:
        best = own.groupby(['init_scale', 'seed'])[column].max()
      else:  # all steps are among the last hundred
        steps = own[own['epoch'] > 0]
        losses = steps['minibatch_loss'].fillna(np.inf).groupby([own['init_scale'], own['seed']])
        best = losses.mean().replace(np.inf, np.nan)
      return best.groupby('init_scale').median()

    check(ax, colours, expected)


def test_losses_of_every_pair_of_values():
  frame = recorded()
  drawing = curves.curve_grid(view.of(frame, study()), 'batch_size', 'init_scale')
  cells = [(scale, batch) for scale in SCALES for batch in BATCHES]
  colours = named(drawing.figure)
  for ax, (scale, batch) in zip(drawing.figure.axes, cells, strict=True):
    assert ax.get_title() == f'batch size {batch}, initial scale {scale:g}'
    check(ax, colours, lambda norm, scale=scale, batch=batch: centre(
      frame, norm, 'epoch', 'train_loss', init_scale=scale, batch_size=batch))  # fmt: skip


def test_training_curves_a_column_per_value():
  frame = recorded()[lambda rows: rows['batch_size'] == 16]
  drawing = curves.curve_columns(view.of(frame, study()), 'init_scale')
  colours, axes = named(drawing.figure), drawing.figure.axes
  titles = [f'initial scale {scale:g}' for scale in SCALES]
  failed = {
    scale: int((~last(frame[frame['init_scale'] == scale])['trained']).sum()) for scale in SCALES
  }
  for ax, title, scale in zip(axes[:3], titles, SCALES, strict=True):
    note = f': did not train ({failed[scale]} of 9)' if failed[scale] else ''
    assert ax.get_title() == title + note
  metrics = ('train_loss', 'test_accuracy')
  for i, (metric, scale) in enumerate((metric, scale) for metric in metrics for scale in SCALES):
    check(axes[i], colours, lambda norm, metric=metric, scale=scale: centre(
      frame, norm, 'epoch', metric, init_scale=scale))  # fmt: skip


# The reference beside ours.

CURVE = {1: 0.5, 2: 0.7, 3: 0.85}
REFERENCES = tuple(
  {'name': name, 'column': column, 'at': {'norm': norm, 'batch_size': 64, 'init_scale': 1.0},
   'values': values, 'source': 'a paper'}
  for name, column, shift in (('score', 'test_accuracy', 0.0), ('fit', 'train_accuracy', 0.01))
  for norm, own in (('batch', 0.03), ('layer', 0.0))
  for values in ({epoch: value + own + shift for epoch, value in CURVE.items()},)
)  # fmt: skip
SINGLE = tuple({**entry, 'values': {-1: entry['values'][3]}} for entry in REFERENCES)


def beside(references):
  return view.of(recorded(), study(references=references))


def at_reference(norm, epoch=4):
  frame = recorded()
  rows = frame[(frame['norm'] == norm) & (frame['batch_size'] == 64) & (frame['init_scale'] == 1)]
  return rows[rows['epoch'] == epoch]


def test_curves_of_the_reference():
  (drawing,) = comparison_figures.draw(beside(REFERENCES))
  colours = named(drawing.figure)
  for ax, column, shift in zip(
    drawing.figure.axes, ('test_accuracy', 'train_accuracy'), (0.0, 0.01), strict=True
  ):
    assert ax.get_title().startswith('score' if column == 'test_accuracy' else 'fit')
    for norm, own in (('batch', 0.03), ('layer', 0.0)):
      ours, theirs = drawn(ax, colours[norm])
      assert ours[:, 0].tolist() == theirs[:, 0].tolist() == [1, 2, 3]
      np.testing.assert_allclose(theirs[:, 1], np.array(list(CURVE.values())) + own + shift)
      medians = [at_reference(norm, epoch)[column].median() for epoch in CURVE]
      np.testing.assert_allclose(ours[:, 1], medians)
      solid, dashed = [line for line in ax.get_lines() if to_hex(line.get_color()) == colours[norm]]
      assert solid.get_linestyle() == '-' and dashed.get_linestyle() == '--'


def test_single_figures_of_the_reference():
  (drawing,) = comparison_figures.draw(beside(SINGLE))
  first, second = drawing.figure.axes
  assert [text.get_text() for text in first.get_yticklabels()] == list(SHOWN)
  for ax, column, shift in ((first, 'test_accuracy', 0.0), (second, 'train_accuracy', 0.01)):
    for norm, own in (('batch', 0.03), ('layer', 0.0)):
      colour, y = style.look(norm).colour, list(SHOWN).index(norm)
      rows = at_reference(norm)[column]
      bar, mark = [line for line in ax.get_lines() if to_hex(line.get_color()) == colour]
      np.testing.assert_allclose(bar.get_xydata(), [(rows.min(), y), (rows.max(), y)])
      np.testing.assert_allclose(mark.get_xydata(), [(rows.median(), y)])
      theirs = [line for line in ax.get_lines() if line.get_marker() == 'D']
      assert [0.85 + own + shift] in [
        pytest.approx(line.get_xdata()) for line in theirs if line.get_ydata() == [y]
      ]


def test_the_table_of_the_reference():
  table = comparison.table(beside(SINGLE))
  keys = [(row.cells[0], row.cells[1]) for row in table.rows]
  assert keys == [('batch', 'score'), ('layer', 'score'), ('batch', 'fit'), ('layer', 'fit')]
  for entry, row in zip(SINGLE, table.rows, strict=True):
    line, rows = dict(zip(table.columns, row.cells, strict=True)), at_reference(entry['at']['norm'])
    values, theirs = rows[entry['column']], entry['values'][-1]
    assert line['epoch'] == 'last' and line['runs'] == '3'
    assert line['reference'] == f'{theirs:.4f}' and line['ours'] == f'{values.median():.4f}'
    assert line['spread'] == f'{values.min():.4f} to {values.max():.4f} (range)'
    assert float(line['difference']) == pytest.approx(values.median() - theirs, abs=6e-5)


# Layers.


def geometric(frame, norm, column, **at):
  rows = frame[(frame['norm'] == norm) & (frame['epoch'] == 0)]
  for name, value in at.items():
    rows = rows[rows[name] == value]
  return 10 ** np.log10(rows[column]).median()


def test_layers_by_depth():
  frame = probed.records()
  seen = probed.of(frame)
  drawing = layer_figures.by_depth(seen)
  colours, scale = named(drawing.figure), seen.usual['init_scale']
  for ax, quantity in zip(
    drawing.figure.axes, ('activation', 'gradient', 'relative_gradient'), strict=True
  ):
    for label, norm in (('no norm', 'none'), ('batch', 'batch')):
      (line,) = drawn(ax, colours[label])
      columns = [f'{quantity}.layer_{i}' for i in range(3)]
      expected = [geometric(frame, norm, column, init_scale=scale) for column in columns]
      np.testing.assert_allclose(line, np.column_stack([range(3), expected]))


def test_layers_against_an_axis():
  frame = probed.records()
  drawing = next(
    d for d in layer_figures.draw(probed.of(frame)) if d.name == 'layers_by_init_scale'
  )
  colours = named_lines(drawing.figure)
  quantities = ('activation', 'gradient', 'relative_gradient')
  panels = [(quantity, norm) for quantity in quantities for norm in ('none', 'batch')]
  titles = [ax.get_title(loc='left') for ax in drawing.figure.axes]
  assert titles == ['the net with no norm', 'batch norm', '', '', '', '']
  for ax, (quantity, norm) in zip(drawing.figure.axes, panels, strict=True):
    for i in range(3):
      (line,) = drawn(ax, colours[f'layer {i}'])
      expected = [
        geometric(frame, norm, f'{quantity}.layer_{i}', init_scale=scale) for scale in probed.SCALES
      ]
      np.testing.assert_allclose(line, np.column_stack([probed.SCALES, expected]))
  tints = [ax.patches[0].get_bbox() for ax in drawing.figure.axes[:2]]
  # The plain net trains at 0.1 alone, batch norm from the least value to 0.1: to halfway beyond.
  halves = [np.sqrt(0.01 * 0.1), np.sqrt(0.1 * 1)]
  np.testing.assert_allclose([tints[0].x0, tints[0].x1], halves)
  np.testing.assert_allclose([tints[1].x0, tints[1].x1], [0.001, halves[1]])


def named_lines(figure):
  (legend,) = figure.legends
  texts = [text.get_text() for text in legend.get_texts()]
  handles = [to_hex(handle.get_color()) for handle in legend.legend_handles]
  return dict(zip(texts, handles, strict=True))


def test_the_table_of_layers():
  frame = probed.records()
  (table,) = at_start.tables_of(probed.of(frame))
  for row in table.rows:
    line = dict(zip(table.columns, row.cells, strict=True))
    norm, at = SHOWN[line['norm']], {'init_scale': float(line['initial scale'])}
    for head, column in (
      ('signal of layer 0', 'activation.layer_0'), ('signal of layer 1', 'activation.layer_1'),
    ):  # fmt: skip
      assert float(line[head]) == pytest.approx(geometric(frame, norm, column, **at), rel=6e-3)
    works = last(frame)[
      (last(frame)['norm'] == norm) & (last(frame)['init_scale'] == at['init_scale'])
    ]
    assert (
      line['trained'] == f'{works["trained"].sum()} of 3' and row.failed != works['trained'].all()
    )


# Time.

SECONDS = {'layer': (0.4, 0.5, 0.7), 'none': (0.2, 0.25, 0.3), 'batch': (0.3, 0.6, 0.5)}
TIMING = {
  'rows': [
    {'norm': norm, 'round': i, 'seconds': seconds, 'steps': 100}
    for norm, own in SECONDS.items() for i, seconds in enumerate(own)
  ],
  'compile_seconds': {'layer': 1.0, 'none': 2.0, 'batch': 3.0}, 'device': 'cpu',
}  # fmt: skip


def timed():
  return view.of(recorded(), study(), TIMING)


def test_the_figure_of_times():
  (drawing,) = timing.figure(timed())
  (ax,) = drawing.figure.axes
  assert [text.get_text() for text in ax.get_yticklabels()] == list(SHOWN)
  for y, norm in enumerate(SHOWN.values()):
    dots, bar = [
      line for line in ax.get_lines() if to_hex(line.get_color()) == style.look(norm).colour
    ]
    np.testing.assert_allclose(sorted(dots.get_xdata()), sorted(1e3 * np.array(SECONDS[norm])))
    assert set(dots.get_ydata()) == {y} and np.mean(bar.get_ydata()) == pytest.approx(y)
    np.testing.assert_allclose(bar.get_xdata(), 1e3 * np.median(SECONDS[norm]))


def test_the_table_of_times():
  table = timing.table(timed())
  assert table.columns[5].startswith('times layer')
  found = lines_of(table)
  assert list(found) == list(SHOWN)
  for label, norm in SHOWN.items():
    line, own = found[label], np.array(SECONDS[norm])
    ratio = own / np.array(SECONDS['layer'])
    assert line['rounds'] == '3' and float(line['ms per epoch, median']) == 1e3 * np.median(own)
    assert line['range'] == f'{1e3 * own.min():.4g} to {1e3 * own.max():.4g}'
    assert float(line['microseconds per step']) == pytest.approx(1e4 * np.median(own))
    assert line['times layer, median'] == f'{np.median(ratio):.2f}'
    assert line['range of the ratio'] == f'{ratio.min():.2f} to {ratio.max():.2f}'
    assert float(line['compilation s, apart']) == TIMING['compile_seconds'][norm]


# Ranges, bests of each, the usual cell.


def test_the_table_of_trained_ranges():
  frame = recorded()
  lost = (frame['norm'] == 'layer') & (frame['init_scale'] == 100) & (frame['seed'] == 1)
  frame.loc[lost, 'trained'] = False
  found = lines_of(trained_ranges.table(view.of(frame, study()), 'init_scale'))
  assert [(line['every seed trains over'], line['some seed over']) for line in found.values()] == [
    ('2.0 decades (0.01 to 1)', '4.0 decades (0.01 to 100)'),
    ('the single value 1', 'the single value 1'),
    ('4.0 decades (0.01 to 100)',) * 2,
  ]
  for label, norm in SHOWN.items():
    own = last(frame)[lambda rows, norm=norm: (rows['norm'] == norm) & (rows['batch_size'] == 16)]
    best = own.groupby('init_scale')['test_accuracy'].mean().idxmax()
    assert float(found[label]['most accurate on test data at']) == best


def test_the_table_of_each_norm_at_its_own_best():
  claim = ('best_against_best', {
    'norm': 'batch', 'than': 'layer', 'tuned': 'init_scale', 'at': {'batch_size': 64},
  })  # fmt: skip
  frame = recorded()
  # The seed that chooses is wrong about batch norm: its best scale is another for the two others.
  frame.loc[(frame['seed'] == 0) & (frame['norm'] == 'batch') & (frame['init_scale'] == 100),
            'test_accuracy'] += 0.2  # fmt: skip
  (table,) = best_of_each.tables_of(view.of(frame, study(claims=(claim,))))
  found = lines_of(table)
  assert list(found) == list(SHOWN)
  rows = last(frame)[last(frame)['batch_size'] == 64]
  for label, norm in SHOWN.items():
    own, line = rows[rows['norm'] == norm], found[label]
    best = own[own['seed'] == 0].set_index('init_scale')['test_accuracy'].idxmax()
    judged = own[(own['seed'] > 0) & (own['init_scale'] == best)]['test_accuracy']
    assert float(line['initial scale']) == best
    assert (line['seeds that choose'], line['seeds that judge']) == ('1', '2')
    assert line['test accuracy'] == f'{judged.median():.4f}'
    assert line['spread over seeds'] == f'{judged.min():.4f} to {judged.max():.4f} (range)'
  assert float(found['batch']['initial scale']) == 100


def test_the_table_of_the_usual_cell_and_the_file_of_every_metric():
  frame = recorded()
  seen = view.of(frame, study())
  usual = last(frame)[lambda rows: (rows['batch_size'] == 16) & (rows['init_scale'] == 1)]
  found = lines_of(tables.usual(seen))
  assert list(found) == list(SHOWN)
  for label, norm in SHOWN.items():
    own = usual[usual['norm'] == norm]
    for column in ('test accuracy', 'training accuracy', 'training loss'):
      assert (
        found[label][column]
        == f'{own[column.replace("training", "train").replace(" ", "_")].median():.4f}'
      )
  csv = tables.summary(seen)
  rows = last(frame)
  for _, line in csv[csv['metric'] == 'train_accuracy'].iterrows():
    own = rows[(rows['norm'] == line['norm']) & (rows['batch_size'] == line['batch_size'])
               & (rows['init_scale'] == line['init_scale'])]  # fmt: skip
    values = own['train_accuracy']
    expected = [values.median(), values.mean(), values.min(), values.max(), own['trained'].mean()]
    shown = line[['median', 'mean', 'low', 'high', 'share_trained']].astype(float)
    np.testing.assert_allclose(shown, expected)
    assert (line['n'], line['kind']) == (3, 'range')
    assert line['diverged'] == own['diverged_at'].notna().sum()
