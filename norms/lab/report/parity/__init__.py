"""The report of a comparison with other libraries, from its records and nothing else.

A study's kind says which report it gets: `agreement` (kind 'parity') or `drift` (kind
'parity_drift'). In each of them records become tables and figures, tables become verdicts, and
`report` puts them in the order of the page; `page` hands all of it to the templates beside it,
which fill in those of every report.
"""

from __future__ import annotations

from collections.abc import Sequence
import pathlib

import pandas as pd

from norms.lab import evidence
from norms.lab.report.page import INDEX
from norms.lab.report.parity import agreement, drift, page
from norms.lab.report.parity.page import Comparison
from norms.lab.store import durable
from norms.lab.values import Recorded

KINDS = {'parity': agreement, 'parity_drift': drift}


def write(
  frame: pd.DataFrame,
  study: Comparison,
  provenance: Sequence[Recorded],
  folder: pathlib.Path,
) -> pathlib.Path:
  """Writes figures, summary.csv, report.md, index.html and the rows; returns the path of the page.

  What norms.lab.evidence.load returns of a folder makes the same report again.
  """
  with durable.renewing(folder, INDEX) as fresh:
    page.write(KINDS[study.kind].report(frame, fresh), study, provenance, fresh)
    evidence.write_rows(frame, provenance, fresh)
  return folder / INDEX


def terminal(frame: pd.DataFrame, study: Comparison) -> str:
  """The study's first tables in aligned lines, and its verdicts."""
  return KINDS[study.kind].terminal(frame, study)
