"""Every number of the comparison of whole trainings, recomputed from its records.

Nothing of norms.lab is used: only the rows of records.parquet, pandas, NumPy and scipy.
"""

import numpy as np
import pandas as pd
import retold
from scipy import stats


def apart(records):
  """|theirs - ours| of every entry of gamma and beta: a row per library, seed, step and kind."""
  entries = records[records['table'] == 'parameter']
  place = ['family', 'seed', 'step', 'name', 'index']
  wide = entries.pivot_table(index=place, columns='library', values='value', observed=True)
  away = wide.drop(columns='norms').sub(wide['norms'], axis=0).abs()
  kind = away.index.get_level_values('name').str.endswith('scale')
  keys = [
    *(away.index.get_level_values(name) for name in place[:3]),
    np.where(kind, 'gamma', 'beta'),
  ]
  return pd.concat(
    {how: getattr(away.groupby(keys), how)().stack().dropna() for how in ('max', 'mean')}, axis=1
  )


def curves(records):
  """Test accuracy less ours: {(norm, library): a row per seed, a column per epoch}."""
  rows = records[records['table'] == 'curve']
  curve = {
    key: part.pivot(index='seed', columns='epoch', values='test_accuracy')
    for key, part in rows.groupby(['family', 'title'], sort=False)
  }
  return {key: table - curve[key[0], 'ours'] for key, table in curve.items() if key[1] != 'ours'}


def curves_agree(records):
  """By how much accuracy differs from ours."""
  away = {key: table for key, table in curves(records).items() if 'untrained' not in key[1]}
  means = {(*key, epoch): abs(value) for key, table in away.items()
           for epoch, value in table.mean().items()}  # fmt: skip
  singles = {(*key, seed): value for key, table in away.items()
             for seed, value in table.abs().max(axis=1).items()}  # fmt: skip
  mean, single = max(means, key=means.get), max(singles, key=singles.get)
  points = np.concatenate([table.to_numpy().ravel() for table in away.values()])
  numbers = [means[mean], mean[2], 0.01, singles[single], single[2]]
  numbers += [int(np.sum(np.abs(points) >= 0.01)), len(points)]
  names = [f'({key[0]}, {key[1]}, ' for key in (mean, single)]
  return means[mean] < 0.01, numbers, names


def test_the_verdicts_on_training_follow_from_the_records():
  records, verdicts = retold.read('parity_drift')
  holds, numbers, names = curves_agree(records)
  agree, rounding, *visible = verdicts
  assert agree['outcome'] == ('supported' if holds else 'refuted')
  retold.said(agree['sentence'], numbers, names)

  away = apart(records)
  library = away.index.get_level_values('library')
  step = away.index.get_level_values('step')
  largest = away[library != 'untrained']['max'].groupby(level=['family', 'step']).max().unstack()
  first, last = largest[1.0], largest[step.max()]
  families = [line['sentence'].partition(':')[0] for line in visible]
  order = [*families, *(name for name in largest.index if name not in families)]
  small = (first < 1e-6).all() and (last > first).all()
  assert rounding['outcome'] == ('supported' if small else 'refuted')
  ends = [end for name in order for end in (first[name], last[name])]
  retold.said(rounding['sentence'], [1, step.max(), *ends, 1e-6], order)

  assert set(families) == {*away[library == 'untrained'].index.get_level_values('family')}
  for family, line in zip(families, visible, strict=True):
    means = away.loc[family]['mean'].unstack('library').drop(index=0.0, level='step')
    least = means['untrained'].groupby(level='step').min().to_numpy()
    most = means.drop(columns='untrained').max(axis=1).groupby(level='step').max().to_numpy()
    assert line['outcome'] == ('supported' if (least > most).all() else 'refuted')
    factors = (least / most)[[0, -1]]
    retold.said(line['sentence'], [int((least > most).sum()), len(least), *factors], [family])


def test_the_committed_csv_has_the_differences_of_the_records():
  records, _ = retold.read('parity_drift')
  written = pd.read_csv(retold.RESULTS / 'parity_drift' / 'report' / 'summary.csv')
  keys = ['family', 'seed', 'step', 'kind', 'library']
  written = written.set_index(keys)[['largest', 'mean']].sort_index()
  found = apart(records).sort_index()
  assert len(written) == len(found)
  np.testing.assert_allclose(written, found.loc[written.index], rtol=1e-3)


def mean_and_interval(values):
  """As the table prints them: Student's t."""
  half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
  return [float(np.mean(values)), float(np.mean(values) - half), float(np.mean(values) + half)]


def test_the_table_of_accuracies_follows_from_the_records():
  records, _ = retold.read('parity_drift')
  table = pd.read_csv(
    retold.RESULTS / 'parity_drift' / 'report' / 'tables' / 'curves.csv', dtype=str
  )
  rows = records[records['table'] == 'curve']
  last = rows[rows['epoch'] == rows['epoch'].max()].pivot_table(
    index='seed', columns=['family', 'title'], values='test_accuracy'
  )
  assert len(table) == len(last.columns)
  away = curves(records)
  for line in table.itertuples(index=False):
    norm, library, seeds, *cells = line
    numbers = mean_and_interval(last[norm, library])
    if library != 'ours':
      numbers += mean_and_interval(last[norm, library] - last[norm, 'ours'])
      numbers.append(float(away[norm, library].abs().max(axis=None)))
    assert int(seeds) == len(last)
    retold.said(' '.join(cells).replace('95%', '').replace('+', ''), numbers, [])
