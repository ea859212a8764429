"""What a figure tells under the pointer is what the records hold, where it is drawn."""

import json

import numpy as np
from test_figures_are_data import SHOWN, centre, last, recorded, seen

from norms.lab.report.figures import against_axis, curves, drawn_points, heat_maps, pointed


def told(drawing):
  """{entry: [(x, y, text)]} of a figure."""
  content = json.loads(pointed.marked(drawing.figure))
  found = {}
  for x, y, entry, text in content['points']:
    found.setdefault(content['entries'][entry] if entry >= 0 else '', []).append((x, y, text))
  return found


def test_points_of_a_line_say_their_own_values_where_they_lie():
  drawing = against_axis.against(seen(), 'init_scale', 'batch_size', 'test_accuracy')
  frame, ax = last(recorded()), drawing.figure.axes[1]
  found = told(drawing)
  assert list(found) == list(SHOWN)
  for label, norm in SHOWN.items():
    values = centre(frame, norm, 'init_scale', 'test_accuracy', batch_size=16)
    own = [point for point in found[label] if point[2].startswith('batch size 16; ')]
    assert len(own) == len(values)
    for (x, y, text), (scale, value) in zip(own, values.items(), strict=True):
      assert text.startswith(f'batch size 16; initial scale {scale:g}: {value:.4f}, ')
      assert text.endswith('did not train: 3 of 3') == (norm == 'none' and scale != 1)
      # An SVG counts from above, 72 to the inch.
      drawn = ax.transData.transform((scale, value)) * 72 / drawing.figure.dpi
      height = 72 * drawing.figure.get_size_inches()[1]
      np.testing.assert_allclose((x, y), (drawn[0], height - drawn[1]), atol=0.06)


def test_a_point_of_a_seed_names_its_trial():
  frame = last(recorded())
  usual = frame[(frame['batch_size'] == 16) & (frame['init_scale'] == 1)]
  found = told(against_axis.seeds(seen()))
  for label, norm in SHOWN.items():
    for line, (_, _, text) in zip(
      usual[usual['norm'] == norm].itertuples(), found[label], strict=False
    ):
      assert text == f'seed {line.seed}: {line.test_accuracy:.4f}, trial {line.trial}'


def test_a_cell_of_a_heat_map_says_its_norm_and_value():
  (points,) = told(heat_maps.accuracy(seen(), 'batch_size', 'init_scale')).values()
  frame = last(recorded())
  for scale in (0.01, 1.0, 100.0):
    own = [point for point in points if point[2].startswith(f'initial scale {scale:g}; ')]
    for column, batch in enumerate((4, 16, 64)):
      for row, (label, norm) in enumerate(SHOWN.items()):
        value = centre(frame, norm, 'batch_size', 'test_accuracy', init_scale=scale)[batch]
        (point,) = [p for p in own if f'; {label}, batch size {batch}: {value:.4f}' in p[2]]
        places = [sorted({p[i] for p in own}) for i in (0, 1)]
        assert (places[0].index(point[0]), places[1].index(point[1])) == (column, row)


def test_what_lies_beyond_its_axes_is_not_told_of():
  drawing = curves.curves(seen())
  ax = drawing.figure.axes[1]
  ax.set_ylim(0.5, 1)
  texts = [text for points in told(drawing).values() for *_, text in points]
  assert sum('epoch 0' in text for text in texts) == 3  # of the loss alone: accuracies begin at 0.1


def test_artists_of_an_entry_and_its_key_have_its_number():
  drawing = curves.curves(seen())
  pointed.marked(drawing.figure)
  (legend,) = drawing.figure.legends
  for number, (text, label) in enumerate(zip(legend.get_texts(), SHOWN, strict=True)):
    assert (text.get_text(), text.get_gid()) == (label, f'key-{number}-text')
    assert legend.legend_handles[number].get_gid() == f'key-{number}-line'
    colour = legend.legend_handles[number].get_color()
    for ax in drawing.figure.axes:
      (line,) = [line for line in ax.lines if line.get_color() == colour]
      assert line.get_gid().startswith(f'entry-{number}-')


def test_a_text_cannot_end_the_script_that_holds_it():
  drawing = curves.curves(seen(norm=recorded()['norm'].replace('batch', '</script>')))
  text = pointed.marked(drawing.figure)
  assert '<' not in text and '</script>' in told(drawing)


def test_a_figure_of_nothing_tells_nothing():
  drawing = curves.curves(seen())
  for ax in drawing.figure.axes:
    ax.clear()
  assert pointed.marked(drawing.figure) == ''


def test_a_share_that_did_not_train_is_told_as_a_count():
  (points,) = told(heat_maps.failures(seen(), 'init_scale')).values()
  texts = {text for *_, text in points}
  assert 'no norm, initial scale 100: 9 of 9 trials did not train' in texts
  assert 'batch, initial scale 0.01: 0 of 9 trials did not train' in texts and len(texts) == 9


def test_points_of_a_large_design_name_their_trials_and_medians_hide_with_them():
  frame = last(recorded())
  found = told(drawing := drawn_points.scatter(seen(), 'init_scale', 'test_accuracy'))
  for label, norm in SHOWN.items():
    own = frame[frame['norm'] == norm]
    assert {text for *_, text in found[label]} == {
      f'initial scale {line.init_scale:g}: {line.test_accuracy:.4f}, trial {line.trial}'
      for line in own.itertuples()
    }
  gids = [line.get_gid() for line in drawing.figure.axes[0].lines]
  assert [gid.split('-')[1] for gid in gids] == ['0', '0', '1', '1', '2', '2']
