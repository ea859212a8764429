"""What the records of parity over training say: do the curves agree, is the fault to be seen?"""

from __future__ import annotations

import pandas as pd

from norms.lab.parity_columns import EPOCH, FAMILY, LIBRARY, SEED, STEP, TITLE
from norms.lab.report.parity.drift.tables import FAULT, shown
from norms.lab.report.parity.page import OURS, ParityVerdict, number
from norms.lab.statistics import words

CURVES = 0.01


def verdicts(curves: pd.DataFrame, drift: pd.DataFrame) -> list[ParityVerdict]:
  """All of them."""
  return [*_curves_agree(curves), *_drift_is_rounding(drift), *_fault_is_visible(drift)]


def _curves_agree(curves: pd.DataFrame) -> list[ParityVerdict]:
  """The accuracy curves differ by less than 0.01: their mean over the seeds at every epoch."""
  rows = curves[~curves[LIBRARY].isin([OURS, FAULT])]
  if rows.empty:
    return []
  # Rounding may part two runs of one seed after some epochs. The bar is on the mean of the seeds.
  mean = rows.groupby([FAMILY, TITLE, EPOCH])['difference'].mean().abs()
  single = rows.loc[rows['difference'].abs().idxmax()]
  worst = mean.idxmax()
  outcome = 'supported' if mean.max() < CURVES else 'refuted'
  beyond = int((rows['difference'].abs() >= CURVES).sum())
  sentence = (
    f'The mean curves of ours and of another library are at most {words.score(mean.max())} apart '
    f'({worst[0]}, {worst[1]}, epoch {words.number(worst[2])}); the bar is {CURVES}. Of single '
    f'seeds the farthest apart are {words.score(abs(single["difference"]))} ({single[FAMILY]}, '
    f'{single[TITLE]}, seed {words.number(single[SEED])}), and {beyond} of {len(rows)} points '
    'are beyond the bar.'
  )
  return [ParityVerdict('curves_agree', outcome, sentence)]


def _drift_is_rounding(drift: pd.DataFrame) -> list[ParityVerdict]:
  """Gamma and beta agree to rounding after the first step and are farther apart at the end."""
  rows = drift[drift[LIBRARY] != FAULT]
  if rows.empty:
    return []
  first, last = shown(rows)[0], shown(rows)[-1]
  largest = rows.groupby([FAMILY, STEP])['largest'].max()
  growth = words.listed(
    f'{family} {number(largest[family, first])} to {number(largest[family, last])}'
    for family in rows[FAMILY].unique()
  )
  first_difference = max(largest[family, first] for family in rows[FAMILY].unique())
  # Rounding errors add up over the steps. A difference that does not grow has another cause.
  grows = all(largest[f, last] > largest[f, first] for f in rows[FAMILY].unique())
  sentence = (
    f'Largest difference of gamma or beta from ours, over libraries and seeds, after step '
    f'{words.number(first)} and after step {words.number(last)}: {growth}. The first is rounding '
    'where it is below 1e-6.'
  )
  return [
    ParityVerdict(
      'drift_is_rounding', 'supported' if first_difference < 1e-6 and grows else 'refuted', sentence
    )
  ]


def _fault_is_visible(drift: pd.DataFrame) -> list[ParityVerdict]:
  """Untrained gamma and beta are farther from ours than any library's, at every step."""
  lines = []
  for family, part in drift.groupby(FAMILY, sort=False):
    if FAULT not in set(part[LIBRARY]):
      continue
    part = part[part[STEP] > 0]
    by = part.groupby([part[LIBRARY] == FAULT, STEP])['mean']
    # The nearest of the fault's seeds against the farthest of any library: no overlap is allowed.
    least, most = by.min()[True], by.max()[False]
    factor = (least / most.where(most > 0)).dropna()
    outcome = 'supported' if (least > most).all() else 'refuted'
    sentence = (
      f'{family}: untrained, gamma and beta are on average farther from ours than those of any '
      f'library at {int((least > most).sum())} of {len(least)} steps, every seed, by a factor of '
      f'{words.number(factor.iloc[0])} at first and of {words.number(factor.iloc[-1])} at last.'
    )
    lines.append(ParityVerdict('fault_is_visible', outcome, sentence))
  return lines
