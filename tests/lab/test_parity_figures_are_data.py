"""Figures and tables of comparisons with other libraries, read back against their records."""

from matplotlib.colors import to_hex
import numpy as np
import pandas as pd
import pytest
from recomputed import two_digits

from norms.lab.report.parity.agreement import figures as errors
from norms.lab.report.parity.agreement import tables as agreement
from norms.lab.report.parity.drift import figures, tables

TITLES = {'norms': 'ours', 'linen': 'Flax linen', 'keras': 'Keras'}
FAMILIES, STEPS = ('batch', 'layer'), (0, 1, 10, 100)


def trained():
  """Two seeds of two families: each figure has a value of its own."""
  rows, number = [], iter(range(1, 10_000))
  for family in FAMILIES:
    for library, title in TITLES.items():
      for seed in (0, 1):
        place = {'family': family, 'library': library, 'title': title, 'seed': seed}
        for epoch in range(4):
          accuracy = 0.5 + 0.1 * epoch + 1e-3 * next(number)
          rows.append({**place, 'table': 'curve', 'epoch': epoch, 'test_accuracy': accuracy})
        for step in STEPS:
          for name, scale in (('norm_0.scale', 1e-3), ('norm_0.bias', 1e-6)):
            for index in (0, 1):
              value = (library != 'norms') * (step > 0) * scale * next(number)
              rows.append({**place, 'table': 'parameter', 'step': step, 'name': name,
                           'index': index, 'value': value})  # fmt: skip
  return pd.DataFrame(rows)


def named(figure):
  (legend,) = figure.legends
  texts = [text.get_text() for text in legend.get_texts()]
  return {t: to_hex(h.get_color()) for t, h in zip(texts, legend.legend_handles, strict=True)}


def line_of(ax, colour):
  (line,) = [line for line in ax.get_lines() if to_hex(line.get_color()) == colour]
  return line.get_xydata()


def test_accuracies_by_epoch():
  frame = trained()
  drawing = figures.curves(frame)
  colours, axes = named(drawing.figure), drawing.figure.axes
  assert list(colours) == list(TITLES.values())
  assert len({ax.get_ylim() for ax in axes}) == 1
  for ax, family in zip(axes, FAMILIES, strict=True):
    assert ax.get_title(loc='left') == family
    for title in TITLES.values():
      own = frame[(frame['family'] == family) & (frame['title'] == title) & (frame['epoch'] > 0)]
      mean = own.groupby('epoch')['test_accuracy'].mean()
      np.testing.assert_allclose(line_of(ax, colours[title]), np.column_stack([[1, 2, 3], mean]))


def apart(frame, family, title, kind, seed, step):
  """|difference| from ours of every entry."""
  rows = frame[(frame['family'] == family) & (frame['seed'] == seed) & (frame['step'] == step)]
  rows = rows[rows['name'] == {'gamma': 'norm_0.scale', 'beta': 'norm_0.bias'}[kind]]
  ours, theirs = (
    rows[rows['title'] == name].set_index('index')['value'] for name in ('ours', title)
  )
  return (theirs - ours).abs()


@pytest.mark.parametrize('measure', ['largest', 'mean'])
def test_distances_by_step(measure):
  frame = trained()
  found = {d.name: d for d in figures.drift(tables.drift(frame))}[f'drift_{measure}']
  colours = named(found.figure)
  assert list(colours) == ['Flax linen', 'Keras']
  panels = [(kind, family) for kind in ('gamma', 'beta') for family in FAMILIES]
  for ax, (kind, family) in zip(found.figure.axes, panels, strict=True):
    assert ax.get_title(loc='left') == f'{family}, {kind}'
    for title, colour in colours.items():
      expected = [
        np.median([_sum(apart(frame, family, title, kind, seed, step), measure) for seed in (0, 1)])
        for step in STEPS[1:]
      ]
      np.testing.assert_allclose(line_of(ax, colour), np.column_stack([STEPS[1:], expected]))


def _sum(values, measure):
  return values.max() if measure == 'largest' else values.mean()


def test_the_table_of_distances():
  frame = trained()
  table = tables.drifts(tables.drift(frame))
  assert len(table.rows) == 2 * 2 * 2
  for row in table.rows:
    line = dict(zip(table.columns, row.cells, strict=True))
    for step in (1, 10, 100):
      each = [
        apart(frame, line['norm'], line['library'], line['of'], seed, step) for seed in (0, 1)
      ]
      for measure in ('largest', 'mean'):
        expected = np.median([_sum(values, measure) for values in each])
        assert line[f'{measure}, step {step}'] == two_digits(expected)


def test_the_table_of_accuracies():
  frame = trained()
  curves = frame[frame['table'] == 'curve']
  table = tables.accuracies(tables.curves(frame))
  for row in table.rows:
    line = dict(zip(table.columns, row.cells, strict=True))
    own, ours = (
      curves[(curves['family'] == line['norm']) & (curves['title'] == title)].set_index(
        ['seed', 'epoch']
      )['test_accuracy']
      for title in (line['library'], 'ours')
    )
    last = own.xs(3, level='epoch')
    assert line['seeds'] == '2' and line['test accuracy'] == f'{last.median():.4f}'
    assert line['spread over seeds'] == f'{last.min():.4f} to {last.max():.4f} (range)'
    if line['library'] == 'ours':
      continue
    less = (own - ours).xs(3, level='epoch')
    assert float(line['less ours']) == pytest.approx(less.median(), abs=6e-5)
    largest = (own - ours).abs().max()
    assert float(line['largest difference, any epoch and seed']) == pytest.approx(largest, abs=6e-5)


# Errors against the exact value.

NORMS, OFFSETS = ('batch', 'layer'), {'unit': 1.0, 'offset 1e3': 1e3, 'offset 1e4': 1e4}


def measured():
  """Of each library and input an error of its own; one loses entries."""
  rows, number = [], iter(range(1, 1000))
  for norm in NORMS:
    for library, title in TITLES.items():
      for name in reversed(OFFSETS):
        for quantity in errors.SHOWN:
          lost = int(library == 'keras' and name == 'offset 1e4')
          rows.append({'table': 'accuracy', 'norm': norm, 'library': library, 'title': title,
                       'dtype': 'float32', 'input': name, 'quantity': quantity, 'lost': lost,
                       'error': 1e-7 * next(number), 'two_ulp': 2.4e-7, 'refused': '',
                       'draws': 3, 'known': ''})  # fmt: skip
  return pd.DataFrame(rows)


def test_errors_against_the_offset():
  frame = measured()
  (drawing,) = errors.offsets(frame)
  colours = named(drawing.figure)
  panels = [(quantity, norm) for quantity in errors.SHOWN for norm in NORMS]
  for ax, (quantity, norm) in zip(drawing.figure.axes, panels, strict=True):
    assert ax.get_title(loc='left') == f'{norm}, {quantity}'
    for title, colour in colours.items():
      own = frame[(frame['norm'] == norm) & (frame['quantity'] == quantity)]
      own = own[own['title'] == title].set_index('input')
      expected = [own['error'][name] if not own['lost'][name] else np.nan for name in OFFSETS]
      found = line_of(ax, colour)
      np.testing.assert_allclose(found[:, 0], list(OFFSETS.values()))
      np.testing.assert_allclose(found[:, 1], expected)


def test_the_table_of_errors():
  frame = measured()
  table = agreement.accuracy(frame)
  assert table.columns[:4] == ['norm', 'dtype', 'input', 'quantity']
  for row in table.rows:
    line = dict(zip(table.columns, row.cells, strict=True))
    own = frame[(frame['norm'] == line['norm']) & (frame['input'] == line['input'])]
    own = own[own['quantity'] == line['quantity']].set_index('title')
    for title in TITLES.values():
      lost = ' (1 lost)' if own['lost'][title] else ''
      assert line[title] == two_digits(own['error'][title]) + lost
    rivals = own[(own['library'] != 'norms') & (own['lost'] == 0)]['error']
    ours = own['error']['ours']
    assert row.failed == (ours > 2 * rivals.min() and ours > 2.4e-7)


def test_the_table_of_libraries():
  frame = measured()
  table = agreement.libraries(frame)
  for row in table.rows:
    line = dict(zip(table.columns, row.cells, strict=True))
    own = frame[frame['title'] == line['library']]
    ulps = own['error'] / 1.2e-7
    assert (line['rows'], line['with NaN or infinity'], line['refused']) == (
      '12', str((own['lost'] > 0).sum()), '0',
    )  # fmt: skip
    assert line['within 2 ulp'] == f'{(ulps <= 2).mean():.0%}'
    assert line['median error in ulp'] == two_digits(ulps.median())
    assert line['worst relative error'] == two_digits(own['error'].max())


def compared():
  """A row of each quantity and pair."""
  rows, number = [], iter(range(1, 1000))
  quantities = ('output', 'output, dense', *agreement.GRADIENTS, 'scale after 5 steps')
  for norm in NORMS:
    for library, title in list(TITLES.items())[1:]:
      for quantity in (*quantities, 'output at defaults'):
        figures_ = {name: 1e-8 * next(number) for name in (
          'max_difference', 'mean_difference', 'ours_error', 'theirs_error')}  # fmt: skip
        place = {'table': 'parity', 'norm': norm, 'library': library, 'title': title}
        row = {**place, 'quantity': quantity, 'largest': 0.1 * next(number), 'known': ''}
        rows.append({**row, **figures_})
  return pd.DataFrame(rows)


def test_the_table_of_pairs():
  frame = compared()
  table = agreement.pairs(frame)
  assert [row.cells[:2] for row in table.rows] == [
    [norm, title] for norm in NORMS for title in ('Flax linen', 'Keras')
  ]
  of_output = {'output, mean': 'mean_difference', 'output, largest': 'max_difference',
               'ours from exact': 'ours_error', 'theirs from exact': 'theirs_error'}  # fmt: skip
  for row in table.rows:
    line = dict(zip(table.columns, row.cells, strict=True))
    own = frame[(frame['norm'] == line['norm']) & (frame['title'] == line['library'])]
    own = own.set_index('quantity')
    for head, column in of_output.items():
      assert line[head] == two_digits(own[column]['output'])
    assert line['dense, mean'] == two_digits(own['mean_difference']['output, dense'])
    for name in agreement.GRADIENTS:
      assert line[name] == two_digits(own['max_difference'][name] / own['largest'][name])
    assert line['scale after 5 steps'] == two_digits(own['max_difference']['scale after 5 steps'])
    assert line['at defaults'] == two_digits(own['max_difference']['output at defaults'])


def test_the_table_of_quantities():
  frame = compared()
  table = agreement.quantities(frame)
  for (_, own), row in zip(frame.iterrows(), table.rows, strict=True):
    assert row.cells[:3] == [own['norm'], own['title'], own['quantity']]
    shown = [own[name] for name in ('mean_difference', 'max_difference', 'largest')]
    assert row.cells[3:6] == [two_digits(value) for value in shown]
