"""Types of a claim's options, limits of a measurement, and columns that only some trials have."""

import numpy as np
import pandas as pd
import pytest
import small
from test_statistics import frame_of, trial

from norms.lab import records, statistics, study
from norms.lab.report.figures import scales
from norms.lab.runner import checks
from norms.lab.statistics import cells

PAIR = {'norm': 'layer', 'than': 'none'}


@pytest.mark.parametrize(
  ('claim', 'options', 'says'),
  [
    ('ranking', {'best': 5}, 'best=5: give a name in quotes, or a tuple of names'),
    ('ranking', {'best': ('layer', 5)}, "best=('layer', 5): give a name"),
    ('ranking', {'best': ()}, 'best=(): give a name'),
    ('beats', {'norm': 5, 'than': 'none'}, 'norm=5: give one name, in quotes'),
    ('beats', {**PAIR, 'metric': 3}, 'metric=3: give one name'),
    ('best_against_best', {**PAIR, 'tuned': 5}, 'tuned=5: give a name'),
    ('reaches', {'norm': 'layer', 'value': '0.9'}, "value='0.9': give a number"),
    ('reaches', {'norm': 'layer', 'value': True}, 'value=True: give a number'),
  ],
)
def test_an_option_of_another_type_is_refused_in_one_line(claim, options, says):
  with pytest.raises(ValueError, match='.') as error:
    statistics.check([(claim, options)])
  assert f'claim {claim!r}: {says}' in str(error.value) and '\n' not in str(error.value)


def test_options_of_the_right_type_pass():
  statistics.check([
    ('ranking', {'best': ('layer', 'none')}),
    ('beats', {'axis': 'batch_size', 'value': 16, 'than': 64}),
    ('reaches', {'norm': 'layer', 'value': 1}),
  ])  # fmt: skip


@pytest.mark.parametrize(('shift', 'cut'), [(0.0, True), (-1.0, False)])
def test_an_interval_is_cut_at_0_only_where_all_values_are_positive(shift, cut):
  """A loss of one's own may be negative, such as that of a density."""
  rows = frame_of(*(trial('layer', seed, 0.9) for seed in range(5)))
  rows['test_loss'] = np.array([0.001, 0.001, 0.001, 0.001, 1.0])[rows['seed']] + shift
  (line,) = cells.summary(statistics.finals(rows), ['norm'], 'test_loss').to_dict('records')
  assert line['kind'] == 'interval' and (line['low'] == 0) == cut
  assert cut or line['low'] < shift < line['value']
  low, high = scales.limits('test_loss', rows['test_loss'])
  assert low < rows['test_loss'].min() and high > rows['test_loss'].max()


def test_a_trial_without_a_later_key_has_its_default_where_others_have_another(tmp_path):
  made = study.from_config(small.config(probe=(0, 50), seed=0))
  for each in made.trials:
    frame = pd.DataFrame([{**each.columns(), 'epoch': 0}])
    records.write(tmp_path, [each], frame, {})
  assert sorted(records.load(tmp_path)['probe']) == [0, 50]


def test_data_that_a_task_cannot_learn_are_refused_by_the_task():
  asked = study.from_config(small.config(data={'name': 'users_data:rates'}))
  with pytest.raises(ValueError, match='task=classification needs targets that are classes'):
    checks.check(asked)
