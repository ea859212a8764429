"""What a figure tells under the pointer, and which of its artists an entry of the legend hides.

matplotlib writes the files; the page has the same SVG, whose artists have ids by their entry, and
the points with their texts as JSON. `figures.js.j2` does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
import json
from typing import Any, NamedTuple
import weakref

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
import numpy as np
import pandas as pd

from norms.lab.report import tables
from norms.lab.statistics import words

POINTS_PER_INCH = 72  # of an SVG


class Told(NamedTuple):
  """The entry that an artist belongs to, and what is told at places of its axes."""

  entry: str
  places: Any = ()  # pairs of numbers
  texts: Sequence[str] = ()


_TOLD: weakref.WeakKeyDictionary[Artist, Told] = weakref.WeakKeyDictionary()


def tell(entry: str, artists: Iterable[Artist], texts: Iterable[str] = ()) -> None:
  """Artists that belong to an entry of the legend, and what the points of the first say."""
  for i, artist in enumerate(artists):
    if i == 0 and isinstance(artist, Line2D):
      _TOLD[artist] = Told(entry, np.asarray(artist.get_xydata(), float), tuple(texts))
    else:
      _TOLD[artist] = Told(entry)


def tell_places(artist: Artist, told: Iterable[tuple[str, tuple[float, float], str]]) -> None:
  """What is told at places of an artist that has no points of its own: (entry, place, text)."""
  entries, places, texts = zip(*told, strict=True)
  names = (f'{entry}, {text}' for entry, text in zip(entries, texts, strict=True))
  _TOLD[artist] = Told('', places, tuple(names))


def of_summary(table: pd.DataFrame, axis: str = '') -> list[str]:
  """What the points of a norm say: 'epoch 3: 0.9412, 0.93 to 0.95 (range), 4 seeds'."""
  return [_line(line, axis) for line in table.to_dict('records')]


def _line(line: dict[Any, Any], axis: str) -> str:
  place = f'{words.place({axis: line[axis]})}: ' if axis else ''
  parts = [words.score(line['value']), tables.spread(line), words.count(line['n'], 'seed')]
  if line.get('share_trained', 1) < 1:
    parts.append(tables.trained(line))
  return place + ', '.join(parts)


def marked(figure: Figure) -> str:
  """Gives the artists of each entry ids, and returns entries and points as JSON, '' of none."""
  legend = [text.get_text() for each in figure.legends for text in each.get_texts()]
  artists = [(ax, artist) for ax in figure.axes for artist in (*ax.lines, *ax.collections)]
  told = [(ax, artist, _TOLD[artist]) for ax, artist in artists if artist in _TOLD]
  if not told:
    return ''
  entries = list(dict.fromkeys([*legend, *(each.entry for _, _, each in told if each.entry)]))
  for each in figure.legends:
    for text, handle in zip(each.get_texts(), each.legend_handles, strict=True):
      # What explains markers, as 'hollow: ...' does, hides nothing.
      if handle is not None and any(text.get_text() == own.entry for _, _, own in told):
        number = entries.index(text.get_text())
        text.set_gid(f'key-{number}-text')
        handle.set_gid(f'key-{number}-line')
  for i, (_, artist, own) in enumerate(told):
    if own.entry:
      artist.set_gid(f'entry-{entries.index(own.entry)}-{i}')
  points = [
    [*place, entries.index(own.entry) if own.entry else -1, text]
    for ax, _, own in told
    for place, text in _shown(figure, ax, own)
  ]
  content = {'entries': entries, 'points': points}
  # Within a page no text may look like the end of a script.
  return json.dumps(content, separators=(',', ':'), ensure_ascii=False).replace('<', r'\u003c')


def _shown(figure: Figure, ax: Axes, own: Told) -> Iterator[tuple[list[float], str]]:
  """([x, y] from the upper left corner, text) of each point within its axes."""
  panel = ax.get_title(loc='left') or ax.get_title()
  if not own.texts:
    return
  height = figure.get_size_inches()[1] * POINTS_PER_INCH
  with np.errstate(all='ignore'):
    seen = ax.transData.transform(np.asarray(own.places, float)) * POINTS_PER_INCH / figure.dpi
  box = np.array(ax.bbox.get_points()) * POINTS_PER_INCH / figure.dpi
  for (x, y), text in zip(seen, own.texts, strict=True):
    if (box[0] - 1 <= (x, y)).all() and ((x, y) <= box[1] + 1).all():
      place = [round(float(x), 1), round(float(height - y), 1)]
      yield place, f'{panel}; {text}' if panel else text
