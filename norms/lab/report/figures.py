"""Which figures a study gets, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
import functools
import io
import pathlib
import re
from typing import NamedTuple

import matplotlib

from norms.lab import columns as schema
from norms.lab.columns import BATCH_SIZE, GRAD_NORM, TEST_ACCURACY, TRAINED, VALIDATION_ACCURACY
from norms.lab.report import batches, beside, clock, curves, depth, heat, lines, measured, style
from norms.lab.report.drawing import Drawing
from norms.lab.report.view import View

FOLDER = 'figures'

# Makes drawings as they are asked for, so that they have the style of a report.
Part = Callable[[], Iterable[Drawing]]


class Figure(NamedTuple):
  """A written figure, with its SVG for the page."""

  name: str
  title: str
  caption: str
  svg: str
  png: str  # path from the report's folder


def parts_of(view: View) -> list[Part]:
  """What draws every figure whose axes vary in the records, in the order of the page."""
  against = [functools.partial(_against, view, axis) for axis in view.numeric]
  first, last = (_overview, beside.draw), (_cells, depth.draw, clock.figure, measured.draw)
  before, after = ([functools.partial(part, view) for part in parts] for parts in (first, last))
  return [*before, *against, *after]


def drawn(parts: Iterable[Part]) -> Iterator[Drawing]:
  """What the parts draw, one after the other."""
  for part in parts:
    yield from part()


def _overview(view: View) -> Iterator[Drawing]:
  yield lines.seeds(view)
  yield curves.curves(view)


def _cells(view: View) -> Iterator[Drawing]:
  """Two axes at once, as far as there are two."""
  if view.numeric:
    across, down = _columns(view)
    yield heat.accuracy(view, across, down)
    if not view.rows[TRAINED].all():
      yield heat.failures(view, down or across)
    if down is not None:
      yield curves.curve_grid(view, across, down)
    elif view.rows[across].nunique() <= 4 and not view.texts:
      yield curves.curve_columns(view, across)
  if BATCH_SIZE in view.numeric and view.recorded([VALIDATION_ACCURACY]):
    yield batches.by_batch(view)


def _against(view: View, axis: str) -> Iterator[Drawing]:
  """Accuracies against one axis, a close-up where the panels' scale hides the usual cell."""
  panel = _panel(view, axis)
  for metric in view.recorded([TEST_ACCURACY, VALIDATION_ACCURACY]):
    yield lines.against(view, axis, panel, metric)
  if panel is not None and _needs_close_up(view, axis, panel):
    close_up = lines.against(view, axis, None, TEST_ACCURACY)
    yield close_up._replace(name=f'{close_up.name}_usual', title=f'{close_up.title}, close up')
  if is_scale(axis) and view.recorded([VALIDATION_ACCURACY]):
    yield lines.bests(view, axis)
  if is_scale(axis) and GRAD_NORM in view.frame:
    yield lines.against(view, axis, panel, GRAD_NORM, epoch=1)


def _needs_close_up(view: View, axis: str, panel: str) -> bool:
  """Whether the usual panel would fill less than half of the height that all panels share."""
  usual = view.at_usual(view.rows, free=(axis,))[TEST_ACCURACY]
  shared = view.at_usual(view.rows, free=(axis, panel))[TEST_ACCURACY]
  return bool(usual.max() - usual.min() < 0.5 * (shared.max() - shared.min()))


def write(parts: Sequence[Part], folder: pathlib.Path) -> list[Figure]:
  """Writes each drawing as PNG and SVG; figures of an earlier report go."""
  return begin(parts, folder)()


def begin(
  parts: Sequence[Part], folder: pathlib.Path, helper: futures.Executor | None = None
) -> Callable[[], list[Figure]]:
  """As `write`, when called; the helper, if there is one, draws the second half from now on."""
  place = folder / FOLDER
  place.mkdir(parents=True, exist_ok=True)
  half = len(parts) // 2
  mine, theirs = (parts[:half], parts[half:]) if helper else (parts, [])
  # In one piece: what the parts have in common is sent once.
  asked = _asked(helper, theirs, place) if helper else None

  def written() -> list[Figure]:
    found = _saved(mine, place) + (_told(asked, theirs, place) if asked else [])
    names = {figure.name for figure in found}
    for path in [*place.glob('*.png'), *place.glob('*.svg')]:
      if path.stem not in names:
        path.unlink()
    return found

  return written


def _asked(helper: futures.Executor, *job) -> futures.Future[list[Figure]]:
  try:
    return helper.submit(_saved, *job)
  except futures.BrokenExecutor as gone:  # already: said where its share is wanted
    asked: futures.Future[list[Figure]] = futures.Future()
    asked.set_exception(gone)
    return asked


def _told(asked: futures.Future[list[Figure]], *job) -> list[Figure]:
  try:
    return asked.result()
  except futures.BrokenExecutor:  # the helper is gone, killed perhaps
    return _saved(*job)


def _saved(parts: Sequence[Part], place: pathlib.Path) -> list[Figure]:
  with matplotlib.rc_context(style.RC):
    return [_save(drawing, place) for drawing in drawn(parts)]


def _save(drawing: Drawing, place: pathlib.Path) -> Figure:
  """Without dates or versions, so that the same records give the same bytes."""
  name = re.sub(r'[^\w-]', '_', drawing.name)  # a layer's name has slashes
  buffer = io.StringIO()
  drawing.figure.savefig(buffer, format='svg', metadata={'Date': None, 'Creator': None})
  svg = '\n'.join(line.rstrip() for line in buffer.getvalue().splitlines()) + '\n'
  (place / f'{name}.svg').write_text(svg, encoding='utf-8', newline='\n')
  png = place / f'{name}.png'
  drawing.figure.savefig(png, dpi=style.DPI, metadata={'Software': None})
  return Figure(
    name, drawing.title, drawing.caption, style.inline(svg, name), f'{FOLDER}/{png.name}'
  )


def is_scale(axis: str) -> bool:
  """Whether an axis is a scale of kernels."""
  return schema.SCALE in schema.of(axis).traits


def _columns(view: View) -> tuple[str, str | None]:
  """The axis of a heat map's columns and of its panels: batch size, then the scale."""
  first = sorted(view.numeric, key=lambda axis: (axis != BATCH_SIZE, not is_scale(axis)))
  return first[0], first[1] if len(first) > 1 else None


def _panel(view: View, axis: str) -> str | None:
  """The axis that gives a figure its panels: a text first, else the next numeric one."""
  others = [other for other in (*view.texts, *view.numeric) if other != axis]
  return others[0] if others else None
