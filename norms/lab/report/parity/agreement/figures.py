"""The error of each library against the offset of the input."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
import numpy as np
import pandas as pd

from norms.lab.parity_columns import DTYPE, ERROR, INPUT, LOST, NORM, QUANTITY, TITLE
from norms.lab.report.figures import pointed, sheets
from norms.lab.report.figures.drawing import Drawing
from norms.lab.report.parity import page
from norms.lab.report.parity.agreement import tables

OFFSETS = {'unit': 1.0, 'offset 1e3': 1e3, 'offset 1e4': 1e4, 'offset 1e5': 1e5, 'offset 1e6': 1e6}
SHOWN = ('output', 'gradient of x')


def offsets(frame: pd.DataFrame) -> Iterator[Drawing]:
  """A panel per norm and quantity; nothing where too few offsets were run."""
  rows = tables.errors(frame)
  rows = rows[(rows[DTYPE] == 'float32') & rows[INPUT].isin(OFFSETS)]
  rows = rows[rows[QUANTITY].isin(SHOWN)]
  norms = [n for n in ('batch', 'layer', 'group', 'instance') if n in set(rows[NORM])]
  if not norms or rows[INPUT].nunique() < 3:
    return
  titles = list(rows[TITLE].unique())
  cells = [(quantity, norm) for quantity in SHOWN for norm in norms]
  top = 0.12 + 0.2 * int(np.ceil(len(titles) / 4))
  figure, axes = sheets.sheet(len(cells), columns=len(norms), high=2.0, top=top)
  for ax, (quantity, norm) in zip(axes, cells, strict=True):
    part = rows[(rows[QUANTITY] == quantity) & (rows[NORM] == norm)]
    for title in reversed(titles):
      _line(ax, titles.index(title), title, part[part[TITLE] == title])
    ax.set_title(f'{norm}, {quantity}', loc='left')
    ax.set_xscale('log')
    ax.set_yscale('log')
    ax.set_ylim(2e-8, 1e7)
  sheets.outer_labels(axes, len(norms), 'offset', 'relative error')
  page.legend(figure, titles, 4)
  caption = (
    f'Largest error over the largest exact entry{tables.draws(frame)}, for normal noise of '
    'deviation 1 around an offset, float32. A gap: an entry is NaN or infinite.'
  )
  yield Drawing('error_by_offset', 'Error against the offset', caption, figure)


def _line(ax: Axes, index: int, title: str, part: pd.DataFrame) -> None:
  part = part.assign(offset=part[INPUT].map(OFFSETS)).sort_values('offset')
  error = part[ERROR].where(part[LOST] == 0)
  width = 2.2 if index == 0 else 1.2
  drawn = ax.plot(part['offset'], error, lw=width, **page.look(index))
  texts = zip(part['offset'], error, strict=True)
  pointed.tell(title, drawn, [f'offset {at:.0e}: error {value:.1e}' for at, value in texts])
