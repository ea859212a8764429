"""Statistics of the records: spreads, comparisons paired by seed, claims and their verdicts.

Plain data in, plain data out. Everything here reads the frame of the records: a row per trial and
epoch.
"""

from norms.lab.statistics.cells import LAST_STEPS, by_seed, finals, numbers, scores, select, summary
from norms.lab.statistics.claims import check
from norms.lab.statistics.design import axes, planned, score, study_axes, usual
from norms.lab.statistics.foreseen import not_judged
from norms.lab.statistics.intervals import (
  INTERVAL_FROM,
  Comparison,
  Estimate,
  compare,
  estimate,
  interval,
  paired_differences,
)
from norms.lab.statistics.judging import CLAIMS, Verdict, verdict, verdicts
from norms.lab.statistics.learnt import above_zero, mcnemar, trained
from norms.lab.statistics.reported import check_references
from norms.lab.statistics.several import holm

__all__ = [
  'CLAIMS',
  'INTERVAL_FROM',
  'LAST_STEPS',
  'Comparison',
  'Estimate',
  'Verdict',
  'above_zero',
  'axes',
  'by_seed',
  'check',
  'check_references',
  'compare',
  'estimate',
  'finals',
  'holm',
  'interval',
  'mcnemar',
  'not_judged',
  'numbers',
  'paired_differences',
  'planned',
  'score',
  'scores',
  'select',
  'study_axes',
  'summary',
  'trained',
  'usual',
  'verdict',
  'verdicts',
]
