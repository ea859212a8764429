"""A figure with the words that go with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure
import numpy as np
import pandas as pd

from norms.lab.report.view import View
from norms.lab.statistics import words


class Drawing(NamedTuple):
  """A figure, its name as a file, its title and its caption."""

  name: str
  title: str
  caption: str
  figure: Figure


def caption(
  view: View,
  what: str,
  free: tuple[str, ...],
  shown: str | None = None,
  notes: Iterable[str] = (),
) -> str:
  """What is drawn, where in the sweep, and what of the seeds is shown: centre and spread.

  notes: sentences that follow, as of what is left out; an empty one says nothing.
  """
  # The place is part of every caption, so that a figure can be read without its page.
  fixed = view.fixed(free)
  where = f' at {words.place(fixed)}' if fixed else ''
  text = f'{what}{where}: {shown or view.spread()} of {view.seeds()}.'
  return ' '.join([text, *dict.fromkeys(filter(None, notes))])


def left_out(axis: str | None, values: Iterable[Any], shown: Sequence[Any]) -> str:
  """'Not shown: batch size 16 and 256.', '' where nothing is left out."""
  absent = tuple(value for value in values if value not in shown)
  return f'Not shown: {words.place({axis: absent})}.' if axis and absent else ''


def finite(values: pd.Series) -> np.ndarray:
  """The values, with a gap where one is not finite."""
  numbers = values.to_numpy(float)
  return np.where(np.isfinite(numbers), numbers, np.nan)
