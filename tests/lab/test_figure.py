"""norms.lab.figure: every figure of a report from a frame, with the same content."""

import inspect
import re

import invented
import matplotlib
from matplotlib.figure import Figure
import pytest
from test_report import records, study

from norms.lab import figure

# A figure's name in a report, and the call that draws it.
CALLS = {
  r'training_curves': lambda f, **_: figure.training_curves(f),
  r'accuracy_by_seed': lambda f, **_: figure.every_seed(f),
  r'loss_curves': lambda f, **_: figure.loss_grid(f, 'batch_size', 'init_scale'),
  r'accuracy_by_batch_size': lambda f, **_: figure.by_batch_size(f),
  r'curves_by_(?P<axis>\w+)': lambda f, axis, **_: figure.curves_by(f, axis),
  r'bests_by_(?P<axis>\w+)': lambda f, axis, **_: figure.bests(f, axis),
  r'heat_(?P<axis>\w+)': lambda f, axis, **_: figure.heat_map(f, axis, panel='init_scale'),
  r'did_not_train_by_(?P<axis>\w+)': lambda f, axis, **_: figure.did_not_train(f, axis),
  r'test_accuracy_by_(?P<axis>\w+)_usual': lambda f, axis, **_: figure.against(
    f, axis, close_up=True
  ),
  r'grad_norm_by_(?P<axis>\w+)': lambda f, axis, panel, **_: figure.against(
    f, axis, 'grad_norm', panel=panel, epoch=1
  ),
  r'(?P<metric>(test|validation)_accuracy)_by_(?P<axis>\w+)': lambda f, axis, metric, panel, **_: (
    figure.against(f, axis, metric, panel=panel)
  ),
}


def content(drawn: Figure) -> list:
  """All that is plotted and written, without the time that it takes to render it."""
  return [
    (
      *(ax.get_title(loc) for loc in ('left', 'center')), ax.get_xlabel(), ax.get_ylabel(),
      ax.get_xlim(), ax.get_ylim(), [text.get_text() for text in ax.texts],
      [line.get_xydata().tobytes() for line in ax.lines],
    )
    for ax in drawn.axes
  ]  # fmt: skip


def test_each_figure_of_a_report_is_that_of_a_function():
  frame = records(('none', 'batch'), scales=(0.01, 1.0), seeds=1)
  frame['validation_accuracy'] = frame['test_accuracy'] - 0.01
  found = figure.of_report(frame)
  assert len(found) >= 9
  other = {'batch_size': 'init_scale', 'init_scale': 'batch_size'}
  for name, expected in found.items():
    pattern = next(each for each in CALLS if re.fullmatch(each, name))
    given = re.fullmatch(pattern, name).groupdict()
    drawn = CALLS[pattern](frame, panel=other.get(given.get('axis')), **given)
    assert isinstance(drawn, Figure) and content(drawn) == content(expected), name


def test_figures_of_probes_and_of_timing():
  asked = invented.asked('cifar_init_scale', 'smoke')
  frame, timing = invented.records(asked), invented.timing(asked)
  found = figure.of_report(frame, asked, timing)
  layers = [name for name in found if name.startswith('layers_')]
  assert layers == ['layers_by_depth', 'layers_by_weight_scale']
  drawn = {name: figure.layers(frame, name, study=asked) for name in layers}
  drawn['time_per_epoch'] = figure.time_per_epoch(frame, timing, study=asked)
  for name, each in drawn.items():
    assert content(each) == content(found[name]), name


def test_figures_of_a_reference():
  at = {'norm': 'layer', 'batch_size': 4, 'init_scale': 1.0}
  entry = {'name': 'accuracy', 'column': 'test_accuracy', 'at': at}
  asked = study(
    references=({**entry, 'values': {1: 0.5, 2: 0.7}}, {**entry, 'name': 'end', 'values': {-1: 1}})
  )
  frame = records(seeds=1)
  found = figure.of_report(frame, asked)
  for name in ('reference_curves', 'reference_points'):
    assert content(figure.reference(frame, asked, name)) == content(found[name])


def test_by_epoch_draws_any_measurement():
  (ax,) = figure.by_epoch(records(seeds=2), 'train_loss').axes
  assert ax.get_ylabel() == 'training loss' and len(ax.lines) == 3


def test_names_and_order_are_those_of_the_study():
  asked = study(labels={'batch': 'ours'}, axes={'norm': ('layer', 'batch', 'none')})
  drawn = figure.training_curves(records(seeds=1), study=asked)
  (legend,) = drawn.legends
  assert [text.get_text() for text in legend.get_texts()] == ['layer', 'ours', 'no norm']


@pytest.mark.parametrize(
  ('call', 'says'),
  [
    (lambda f: figure.against(f, 'init_scal'), "did you mean 'init_scale'"),
    (lambda f: figure.against(f, 'init_scale', 'test_acuracy'), "did you mean 'test_accuracy'"),
    (lambda f: figure.against(f, 'init_scale', panel='batch'), "did you mean 'batch_size'"),
    (lambda f: figure.by_epoch(f, 'norm'), 'is not known'),
    (lambda f: figure.bests(f, 'init_scale'), 'validation_accuracy'),
    (lambda f: figure.layers(f, 'layers_by_depth'), 'set config.probe'),
    (lambda f: figure.time_per_epoch(f, {}), 'set config.timing'),
    (lambda f: figure.by_batch_size(f[f['batch_size'] == 4]), 'init_scale'),
    (lambda f: figure.training_curves(f[:0]), 'hold no trial'),
  ],
)
def test_what_is_not_there_is_said_in_one_line(call, says):
  with pytest.raises(ValueError, match='.') as error:
    call(records(seeds=1))
  assert says in str(error.value) and '\n' not in str(error.value)


def test_a_notebook_shows_a_figure_and_matplotlib_is_left_as_it_was():
  before = dict(matplotlib.rcParams)
  drawn = figure.every_seed(records(seeds=1))
  assert drawn._repr_png_().startswith(b'\x89PNG')
  assert dict(matplotlib.rcParams) == before


def test_every_function_is_documented():
  functions = inspect.getmembers(figure, inspect.isfunction)
  own = [f for name, f in functions if f.__module__ == figure.__name__ and name[0] != '_']
  assert {f.__name__ for f in own} == set(figure.__all__) and all(f.__doc__ for f in own)
