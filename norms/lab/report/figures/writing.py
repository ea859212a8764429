"""How figures are written: as PNG and SVG, half of them by a helper where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
import io
import pathlib
import pickle
import re
from typing import NamedTuple

import matplotlib

from norms.lab.report import style
from norms.lab.report.figures import pointed
from norms.lab.report.figures.drawing import Drawing

FOLDER = 'figures'

# Makes drawings when it is called, so that they have the style of a report.
DrawFigures = Callable[[], Iterable[Drawing]]


class WrittenFigure(NamedTuple):
  """A written figure, with its SVG for the page."""

  name: str
  title: str
  caption: str
  svg: str
  png: str  # path from the report's folder
  told: str = ''  # by `pointed`, for the page's script


def draw_all(parts: Iterable[DrawFigures]) -> Iterator[Drawing]:
  """What the parts draw, one after the other."""
  for part in parts:
    yield from part()


def write(parts: Sequence[DrawFigures], folder: pathlib.Path) -> list[WrittenFigure]:
  """Writes each drawing as PNG and SVG."""
  return begin_writing(parts, folder)()


def begin_writing(
  parts: Sequence[DrawFigures], folder: pathlib.Path, helper: futures.Executor | None = None
) -> Callable[[], list[WrittenFigure]]:
  """As `write`, when called; the helper, if there is one, draws the second half from now on."""
  place = folder / FOLDER
  place.mkdir(parents=True, exist_ok=True)
  half = len(parts) // 2
  mine, theirs = (parts[:half], parts[half:]) if helper else (parts, [])
  # In one piece: what the parts have in common is sent once.
  asked = folder / 'asked.pickle'
  submitted = _submit(helper, asked, theirs, place) if helper else None

  def written() -> list[WrittenFigure]:
    figures = _saved(mine, place)
    if submitted:
      figures += _collect(submitted, theirs, place)
      asked.unlink()
    return figures

  return written


def _submit(
  helper: futures.Executor, asked: pathlib.Path, *job
) -> futures.Future[list[WrittenFigure]]:
  """Asks the helper to write its share; if it is gone already, that shows in `_collect`."""
  # Pickled here: the executor's own thread would do it while this one goes on with the same
  # objects, of which some remember what they have computed. In a file: to send more than a pipe
  # holds to a process that ends meanwhile never returns in Python 3.11.2.
  asked.write_bytes(pickle.dumps(job))
  try:
    return helper.submit(_unpickled, asked)
  except futures.BrokenExecutor as gone:
    failed: futures.Future[list[WrittenFigure]] = futures.Future()
    failed.set_exception(gone)
    return failed


def _unpickled(asked: pathlib.Path) -> list[WrittenFigure]:
  return _saved(*pickle.loads(asked.read_bytes()))


def _collect(submitted: futures.Future[list[WrittenFigure]], *job) -> list[WrittenFigure]:
  """The helper's share; written here if the helper is gone, killed perhaps."""
  try:
    return submitted.result()
  except futures.BrokenExecutor:
    return _saved(*job)


def _saved(parts: Sequence[DrawFigures], place: pathlib.Path) -> list[WrittenFigure]:
  with matplotlib.rc_context(style.RC):
    return [_save(drawing, place) for drawing in draw_all(parts)]


def _save(drawing: Drawing, place: pathlib.Path) -> WrittenFigure:
  """Without dates or versions, so that the same records give the same bytes."""
  name = re.sub(r'[^\w-]', '_', drawing.name)  # a layer's name has slashes
  told = pointed.marked(drawing.figure)
  buffer = io.StringIO()
  drawing.figure.savefig(buffer, format='svg', metadata={'Date': None, 'Creator': None})
  svg = '\n'.join(line.rstrip() for line in buffer.getvalue().splitlines()) + '\n'
  (place / f'{name}.svg').write_text(svg, encoding='utf-8', newline='\n')
  png = place / f'{name}.png'
  drawing.figure.savefig(png, dpi=style.DPI, metadata={'Software': None})
  inline = style.inline(svg, name)
  return WrittenFigure(name, drawing.title, drawing.caption, inline, f'{FOLDER}/{png.name}', told)
