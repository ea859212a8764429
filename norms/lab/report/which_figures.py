"""Which figures a study gets, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterator
import functools

from norms.lab import columns as schema
from norms.lab.columns import BATCH_SIZE, GRAD_NORM, TRAINED, VALIDATION_ACCURACY
from norms.lab.report import measurements, questions, timing
from norms.lab.report.figures import against_axis, by_batch, curves, drawn_points, heat_maps
from norms.lab.report.figures.drawing import Drawing
from norms.lab.report.figures.writing import DrawFigures
from norms.lab.report.probes import layer_figures
from norms.lab.report.reference import comparison_figures
from norms.lab.report.view import View


def parts_of(view: View) -> list[DrawFigures]:
  """What draws every figure whose axes vary in the records, in the order of the page."""
  against = [functools.partial(_against, view, axis) for axis in view.numeric]
  first = (_overview, comparison_figures.draw)
  last = (_cells, layer_figures.draw, timing.figure, measurements.draw)
  before, after = ([functools.partial(part, view) for part in parts] for parts in (first, last))
  return [*before, *against, *after]


def _overview(view: View) -> Iterator[Drawing]:
  if view.importance is not None:
    yield drawn_points.bars(view)
  if not view.is_random:  # of which no cell is more usual than others
    for metric in view.recorded(_compared_by(view)):
      yield against_axis.seeds(view, metric)
    yield curves.curves(view)


def _compared_by(view: View) -> list[str]:
  """What the first claim compares norms by, if that is not the score, and the score."""
  (claim, _), *_ = *view.study.claims, ('', {})
  own = claimed(view) if claim in questions.COMPARING else view.score
  return list(dict.fromkeys([own, view.score]))


def claimed(view: View) -> str:
  """What the first claim is about."""
  (_, options), *_ = *view.study.claims, ('', {})
  metric: str = options.get('metric', view.score)
  return metric


def _cells(view: View) -> Iterator[Drawing]:
  """Two axes at once, as far as there are two."""
  if view.is_random:
    return
  if view.grid:
    across, down = _columns(view)
    yield heat_maps.accuracy(view, across, down)
    if not view.rows[TRAINED].all():
      yield heat_maps.failures(view, down or across)
    if down is not None:
      yield curves.curve_grid(view, across, down)
    elif view.rows[across].nunique() <= 4 and not view.texts:
      yield curves.curve_columns(view, across)
  if BATCH_SIZE in view.grid and view.recorded([VALIDATION_ACCURACY]):
    yield by_batch.by_batch(view)


def _against(view: View, axis: str) -> Iterator[Drawing]:
  """Accuracies against one axis, a close-up where the panels' scale hides the usual cell."""
  if view.is_random:
    yield drawn_points.scatter(view, axis, view.score)
    return
  panel = _panel(view, axis)
  for metric in view.recorded([view.score, view.score_of('validation')]):
    yield against_axis.against(view, axis, panel, metric)
  if _needs_close_up(view, axis, panel):
    # One panel alone has its own limits, and so shows what the shared ones flatten.
    close_up = against_axis.against(view, axis, None, view.score, close_up=True)
    yield close_up._replace(name=f'{close_up.name}_usual', title=f'{close_up.title}, close up')
  if is_scale(axis) and view.recorded([view.score_of('validation')]):
    yield against_axis.bests(view, axis)
  if is_scale(axis) and GRAD_NORM in view.frame:
    yield against_axis.against(view, axis, panel, GRAD_NORM, epoch=1)


def _needs_close_up(view: View, axis: str, panel: str | None) -> bool:
  """Whether what trained in the usual panel would fill less than half of the height of a panel."""
  usual = view.at_usual(view.rows, free=(axis,))
  trained = usual[usual[TRAINED].astype(bool)]
  near = (usual if trained.empty else trained)[view.score]
  shared = view.at_usual(view.rows, free=(axis, panel) if panel else (axis,))[view.score]
  return bool(near.max() - near.min() < 0.5 * (shared.max() - shared.min()))


def is_scale(axis: str) -> bool:
  """Whether an axis is a scale of kernels."""
  return schema.SCALE in schema.of(axis).traits


def _columns(view: View) -> tuple[str, str | None]:
  """The axis of a heat map's columns and of its panels: batch size, then the scale."""
  # The axis with the most familiar reading goes across, so that sheets of all studies look alike.
  first = sorted(view.grid, key=lambda axis: (axis != BATCH_SIZE, not is_scale(axis)))
  return first[0], first[1] if len(first) > 1 else None


def _panel(view: View, axis: str) -> str | None:
  """The axis that gives a figure its panels: a text first, else the next numeric one."""
  others = [other for other in (*view.texts, *view.grid) if other != axis]
  return others[0] if others else None
