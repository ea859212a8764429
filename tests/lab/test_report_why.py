"""Why, as recorded: what the report and the claim make of probes, from records by formula."""

import types

import numpy as np
import pandas as pd
import pytest

from norms.lab import report, statistics
from norms.lab.report import findings, view, which_figures
from norms.lab.report.figures import writing
from norms.lab.report.probes import at_start, layer_figures
from norms.lab.statistics import layers

SCALES = (0.001, 0.01, 0.1, 1.0)


def records(norms=('none', 'batch'), scales=SCALES, depth=3, seeds=3):
  """The plain net multiplies its signal by 5 x scale and trains at 0.1; batch norm keeps it at 1.

  Relative gradients are as the signal, of batch norm 0.1 / scale; it trains up to a scale of 0.1.
  """
  rows = []
  for norm in norms:
    for scale in scales:
      for seed in range(seeds):
        factor = 5 * scale * (1 + 0.01 * seed) if norm == 'none' else 1.0
        signal = 10 * factor ** np.arange(depth)
        relative = signal if norm == 'none' else 0.1 / scale * np.ones(depth)
        works = scale == 0.1 if norm == 'none' else scale <= 0.1
        trial = {'trial': f'{norm}{scale}{seed}', 'norm': norm, 'init_scale': scale, 'seed': seed,
                 'diverged_at': pd.NA, 'trained': works, 'probe': 50}  # fmt: skip
        found = {f'activation.layer_{i}': signal[i] for i in range(depth)}
        found |= {f'gradient.layer_{i}': 2 * relative[i] for i in range(depth)}
        found |= {f'relative_gradient.layer_{i}': relative[i] for i in range(depth)}
        for epoch in (0, 1):
          late = {name: 7e7 for name in found} if epoch else {}  # nothing of it may be said
          score = 0.9 if works and epoch else 0.1
          scores = {'test_accuracy': score, 'train_accuracy': score, 'train_loss': 2 - score}
          rows.append({**trial, 'epoch': epoch, 'step': epoch, 'test_loss': 2 - score,
                       'minibatch_loss': 2 - score, **scores, **found, **late})  # fmt: skip
  return pd.DataFrame(rows).astype({'diverged_at': 'Int64'})


def of(frame):
  made = types.SimpleNamespace(
    name='s', question='', expectation='', doc='', command='', claims=(), axes={}, labels={},
    references=(),
  )  # fmt: skip
  return view.of(frame, made)


def test_layers_are_in_the_order_of_depth():
  frame = pd.DataFrame(columns=[f'activation.layer_{i}' for i in (10, 0, 2, 1)])
  assert layers.layers(frame) == ['layer_0', 'layer_1', 'layer_2', 'layer_10']


def test_the_factor_from_one_hidden_layer_to_the_next():
  """Of four layers the last is none of them: (1e-4 / 1)^(1/2) = 0.01."""
  signals = np.array([[1.0, 1e-3, 1e-4, 5.0], [1.0, 4.0, 9.0, np.nan], [0.0, 0.0, 0.0, 0.0],
                      [1.0, 2.0, np.nan, np.nan]])  # fmt: skip
  frame = pd.DataFrame(signals, columns=[f'activation.layer_{i}' for i in range(4)])
  np.testing.assert_allclose(layers.passed_on(frame), [0.01, 4.0, 0.0, np.nan])


def test_centres_are_geometric():
  frame = pd.DataFrame({'norm': 'none', 'seed': range(5), 'x': [1e-4, 1e-2, 1.0, 1e2, 1e4]})
  (line,) = layers.summary(frame, ['norm'], 'x').to_dict('records')
  assert line['value'] == pytest.approx(1.0) and line['kind'] == 'interval'
  assert line['low'] * line['high'] == pytest.approx(1.0) and line['low'] > 0


@pytest.mark.parametrize(
  ('options', 'outcome'),
  [
    ({'norm': 'none', 'most': 0.1, 'at': {'init_scale': {'to': 0.01}}}, 'supported'),
    ({'norm': 'none', 'most': 0.01, 'at': {'init_scale': {'to': 0.01}}}, 'refuted'),
    (
      {'norm': 'none', 'least': 5.04, 'at': {'init_scale': 1.0}},
      'undecided',
    ),  # seed 0 is against it
    ({'norm': 'batch', 'least': 0.5, 'most': 2.0}, 'supported'),
    ({'norm': 'none', 'least': 0.5, 'most': 2.0}, 'refuted'),
    ({'norm': 'batch', 'least': 1.0, 'most': 1.0}, 'supported'),  # the ends are within
  ],
)
def test_the_claim_that_a_signal_is_passed_on(options, outcome):
  found = statistics.verdict('passes_on', records(seeds=5), **options)
  assert found.outcome == outcome and found.n == 5
  assert '7e+07' not in found.sentence


def test_the_claim_needs_a_probe_and_hidden_layers():
  bare = records().drop(columns=[n for n in records() if 'layer' in n])
  (found,) = statistics.verdicts(bare, [('passes_on', {'norm': 'none'})])
  assert found.outcome == 'undecided' and 'set config.probe' in found.sentence
  found = statistics.verdict('passes_on', records(depth=2), norm='none')
  assert found.outcome == 'undecided' and 'no two hidden layers' in found.sentence


def test_the_sentences_say_where_and_how_the_start_differs():
  plain, batch = at_start.sentences(of(records(depth=4)))
  assert plain.startswith('The net with no norm trains only at initial scale 0.1.')
  assert 'changes by a factor of 0.5 to 0.51 from one hidden layer to the next' in plain
  assert 'Below, the factor is smaller than there in all 6 trials (0.005 to 0.051)' in plain
  assert 'Above, the factor is larger than there in all 3 trials (5 to 5.1)' in plain
  assert 'trains over 2.0 decades (0.001 to 0.1)' in batch
  assert (
    'Above, the factor is as there (1) and the gradient is smaller than there in all 3' in batch
  )
  assert not [s for s in findings.sentences(of(records())) if 'Gradient norm' in s]


def test_a_net_of_one_hidden_layer_has_gradients_to_speak_of():
  plain, _ = at_start.sentences(of(records(depth=2)))
  assert 'factor' not in plain and 'Below, the gradient is smaller' in plain


def test_without_an_axis_the_usual_cell_is_described():
  plain, batch = at_start.sentences(of(records(scales=(0.01,))))
  assert 'by a factor of 0.05 to 0.051' in plain and '0 of 3 trials trained' in plain
  assert '3 of 3 trials trained' in batch
  (table,) = at_start.tables_of(of(records(scales=(0.01,))))
  assert [row.cells[0] for row in table.rows] == ['no norm', 'batch']


def test_the_table_has_the_ends_of_each_range_and_what_is_beside_them():
  (table,) = at_start.tables_of(of(records(scales=tuple(np.logspace(-4, 0, 9)))))
  shown = {norm: [row.cells[1] for row in table.rows if row.cells[0] == norm]
           for norm in ('no norm', 'batch')}  # fmt: skip
  assert shown['no norm'] == ['0.0001', '0.0316', '0.1', '0.316', '1']
  assert shown['batch'] == ['0.0001', '0.00316', '0.1', '0.316', '1']
  first = dict(zip(table.columns, table.rows[0].cells, strict=True))
  assert first['signal of layer 0'] == '10' and first['trained'] == '0 of 3'
  assert first['factor from one hidden layer to the next'] == '0.000505'


def test_nets_of_several_depths_and_dead_ones_are_drawn():
  """A signal of 0 has no place on a log axis, a missing layer has no line."""
  deep, flat = records(('none',), depth=12), records(('batch',), depth=3)
  dead = flat['init_scale'] == 0.001
  flat.loc[dead, [n for n in flat if n.startswith(('activation', 'relative'))]] = 0.0
  seen = of(pd.concat([deep, flat], ignore_index=True))
  drawn = {drawing.name: drawing for drawing in layer_figures.draw(seen)}
  assert set(drawn) == {'layers_by_depth', 'layers_by_init_scale'}
  labels = [text.get_text() for text in drawn['layers_by_init_scale'].figure.legends[0].texts]
  assert labels[0] == 'layer 0' and labels[-2] == 'layer 11' and len(labels) == 10
  (table,) = at_start.tables_of(seen)
  assert '–' in {cell for row in table.rows if row.cells[0] == 'batch' for cell in row.cells}


def test_many_norms_have_a_sheet_for_each_quantity():
  seen = of(records(('none', 'batch', 'layer', 'rms', 'group')))
  names = [drawing.name for drawing in layer_figures.draw(seen)]
  assert names == ['layers_by_depth', 'activation_by_init_scale', 'gradient_by_init_scale',
                   'relative_gradient_by_init_scale']  # fmt: skip


def test_it_is_in_the_report(tmp_path):
  seen = of(records())
  page = report.write(records(), seen.study, [], tmp_path)
  text = (tmp_path / 'report.md').read_text()
  assert '## Signal and gradient before the first step, by initial scale' in text
  assert 'on the first 50 training examples' in text and 'figures/layers_by_init_scale.png' in text
  assert 'layers_by_init_scale' in page.read_text()
  bare = records().drop(columns=[n for n in records() if 'layer' in n])
  assert not [
    d.name
    for d in writing.draw_all(which_figures.parts_of(of(bare)))
    if d.name.startswith('layers')
  ]
