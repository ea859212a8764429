"""A figure with the words that go with it."""

from __future__ import annotations

from typing import NamedTuple

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


def caption(view: View, what: str, free: tuple[str, ...], shown: str | None = None) -> str:
  """What is drawn, where in the sweep, and what of the seeds is shown: centre and spread."""
  # The place is part of every caption, so that a figure can be read without its page.
  fixed = view.fixed(free)
  where = f' at {words.place(fixed)}' if fixed else ''
  return f'{what}{where}: {shown or view.spread()} of {view.seeds()}.'


def finite(values: pd.Series) -> np.ndarray:
  """The values, with a gap where one is not finite."""
  numbers = values.to_numpy(float)
  return np.where(np.isfinite(numbers), numbers, np.nan)
