"""Tables of parity over training: each library's curves and parameters beside ours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from norms.lab import statistics
from norms.lab.parity_columns import (
  EPOCH,
  FAMILY,
  INDEX,
  LIBRARY,
  NORM,
  PARAMETER,
  PART,
  SEED,
  STEP,
  TEST_ACCURACY,
  TITLE,
  VALUE,
)
from norms.lab.report.parity.page import OURS, number
from norms.lab.report.tables import ABSENT, Table, TableRow, spread
from norms.lab.statistics import words

FAULT = 'untrained'
PLACE = [FAMILY, LIBRARY, TITLE]


def join_ours(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
  """The rows, with our value of the same keys in the column `ours`."""
  ours = rows[rows[LIBRARY] == OURS].set_index(keys)[value].rename('ours')
  return rows.join(ours, on=keys)


def curves(frame: pd.DataFrame) -> pd.DataFrame:
  """A row per library, seed and epoch: test accuracy, and how far it is from ours."""
  rows = frame[frame[PART] == 'curve']
  compared = join_ours(rows, [FAMILY, SEED, EPOCH], TEST_ACCURACY)
  return compared.assign(difference=compared[TEST_ACCURACY] - compared['ours'])


def drift(frame: pd.DataFrame) -> pd.DataFrame:
  """A row per library, seed, step and kind: largest and mean |difference| from ours."""
  rows = frame[frame[PART] == 'parameter']
  compared = join_ours(rows, [FAMILY, SEED, STEP, PARAMETER, INDEX], VALUE)
  kind = np.where(compared[PARAMETER].str.endswith('scale'), 'gamma', 'beta')
  compared = compared.assign(kind=kind, apart=(compared[VALUE] - compared['ours']).abs())
  compared = compared[compared[LIBRARY] != OURS]
  by = [*PLACE, SEED, STEP, 'kind']
  by_step = compared.groupby(by, sort=False)['apart'].agg(largest='max', mean='mean')
  return by_step.reset_index()


def accuracies(curves: pd.DataFrame) -> Table:
  """A line per family and library: the last epoch's accuracy, and differences from ours."""
  last = curves[curves[EPOCH] == curves[EPOCH].max()]
  rows = []
  for (family, _, title), part in curves.groupby(PLACE, sort=False):
    final = last[(last[FAMILY] == family) & (last[TITLE] == title)]
    own = statistics.estimate(final[TEST_ACCURACY], within=(0.0, 1.0))
    cells = [family, title, str(own.n), words.score(own.value), spread(own._asdict())]
    if (part[LIBRARY] == OURS).all():
      rows.append(TableRow([*cells, ABSENT, ABSENT, ABSENT], False))
      continue
    difference = statistics.estimate(final['difference'])
    largest = float(part['difference'].abs().max())
    cells += [words.signed(difference.value), spread(difference._asdict()), words.score(largest)]
    rows.append(TableRow(cells, bool((part[LIBRARY] == FAULT).all())))
  columns = [NORM, LIBRARY, 'seeds', 'test accuracy', 'spread over seeds', 'less ours']
  columns += ['its spread, paired by seed', 'largest difference, any epoch and seed']
  note = 'After the last epoch, batch norm by running statistics. Tinted: the deliberate fault.'
  return Table('curves', 'Accuracy', note, columns, rows)


def drifts(drift: pd.DataFrame) -> Table:
  """A line per family, kind and library: differences from ours by step."""
  steps = shown(drift)
  rows = []
  for (family, library, title), part in drift.groupby(PLACE, sort=False):
    for kind in ('gamma', 'beta'):
      by_step = part[part['kind'] == kind].groupby(STEP)[['largest', 'mean']].median()
      cells = [number(float(by_step['largest'][step])) for step in steps]
      cells += [number(float(by_step['mean'][step])) for step in steps]
      rows.append(TableRow([family, kind, title, *cells], library == FAULT))
  columns = [NORM, 'of', LIBRARY, *(f'largest, step {words.number(s)}' for s in steps)]
  columns += [f'mean, step {words.number(s)}' for s in steps]
  note = (
    'Largest and mean |difference| from ours over all layers, the median of the seeds. Of weight '
    'norm gamma is the length and beta the bias of the layer. Tinted: the deliberate fault.'
  )
  return Table('drifts', 'Gamma and beta', note, columns, rows)


def shown(drift: pd.DataFrame) -> list[float]:
  """The steps that a table shows: 1, about 10 and 100, and the last."""
  steps = np.sort(drift[STEP].unique())
  wanted = [1, 10, 100, steps[-1]]
  nearest = [float(steps[np.argmin(np.abs(steps - w))]) for w in wanted if w <= steps[-1]]
  return list(dict.fromkeys(nearest))
