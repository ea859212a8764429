"""Every number of the comparison of norms with other libraries, recomputed from its records.

Nothing of norms.lab is used: only the rows of records.parquet, pandas and NumPy.
"""

import numpy as np
import pandas as pd
import pytest
import retold

NAMED_BY_THE_BAR = ('linen', 'nnx', 'keras', 'pytorch', 'tensorflow')
QUANTITY_OF = ['norm', 'dtype', 'input', 'quantity']


def agreement(rows, quantity):
  """Whether the mean differences are within 5e-8; the numbers and names of the sentence."""
  rows = rows[rows['library'].isin(NAMED_BY_THE_BAR) & (rows['quantity'] == quantity)]
  lines = sorted(zip(rows['mean_difference'], rows['theirs_error'], rows['ours_error'],
                     rows['norm'] + ' of ' + rows['title'], strict=True))  # fmt: skip
  beyond = [line for line in lines if line[0] > 5e-8]
  numbers = [len(lines) - len(beyond), len(lines), 5e-8]
  if not beyond:
    return True, [*numbers, lines[-1][0]], [lines[-1][3]]
  numbers += [number for line in beyond for number in line[:3]]
  nearer = sum(ours <= theirs for _, theirs, ours, _ in beyond)
  limits = [name for _, theirs, _, name in beyond if theirs > 5e-8]
  return False, [*numbers, nearer], [*(line[3] for line in beyond), *limits]


def gradients(rows):
  """The gradient that is farthest from ours, of its largest entry."""
  rows = rows[rows['quantity'].str.match('gradient of (x|scale|bias)$')]
  shares = (rows['max_difference'] / rows['largest']).to_numpy()
  worst = rows.iloc[int(np.nanargmax(shares))]
  names = [worst['quantity'], f'{worst["norm"]} norm', worst['title']]
  return np.nanmax(shares) <= 1e-6, [len(rows), np.nanmax(shares), 1e-6], names


def accuracy(rows):
  """The rows where another library has less than half of our error, and ours is above 2 ulp."""
  beaten, count = {}, 0
  for key, part in rows.groupby(QUANTITY_OF, sort=False):
    count += 1
    ours = part[part['library'] == 'norms'].iloc[0]
    rivals = part[(part['library'] != 'norms') & (part['lost'] == 0)].dropna(subset='error')
    if rivals.empty:
      continue
    best = rivals.iloc[int(np.argmin(rivals['error']))]
    if ours['error'] > max(2 * best['error'], ours['two_ulp']):
      told = f'{key[0]} {key[3]}', best['title'], ours['known']
      beaten.setdefault(key[2:0:-1], []).append((ours['error'], best['error'], told))
  lines = [line for part in beaten.values() for line in part]
  numbers = [count - len(lines), count, *(number for line in lines for number in line[:2])]
  names = [f'Input {name}, {dtype}' for name, dtype in beaten]
  return not lines, numbers, names + [text for line in lines for text in line[2]]


def finite(rows):
  """The rows with a NaN or an infinity, of ours and of each library."""
  counts = {
    title: int(np.sum(part['lost'] > 0)) for title, part in rows.groupby('title', sort=False)
  }
  ours = counts.pop('norms')
  return ours == 0, [ours, *counts.values()], [f'{title} {n}' for title, n in counts.items()]


def at_offset(rows):
  """How far from 1 the standard deviation is at an offset of 1e4."""
  rows = rows[(rows['input'] == 'offset 1e4') & (rows['dtype'] == 'float32')].dropna(subset='std')
  worst = {
    title: part['std'].to_numpy()[np.argmax(np.abs(part['std'] - 1))]
    for title, part in rows.groupby('title', sort=False)
  }
  ours = abs(worst.pop('norms') - 1)
  others = {title: std for title, std in worst.items() if abs(std - 1) > 1e-3}
  return ours <= 1e-3, [1, ours, 1, *([1e-3] if others else []), *others.values()], list(others)


def test_the_verdicts_on_agreement_and_accuracy_follow_from_the_records():
  records, verdicts = retold.read('parity')
  against_ours = records[records['table'] == 'parity']
  exact = records[records['table'] == 'accuracy']
  found = {
    'outputs': agreement(against_ours, 'output'),
    'dense_outputs': agreement(against_ours, 'output, dense'),
    'gradients': gradients(against_ours),
    'accuracy': accuracy(exact),
    'finite': finite(exact),
    'std_at_offset': at_offset(exact),
  }
  assert [line['claim'] for line in verdicts] == list(found)
  for line in verdicts:
    holds, numbers, names = found[line['claim']]
    assert line['outcome'] == ('supported' if holds else 'refuted')
    retold.said(line['sentence'], numbers, names)


def test_the_table_of_pairs_follows_from_the_records():
  records, _ = retold.read('parity')
  table = pd.read_csv(retold.RESULTS / 'parity' / 'report' / 'tables' / 'pairs.csv', dtype=str)
  rows = records[records['table'] == 'parity'].set_index(['norm', 'title', 'quantity'])
  rows = rows.sort_index()
  rows['share'] = rows['max_difference'] / rows['largest']
  of_outputs = {'mean': 'mean_difference', 'largest': 'max_difference'}
  of_outputs |= {'ours from exact': 'ours_error', 'theirs from exact': 'theirs_error'}
  assert len(table) == len(rows.groupby(level=['norm', 'title']))
  for line in table.to_dict('records'):
    own = rows.loc[line.pop('norm'), line.pop('library')]
    del line['known differences']
    for heading, text in line.items():
      quantity, _, what = heading.rpartition(', ')
      quantity = {'': heading, 'dense': 'output, dense'}.get(quantity, quantity)
      quantity = {'at defaults': 'output at defaults'}.get(quantity, quantity)
      quantity = 'output' if 'exact' in heading else quantity
      column = of_outputs.get(what, 'share' if 'gradient' in heading else 'max_difference')
      if quantity not in own.index:
        assert text == '–'
      else:
        retold.said(text, [own[column][quantity]], [])


@pytest.mark.parametrize('study', ['parity', 'parity_drift'])
def test_a_figure_of_a_sentence_that_is_changed_is_noticed(study):
  _, verdicts = retold.read(study)
  sentence = verdicts[0]['sentence']
  numbers = [float(text) for text in retold.NUMBER.findall(sentence)]
  retold.said(sentence, numbers, [])
  for i, number in enumerate(numbers):
    with pytest.raises(AssertionError):
      retold.said(sentence, [*numbers[:i], 2 * number + 1, *numbers[i + 1 :]], [])
