"""Each norm at its own best value of the axes that a claim `best_against_best` tunes: a table."""

from __future__ import annotations

from collections.abc import Iterator

from norms.lab import columns as schema
from norms.lab import statistics
from norms.lab.columns import NORM
from norms.lab.report import naming, tables
from norms.lab.report.view import View
from norms.lab.statistics import across, cells, tuned, words
from norms.lab.values import Settings

CLAIM = 'best_against_best'


def tables_of(view: View) -> Iterator[tables.Table]:
  """A table for each choice that claims of the study ask for, and the records can make."""
  choices: list[Settings] = []
  for claim, options in naming.claims(view.study):
    # Claims of other norms in the same place have the same table.
    compared = ('norm', 'asks') if across.compares_values(options) else ('norm', 'than', 'asks')
    choice = {key: value for key, value in options.items() if key not in compared}
    if claim == CLAIM and choice not in choices:
      choices.append(choice)
      try:
        yield _table(view, options, len(choices))
      except cells.SelectionError:  # the verdict says why
        continue


def _table(view: View, options: Settings, number: int) -> tables.Table:
  at = dict(options.get('at') or {})
  axes, metric = tuned.axes(options['tuned']), options.get('metric', view.score)
  rows = cells.select(statistics.finals(naming.as_configured(view.records)), at)
  if across.compares_values(options):
    rows = across.relabel(rows, options)
  rows = rows.assign(**{NORM: rows[NORM].replace(naming.labels(view.study))})
  sign, lines, chosen_by = cells.metric_sign(metric), [], metric
  present = set(rows[NORM])
  # The sides of a claim across an axis are values, such as 'placement=pre', not norms of the view.
  for norm in [norm for norm in view.norms if norm in present] or sorted(present):
    scored = tuned.scores(rows, [norm], axes, metric)
    chosen_by = scored.chosen_by
    if scored.choosing.empty:
      lines.append(tables.TableRow([norm, *[tables.ABSENT] * (len(axes) + 4)], False))
      continue
    best = scored.best(norm)
    values = [tables.ABSENT if v is None else words.number(v) for v in scored.points[best]]
    judging = sign * scored.judging[norm][best]
    own = statistics.estimate(judging, within=schema.of(metric).limits)
    spread = tables.spread({'low': own.low, 'high': own.high, 'kind': own.kind})
    seeds = [str(len(scored.choosing)), str(own.n)]
    lines.append(tables.TableRow([norm, *values, *seeds, words.score(own.value), spread], False))
  names = list(map(words.label, axes))
  where = f' at {words.place(at)}' if at else ''
  title = f'Each norm at its own best {words.listed(names)}{where}'
  note = (
    f'Chosen by {words.label(chosen_by)} with the first half of the seeds; '
    f'{words.label(metric)} is that of the other half.'
  )
  columns = [NORM, *names, 'seeds that choose', 'seeds that judge', words.label(metric)]
  return tables.Table(f'best_of_each_{number}', title, note, [*columns, 'spread over seeds'], lines)
