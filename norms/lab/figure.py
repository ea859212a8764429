"""The figures of a report, each from a frame of records: figure.training_curves(frame).

Every function takes the frame that norms.lab.run and norms.lab.load return, or some of its rows,
and returns a matplotlib Figure, which a notebook shows and `savefig` keeps. What is not said, such
as the cell of the sweep, is chosen as a report chooses it. With `study`, norms have the names and
the order that the study gives them. Where the records have no such axis, measurement or figure,
that is a ValueError of one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import matplotlib
from matplotlib.figure import Figure
import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import BATCH_SIZE, MEASUREMENT
from norms.lab.report import measurements, style, view, which_figures
from norms.lab.report import timing as timings
from norms.lab.report.figures import against_axis, by_batch, curves, heat_maps, writing
from norms.lab.report.figures.drawing import Drawing
from norms.lab.report.probes import layer_figures
from norms.lab.report.reference import comparison_figures
from norms.lab.report.view import View
from norms.lab.study import Study
from norms.lab.values import Recorded, one_of

__all__ = [
  'against', 'bests', 'by_batch_size', 'by_epoch', 'curves_by', 'did_not_train',
  'every_seed', 'heat_map', 'layers', 'loss_grid', 'of_report', 'reference',
  'time_per_epoch', 'training_curves',
]  # fmt: skip

NO_STUDY = Study('', '', '', '', '', (), {}, ())  # which has no names for norms, and no order


def of_report(
  frame: pd.DataFrame, study: Study | None = None, timing: Recorded | None = None
) -> dict[str, Figure]:
  """All figures that a report of these records draws, by name, in the order of its page.

  timing: what norms.lab.timed.load returns of the study's folder.
  """
  with matplotlib.rc_context(style.RC):
    parts = which_figures.parts_of(view.of(frame, study or NO_STUDY, timing))
    return {drawing.name: drawing.figure for drawing in writing.draw_all(parts)}


def training_curves(frame: pd.DataFrame, *, study: Study | None = None) -> Figure:
  """Training loss and scores over the epochs, a line per norm, at the usual cell."""
  return _one(curves.curves, frame, study)


def curves_by(frame: pd.DataFrame, axis: str, *, study: Study | None = None) -> Figure:
  """Training curves, a column for each of at most four values of an axis."""
  return _one(lambda seen: curves.curve_columns(seen, _axis(seen, axis)), frame, study)


def loss_grid(frame: pd.DataFrame, across: str, down: str, *, study: Study | None = None) -> Figure:
  """Training loss over the epochs, a panel for each pair of values of two axes."""
  return _one(
    lambda seen: curves.curve_grid(seen, _axis(seen, across), _axis(seen, down)), frame, study
  )


def by_epoch(frame: pd.DataFrame, metric: str, *, study: Study | None = None) -> Figure:
  """Any measurement over the epochs, a line per norm, at the usual cell."""
  return _one(
    lambda seen: measurements.by_epoch(seen, seen.at_usual(seen.frame), _metric(seen, metric)),
    frame,
    study,
  )


def by_batch_size(frame: pd.DataFrame, *, study: Study | None = None) -> Figure:
  """Training and validation accuracy by epoch, a column per norm, a line per batch size."""

  def draw(seen: View) -> Drawing:
    _axis(seen, BATCH_SIZE)
    return by_batch.by_batch(seen)

  return _one(draw, frame, study)


def every_seed(frame: pd.DataFrame, *, study: Study | None = None) -> Figure:
  """The final score of every seed at the usual cell, joined by seed across the norms."""
  return _one(against_axis.seeds, frame, study)


def against(
  frame: pd.DataFrame,
  axis: str,
  metric: str | None = None,
  *,
  panel: str | None = None,
  epoch: int | None = None,
  close_up: bool = False,
  study: Study | None = None,
) -> Figure:
  """A measurement against a numeric axis, a line per norm.

  Args:
    frame: the records.
    axis: a swept setting, such as 'learning_rate'.
    metric: a column; by default the one by which norms are compared.
    panel: another axis, of whose values each has a panel.
    epoch: after which epoch; by default the last.
    close_up: whether the limits are those of the cells in which every seed trained.
  """

  def draw(seen: View) -> Drawing:
    panels = None if panel is None else one_of('axis', panel, seen.axes)
    shown = _metric(seen, metric or seen.score)
    how: dict[str, Any] = {'epoch': epoch, 'close_up': close_up}
    return against_axis.against(seen, _axis(seen, axis), panels, shown, **how)

  return _one(draw, frame, study)


def bests(frame: pd.DataFrame, axis: str, *, study: Study | None = None) -> Figure:
  """Best training and validation scores over the epochs, and the final loss, against an axis."""

  def draw(seen: View) -> Drawing:
    _metric(seen, seen.score_of('validation'))
    return against_axis.bests(seen, _axis(seen, axis))

  return _one(draw, frame, study)


def heat_map(
  frame: pd.DataFrame, axis: str, *, panel: str | None = None, study: Study | None = None
) -> Figure:
  """The score of each norm at each value of an axis, a panel for each value of another."""
  return _one(
    lambda seen: heat_maps.accuracy(seen, _axis(seen, axis), panel and _axis(seen, panel)),
    frame,
    study,
  )


def did_not_train(frame: pd.DataFrame, axis: str, *, study: Study | None = None) -> Figure:
  """The share of trials that did not train, by norm and value of an axis, over all else."""
  return _one(lambda seen: heat_maps.failures(seen, _axis(seen, axis)), frame, study)


def layers(frame: pd.DataFrame, name: str, *, study: Study | None = None) -> Figure:
  """What config.probe recorded of each layer before the first step.

  name: 'layers_by_depth', or 'layers_by_<axis>'; of more than four norms there is a sheet for each
    quantity, such as 'activation_by_<axis>'.
  """
  return _named(layer_figures.draw, name, 'config.probe', frame, study)


def reference(frame: pd.DataFrame, study: Study, name: str = 'reference_curves') -> Figure:
  """Figures of another report that config.references names, beside ours.

  name: 'reference_curves', or 'reference_points' for what was reported of one epoch.
  """
  return _named(comparison_figures.draw, name, 'config.references', frame, study)


def time_per_epoch(frame: pd.DataFrame, timing: Recorded, *, study: Study | None = None) -> Figure:
  """The seconds of each epoch that was timed, as norms.lab.timed.load gives it, a line per norm."""
  return _named(timings.figure, 'time_per_epoch', 'config.timing', frame, study, timing)


def _one(
  draw: Callable[[View], Drawing],
  frame: pd.DataFrame,
  study: Study | None,
  timing: Recorded | None = None,
) -> Figure:
  with matplotlib.rc_context(style.RC):
    return draw(view.of(frame, study or NO_STUDY, timing)).figure


def _named(draw: Callable[[View], Iterable[Drawing]], name: str, key: str, *given: Any) -> Figure:
  """The one of several drawings that has the name; given: a frame, a study, a timing, as `_one`."""

  def find(seen: View) -> Drawing:
    found = {drawing.name: drawing for drawing in draw(seen)}
    if not found:
      raise ValueError(f'figure {name!r}: nothing was recorded for it: set {key}, and run')
    return found[one_of('figure', name, found)]

  return _one(find, *given)


def _axis(seen: View, axis: str) -> str:
  return one_of('axis', axis, seen.numeric or ['none: these records vary no number'])


def _metric(seen: View, metric: str) -> str:
  return one_of('measurement', metric, [n for n in seen.rows if schema.of(n).kind == MEASUREMENT])
