"""Tables of a comparison with other libraries: pairs, quantities, and errors by input."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from norms.lab.parity_columns import (
  DRAWS,
  DTYPE,
  ERROR,
  INPUT,
  KNOWN,
  LARGEST,
  LIBRARY,
  LOST,
  MAX_DIFFERENCE,
  MEAN_DIFFERENCE,
  NORM,
  OUR_ERROR,
  PART,
  QUANTITY,
  REFUSED,
  THEIR_ERROR,
  TITLE,
  TWO_ULP,
)
from norms.lab.report.parity.page import OURS, number
from norms.lab.report.tables import ABSENT, Table, TableRow

KEYS = [NORM, DTYPE, INPUT, QUANTITY]
GRADIENTS = ('gradient of x', 'gradient of scale', 'gradient of bias')


def agreement(frame: pd.DataFrame) -> pd.DataFrame:
  """The rows that hold a library against ours."""
  rows = frame[frame[PART] == 'parity'].copy()
  rows['relative'] = rows[MAX_DIFFERENCE] / rows[LARGEST]
  return rows


def errors(frame: pd.DataFrame) -> pd.DataFrame:
  """The rows that hold each library against the exact value."""
  return frame[frame[PART] == 'accuracy']


def draws(frame: pd.DataFrame) -> str:
  """What an error is, where it is not of a single draw."""
  number = int(errors(frame)[DRAWS].max())
  return f', as the mean of {number} draws' if number > 1 else ''


def with_best_rival(frame: pd.DataFrame) -> pd.DataFrame:
  """A line per input and quantity: our error, and the best of those that lose no entry."""
  rows = errors(frame)
  ours = rows[rows[LIBRARY] == OURS].set_index(KEYS)
  # A library that loses entries is no rival: its error is that of the entries which are left.
  others = rows[(rows[LIBRARY] != OURS) & (rows[LOST] == 0) & rows[ERROR].notna()]
  best = others.loc[others.groupby(KEYS)[ERROR].idxmin()].set_index(KEYS)
  named = best[[TITLE, ERROR]].add_suffix('_best')
  return ours.join(named).reset_index()


def beaten_rows(lines: pd.DataFrame) -> pd.DataFrame:
  """The rows in which a library's error is less than half of ours, and ours above two ulp."""
  return lines[(lines[ERROR] > 2 * lines['error_best']) & (lines[ERROR] > lines[TWO_ULP])]


def pairs(frame: pd.DataFrame) -> Table:
  """A line per norm and library."""
  compared = agreement(frame)
  steps = [q for q in compared[QUANTITY].unique() if 'after' in q]
  columns = [NORM, LIBRARY, 'output, mean', 'output, largest', 'ours from exact']
  columns += ['theirs from exact', 'dense, mean', *GRADIENTS, *steps, 'at defaults']
  columns += ['known differences']
  rows = []
  for (norm, title), part in compared.groupby([NORM, TITLE], sort=False):
    by_quantity = part.set_index(QUANTITY)
    cells = [_of(by_quantity, 'output', name) for name in (MEAN_DIFFERENCE, MAX_DIFFERENCE)]
    cells += [_of(by_quantity, 'output', name) for name in (OUR_ERROR, THEIR_ERROR)]
    cells += [_of(by_quantity, 'output, dense', MEAN_DIFFERENCE)]
    cells += [_of(by_quantity, name, 'relative') for name in GRADIENTS]
    cells += [_of(by_quantity, name, MAX_DIFFERENCE) for name in steps]
    cells += [_of(by_quantity, 'output at defaults', MAX_DIFFERENCE)]
    known = '; '.join(text for text in dict.fromkeys(part[KNOWN]) if text)
    rows.append(TableRow([str(norm), str(title), *cells, known or ABSENT], False))
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
  columns = [NORM, LIBRARY, QUANTITY, 'mean difference', 'largest difference']
  columns += ['largest entry', 'known difference']
  numbers = [MEAN_DIFFERENCE, MAX_DIFFERENCE, LARGEST]
  rows = [
    TableRow([line[NORM], line[TITLE], line[QUANTITY], *(number(line[n]) for n in numbers),
         line[KNOWN] or ABSENT], False)
    for _, line in agreement(frame).iterrows()
  ]  # fmt: skip
  note = 'Absolute differences from ours. A known difference is held by a test.'
  return Table('quantities', 'Every quantity', note, columns, rows)


def differences(frame: pd.DataFrame) -> Table:
  """A line per library and known difference, with the norms that it is about."""
  texts = frame[KNOWN].str.split(' | ', regex=False).explode()
  named = frame[[TITLE, NORM]].join(texts)
  named = named[named[KNOWN] != '']
  of_inputs = set(named[named[TITLE] == OURS][KNOWN])  # which ours have too
  named.loc[named[KNOWN].isin(of_inputs), TITLE] = 'every library'
  rows = [
    TableRow([str(title), ', '.join(part[NORM].unique()), str(text)], False)
    for (title, text), part in named.groupby([TITLE, KNOWN], sort=False)
  ]
  note = 'Data in norms/lab/peers/differences.py, each held by a test.'
  return Table('known', 'Known differences', note, [LIBRARY, 'norms', 'difference'], rows)


def libraries(frame: pd.DataFrame) -> Table:
  """A line per dtype and library, over all inputs and quantities."""
  rows = []
  for (dtype, title), part in errors(frame).groupby([DTYPE, TITLE], sort=False):
    # Both are shares of the quantity's size, which cancels.
    ulps = part[ERROR] / (part[TWO_ULP] / 2)
    counts = [len(part), int((part[LOST] > 0).sum()), int((part[REFUSED] != '').sum())]
    share = float((ulps <= 2).mean())
    cells = [str(dtype), str(title), *map(str, counts), f'{share:.0%}']
    rows.append(TableRow([*cells, number(ulps.median()), number(part[ERROR].max())], False))
  columns = [DTYPE, LIBRARY, 'rows', 'with NaN or infinity', 'refused', 'within 2 ulp']
  columns += ['median error in ulp', 'worst relative error']
  note = 'A row is a norm, an input and a quantity; ulp are of the largest exact entry.'
  return Table('libraries', 'Accuracy by library', note, columns, rows)


def accuracy(frame: pd.DataFrame) -> Table:
  """A line per norm, dtype, input and quantity; a column per library."""
  measured = errors(frame)
  titles = list(measured[TITLE].unique())
  texts = measured.assign(text=measured.apply(error, axis=1))
  wide = texts.pivot(index=KEYS, columns='title', values='text').reindex(columns=titles)
  lines = with_best_rival(frame)
  beaten_keys = {tuple(line[k] for k in KEYS) for _, line in beaten_rows(lines).iterrows()}
  rows = []
  for _, line in lines.iterrows():
    key = tuple(line[k] for k in KEYS)
    cells = [str(cell) if isinstance(cell, str) else ABSENT for cell in wide.loc[key]]
    rows.append(
      TableRow([*key, number(line[TWO_ULP]), *cells], key in beaten_keys or line[LOST] > 0)
    )
  note = (
    f'Largest error over the largest exact entry{draws(frame)}; where nothing is left of the input '
    'once the mean is off, over what could have been. Lost: so many entries are NaN or infinite '
    'that need not be. Tinted: a library is more than twice as near, and we are beyond 2 ulp.'
  )
  return Table('accuracy', 'Accuracy', note, [*KEYS, '2 ulp', *titles], rows)


def error(line: pd.Series) -> str:
  """The text of one error, with what is lost."""
  if line[REFUSED]:
    return 'refused'
  lost = f' ({int(line[LOST])} lost)' if line[LOST] else ''
  return f'{number(line[ERROR])}{lost}'


def refusals(frame: pd.DataFrame) -> Iterator[str]:
  """A sentence per library and input that it refuses."""
  refused = frame[(frame[PART] == 'accuracy') & (frame[REFUSED] != '')]
  for (title, name), part in refused.groupby([TITLE, INPUT], sort=False):
    yield f'{title} refuses the input {name!r} ({", ".join(part[NORM].unique())}).'


def _of(by_quantity: pd.DataFrame, quantity: str, column: str) -> str:
  return number(float(by_quantity[column][quantity])) if quantity in by_quantity.index else ABSENT
