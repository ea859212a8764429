"""What the records say as a whole, in sentences computed from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab import statistics
from norms.lab.columns import (
  DIVERGED_AT,
  EVAL_STATS,
  NORM,
  REPLAY,
  RUNNING,
  SEED,
  TEST_ACCURACY,
  TRAINED,
  TRIAL,
)
from norms.lab.report import measurements, search, tables, timing, trained_ranges
from norms.lab.report.probes import at_start
from norms.lab.report.view import View
from norms.lab.statistics import design, rules, selection, words


def sentences(view: View) -> list[str]:
  """The overall summary: who trains where, who is best, what did not train, and how fast."""
  general = [*search.depends(view), *_together(view), *_widest(view), *best(view)]
  general += [*failures(view), *_running(view)]
  recorded = [*at_start.sentences(view), *trained_ranges.sentences(view), *timing.sentences(view)]
  recorded += measurements.sentences(view)
  return [*general, *_replayed(view), *recorded]


def _together(view: View) -> Iterator[str]:
  """Which settings this sweep changed together."""
  # Options, which have dots in their names, belong to the model or the norm.
  columns = [name for name in schema.settings(view.rows) if '.' not in name]
  varied = [name for name in columns if view.rows[name].nunique(dropna=False) > 1]
  for follower, leader in design.followers(view.rows, varied).items():
    pairs = len(view.rows[[follower, leader]].drop_duplicates())
    share = design.shared_variance(view.rows, follower, leader)
    yield (
      f'This sweep changed {words.label(follower)} together with {words.label(leader)} '
      f'({pairs} pairs of values, r² = {share:.2f}): their effects cannot be told apart.'
    )


def _widest(view: View) -> Iterator[str]:
  """The norm that trains in the most cells."""
  if len(view.norms) < 2 or not view.axes:
    return
  full = tables.best_cells(view).assign(full=lambda table: table['share_trained'] == 1)
  groups = full.groupby(NORM)['full']
  counts = {norm: (int(groups.sum()[norm]), int(groups.size()[norm])) for norm in view.norms}
  # A share, since a norm may have been run in more cells than others.
  most = max(good / n for good, n in counts.values())
  winners = [words.norm_name(n) for n in view.norms if counts[n][0] / counts[n][1] == most]
  each = ', '.join(f'{norm} {good} of {n}' for norm, (good, n) in counts.items())
  if len(winners) == len(view.norms):
    yield f'All norms train in equally many cells ({each}).'
    return
  verb = 'trains' if len(winners) == 1 else 'train'
  who = words.listed(winners)
  yield f'{who[0].upper()}{who[1:]} {verb} in the most cells with every seed ({each}).'


def best(view: View) -> Iterator[str]:
  """The best norm at the usual cell, and whether its lead can be told from none."""
  if view.is_random:
    yield from search.reached(view)
    return
  rows = view.at_usual(view.rows, free=tuple(view.texts))
  parts = rows.groupby(view.texts, sort=False) if view.texts else [((), rows)]
  for values, part in parts:
    at = dict(zip(view.texts, values, strict=True)) | view.fixed(tuple(view.texts))
    where = f'At {words.place(at)}' if at else 'In this study'
    yield f'{where}, {_lead(view, part)}'


def _lead(view: View, rows: pd.DataFrame) -> str:
  choices, centres = (
    view.sign * statistics.summary(rows, [NORM], metric).set_index(NORM)['value']
    for metric in (view.choice, view.score)
  )
  best = str(choices.idxmax())
  if len(centres) == 1:
    reached = words.score(view.sign * centres[best])
    return f'{words.norm_name(best)} reaches {reached} in {words.label(view.score)}.'
  comparison, sentence = rules.ranking(rows, best=best, metric=view.score)
  apart = 'can' if comparison.outcome == 'supported' else 'cannot'
  most = 'highest' if view.sign > 0 else 'lowest'
  first = f'It scores {most} of all; its' if centres[best] == centres.max() else 'Its'
  lead = f'{first} lead {apart} be told from zero with {words.count(comparison.n, "seed")}'
  return f'{sentence}. {lead}. The norm was chosen {view.chosen_on}{_flattered(view, rows)}.'


def _flattered(view: View, rows: pd.DataFrame) -> str:
  """What the lead of a norm is that the seeds which judge it had no part in choosing."""
  leads = selection.leads(*selection.tables(rows, [NORM], view.choice, view.score))
  same = ', with the seeds that are shown, which flatters it'
  if not len(leads) or not np.isfinite(leads).all():
    return same
  lead = float(leads.mean())
  return (
    f'{same}: judged by each seed in turn, and chosen with the others, the best is '
    f'{"behind" if lead < 0 else "ahead of"} the second by {words.signed(abs(lead))}'
  )


def failures(view: View) -> Iterator[str]:
  """How many trials did not train, and whose."""
  failed = view.rows[~view.rows[TRAINED].astype(bool)]
  total = words.count(len(view.rows), 'trial')
  if failed.empty:
    yield f'Every one of the {total} trained.'
    return
  diverged = int(view.rows[DIVERGED_AT].notna().sum())
  yield (
    f'{len(failed)} of {total} did not train ({_counts(view, failed)}); in {diverged} the loss '
    'became infinite or not a number. They are counted in every figure of this report.'
  )
  missing = int(view.rows[view.score].isna().sum())
  if missing:
    lost = 'an accuracy: each counts as 0' if view.score == TEST_ACCURACY else (
      f'a {words.label(view.score)}: each counts as the worst'
    )  # fmt: skip
    yield f'{words.count(missing, "trial")} ended without {lost}.'


def _counts(view: View, rows: pd.DataFrame) -> str:
  counts = rows[NORM].value_counts().to_dict()
  return ', '.join(f'{norm} {counts[norm]}' for norm in view.norms if norm in counts)


def _replayed(view: View) -> Iterator[str]:
  """Which trials are no seeds of ours."""
  rows = view.replayed.drop_duplicates(TRIAL) if len(view.replayed) else view.replayed
  for (source, seed), part in rows.groupby([REPLAY, SEED]) if len(rows) else ():
    norms_ = words.listed(words.norm_name(norm) for norm in part[NORM])
    others = set(view.rows[TRIAL]) - set(rows[TRIAL])
    only = f' only. All else is of {view.seeds()} of our own draws' if others else ''
    yield (
      f'{words.count(len(part), "trial")} ({norms_}) replay the draws of {source}, seed {seed}: a '
      "single run of the reference's own initial weights and batches, shown beside its figures and "
      f'in replay.json{only}.'
    )


def _running(view: View) -> Iterator[str]:
  """What running statistics would have said instead of exact ones."""
  if not view.running or view.is_random:
    return
  rows, at = view.at_usual(view.rows), words.place(view.fixed())
  for norm, part in rows.groupby(NORM, sort=False):
    running = statistics.scores(part, view.score + RUNNING)
    if running.notna().any() and set(part.get(EVAL_STATS, ())) != {'running'}:
      exact = words.score(statistics.estimate(statistics.scores(part, view.score)).value)
      other = words.score(statistics.estimate(running).value)
      against = 'as with exact ones' if other == exact else f'instead of {exact}'
      yield (
        f'Evaluated with its running statistics, {words.norm_name(str(norm))} reaches '
        f'{other}{f" at {at}" if at else ""}, {against}.'
      )
