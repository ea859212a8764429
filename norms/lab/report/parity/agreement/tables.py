"""Tables of a comparison with other libraries: pairs, quantities, and errors by input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from norms.lab.columns import NORM
from norms.lab.report.parity.page import OURS, number
from norms.lab.report.tables import ABSENT, Row, Table

KEYS = [NORM, 'dtype', 'input', 'quantity']
GRADIENTS = ('gradient of x', 'gradient of scale', 'gradient of bias')


def agreement(frame: pd.DataFrame) -> pd.DataFrame:
  """The rows that hold a library against ours."""
  found = frame[frame['table'] == 'parity'].copy()
  found['relative'] = found['max_difference'] / found['largest']
  return found


def errors(frame: pd.DataFrame) -> pd.DataFrame:
  """The rows that hold each library against the exact value."""
  return frame[frame['table'] == 'accuracy']


def draws(frame: pd.DataFrame) -> str:
  """What an error is, where it is not of a single draw."""
  number = int(errors(frame)['draws'].max())
  return f', as the mean of {number} draws' if number > 1 else ''


def beside(frame: pd.DataFrame) -> pd.DataFrame:
  """A line per input and quantity: our error, and the best of those that lose no entry."""
  rows = errors(frame)
  ours = rows[rows['library'] == OURS].set_index(KEYS)
  others = rows[(rows['library'] != OURS) & (rows['lost'] == 0) & rows['error'].notna()]
  best = others.loc[others.groupby(KEYS)['error'].idxmin()].set_index(KEYS)
  named = best[['title', 'error']].add_suffix('_best')
  return ours.join(named).reset_index()


def beaten(lines: pd.DataFrame) -> pd.DataFrame:
  """Those in which a library's error is less than half of ours, and ours above two ulp."""
  return lines[(lines['error'] > 2 * lines['error_best']) & (lines['error'] > lines['two_ulp'])]


def pairs(frame: pd.DataFrame) -> Table:
  """A line per norm and library."""
  found = agreement(frame)
  steps = [q for q in found['quantity'].unique() if 'after' in q]
  columns = [NORM, 'library', 'output, mean', 'output, largest', 'ours from exact']
  columns += ['theirs from exact', 'dense, mean', *GRADIENTS, *steps, 'at defaults']
  columns += ['known differences']
  rows = []
  for (norm, title), part in found.groupby([NORM, 'title'], sort=False):
    at = part.set_index('quantity')
    cells = [_of(at, 'output', name) for name in ('mean_difference', 'max_difference')]
    cells += [_of(at, 'output', name) for name in ('ours_error', 'theirs_error')]
    cells += [_of(at, 'output, dense', 'mean_difference')]
    cells += [_of(at, name, 'relative') for name in GRADIENTS]
    cells += [_of(at, name, 'max_difference') for name in steps]
    cells += [_of(at, 'output at defaults', 'max_difference')]
    known = '; '.join(text for text in dict.fromkeys(part['known']) if text)
    rows.append(Row([str(norm), str(title), *cells, known or ABSENT], False))
  note = (
    'Unit-scale input, float32, one epsilon for all: mean and largest absolute difference from '
    "our output with scale 1 and bias 0, with each one's mean distance from the float64 value; "
    'that mean at the size of a dense layer; '
    'largest difference of each gradient over its largest entry; largest absolute difference of '
    'what an optimiser has trained; largest difference where every option is left at its default.'
  )
  return Table('pairs', 'Agreement', note, columns, rows)


def quantities(frame: pd.DataFrame) -> Table:
  """A line per norm, library and quantity."""
  columns = [NORM, 'library', 'quantity', 'mean difference', 'largest difference']
  columns += ['largest entry', 'known difference']
  numbers = ['mean_difference', 'max_difference', 'largest']
  rows = [
    Row([line[NORM], line['title'], line['quantity'], *(number(line[n]) for n in numbers),
         line['known'] or ABSENT], False)
    for _, line in agreement(frame).iterrows()
  ]  # fmt: skip
  note = 'Absolute differences from ours. A known difference is held by a test.'
  return Table('quantities', 'Every quantity', note, columns, rows)


def differences(frame: pd.DataFrame) -> Table:
  """A line per library and known difference, with the norms that it is about."""
  texts = frame['known'].str.split(' | ', regex=False).explode()
  found = frame[['title', NORM]].join(texts)
  found = found[found['known'] != '']
  of_inputs = set(found[found['title'] == OURS]['known'])  # which ours have too
  found.loc[found['known'].isin(of_inputs), 'title'] = 'every library'
  rows = [
    Row([str(title), ', '.join(part[NORM].unique()), str(text)], False)
    for (title, text), part in found.groupby(['title', 'known'], sort=False)
  ]
  note = 'Data in norms/lab/peers/differences.py, each held by a test.'
  return Table('known', 'Known differences', note, ['library', 'norms', 'difference'], rows)


def libraries(frame: pd.DataFrame) -> Table:
  """A line per dtype and library, over all inputs and quantities."""
  rows = []
  for (dtype, title), part in errors(frame).groupby(['dtype', 'title'], sort=False):
    ulps = part['error'] / (part['two_ulp'] / 2)
    counts = [len(part), int((part['lost'] > 0).sum()), int((part['refused'] != '').sum())]
    share = float((ulps <= 2).mean())
    cells = [str(dtype), str(title), *map(str, counts), f'{share:.0%}']
    rows.append(Row([*cells, number(ulps.median()), number(part['error'].max())], False))
  columns = ['dtype', 'library', 'rows', 'with NaN or infinity', 'refused', 'within 2 ulp']
  columns += ['median error in ulp', 'worst relative error']
  note = 'A row is a norm, an input and a quantity; ulp are of the largest exact entry.'
  return Table('libraries', 'Accuracy by library', note, columns, rows)


def accuracy(frame: pd.DataFrame) -> Table:
  """A line per norm, dtype, input and quantity; a column per library."""
  found = errors(frame)
  titles = list(found['title'].unique())
  texts = found.assign(text=found.apply(error, axis=1))
  wide = texts.pivot(index=KEYS, columns='title', values='text').reindex(columns=titles)
  lines = beside(frame)
  lost = {tuple(line[k] for k in KEYS) for _, line in beaten(lines).iterrows()}
  rows = []
  for _, line in lines.iterrows():
    key = tuple(line[k] for k in KEYS)
    cells = [str(cell) if isinstance(cell, str) else ABSENT for cell in wide.loc[key]]
    rows.append(Row([*key, number(line['two_ulp']), *cells], key in lost or line['lost'] > 0))
  note = (
    f'Largest error over the largest exact entry{draws(frame)}; where nothing is left of the input '
    'once the mean is off, over what could have been. With N: so many entries are NaN or infinite '
    'that need not be. Tinted: a library is more than twice as near, and we are beyond 2 ulp.'
  )
  return Table('accuracy', 'Accuracy', note, [*KEYS, '2 ulp', *titles], rows)


def error(line: Any) -> str:
  """The text of one error, with what is lost."""
  if line['refused']:
    return 'refused'
  lost = f' {line["lost"]}N' if line['lost'] else ''
  return f'{number(line["error"])}{lost}'


def refusals(frame: pd.DataFrame) -> Iterator[str]:
  """A sentence per library and input that it refuses."""
  refused = frame[(frame['table'] == 'accuracy') & (frame['refused'] != '')]
  for (title, name), part in refused.groupby(['title', 'input'], sort=False):
    yield f'{title} refuses the input {name!r} ({", ".join(part[NORM].unique())}).'


def _of(at: pd.DataFrame, quantity: str, column: str) -> str:
  return number(float(at[column][quantity])) if quantity in at.index else ABSENT
