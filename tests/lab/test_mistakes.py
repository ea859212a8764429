"""What is told in one line: errors raised on purpose, for a user to mend. All others stay whole."""

import io

from absl import flags
import jax
import jax.numpy as jnp
from ml_collections import config_flags
import numpy as np
import pandas as pd
import pytest

import norms
from norms.lab import grid, mistakes, study, trial
from norms.lab.data import augment, splits
from norms.lab.mistakes import LayerError
from norms.lab.statistics import cells


def caught(function, *arguments):
  """What it raises."""
  with pytest.raises(Exception, match='.') as error:
    function(*arguments)
  return error.value


def theirs():
  raise ValueError('of a user')


def layer(cause):
  raise LayerError('layer norm_0: no') from cause


def unknown_claim_options():
  config = study.defaults()
  config.name, config.claims = 'mine', (('ranking', 'ab'),)
  study.from_config(config)


def shapes(function, *shape):
  return jax.eval_shape(function, jnp.zeros(shape))


# By ours, also under jax.jit, which takes JAX's frames out.
RAISED = [
  (trial.one_of, 'norm', 'bacth', ['batch']),
  (shapes, jax.jit(lambda x: norms.layer_norm(x, feature_axes=7)), 2, 3),
  (splits.complete, {'name': 'digit'}),
  (unknown_claim_options,),
]
# Called by ours: Python, NumPy's C, pandas, JAX with its frames and without. By a user: a raise.
OTHERS = [
  (grid.Range('seed', -1, 1, True, False).at, 0.5),
  (splits.lay_out, np.zeros((2, 2)), 'flat_channels_first'),
  (cells.numbers, pd.Series(['a'])),
  (augment.pad_crop, jax.random.key(0), jnp.zeros((2, 2))),
  (jax.jit(augment.pad_crop), jax.random.key(0), jnp.zeros((2, 2))),
  (theirs,),
]


@pytest.mark.parametrize('call', RAISED, ids=lambda call: call[0].__name__)
def test_what_ours_raise_is_a_mistake(call):
  error = caught(*call)
  assert mistakes.mendable(error)
  assert mistakes.mendable(caught(layer, error))


@pytest.mark.parametrize('call', OTHERS, ids=lambda call: call[0].__name__)
def test_what_else_ends_a_run_is_none(call):
  error = caught(*call)
  assert isinstance(error, ValueError)
  assert not mistakes.mendable(error)
  assert not mistakes.mendable(caught(layer, error))


def test_what_the_system_refuses_is_a_mistake_and_a_misused_file_is_none(tmp_path):
  assert mistakes.mendable(caught((tmp_path / 'absent').read_text))
  assert mistakes.mendable(caught((tmp_path / 'absent' / 'file').write_text, ''))
  misused = caught(io.BytesIO().fileno)
  assert isinstance(misused, OSError) and not mistakes.mendable(misused)


def test_an_error_that_was_never_raised_is_none():
  assert not mistakes.mendable(ValueError('made'))


def parsed(*arguments):
  values = flags.FlagValues()
  flags.DEFINE_integer('number', 1, '', flag_values=values)
  config_flags.DEFINE_config_file('config', None, '', flag_values=values, sys_argv=arguments)
  values(['program', *arguments])


@pytest.mark.parametrize('argument', ['--number=many', '--nmuber=1', '--config.x=1'])
def test_a_wrong_flag_is_a_mistake(argument):
  assert mistakes.mendable(caught(parsed, argument))


@pytest.mark.parametrize(
  ('line', 'mendable'),
  [
    ("raise ValueError('not now')", True),
    ("config_dict.ConfigDict({'a': 1}).lock().update(b=2)", True),
    ("config_dict.ConfigDict({'a': 1}).b", True),
    ("int('many')", False),
    ("{}['epochs']", False),
    ('np.zeros(3).reshape(2)', False),
    ("np.concatenate(['a', 'b'], axis='c')", False),
  ],
)
@pytest.mark.filterwarnings('ignore:the load_module:DeprecationWarning')  # of ml_collections
def test_a_config_is_judged_by_what_it_ran_into(line, mendable, tmp_path):
  """absl and ml_collections raise their own errors on top."""
  text = (
    f'import numpy as np\nfrom ml_collections import config_dict\ndef get_config():\n  {line}\n'
  )
  (tmp_path / 'mine.py').write_text(text)
  error = caught(parsed, f'--config={tmp_path}/mine.py')
  assert not isinstance(error, Warning)
  assert mistakes.mendable(error) is mendable


def test_the_line_has_the_message_and_the_nearest():
  assert mistakes.line(ValueError('\n  a thing  \nmore')) == 'a thing'
  assert mistakes.line(ValueError()) == 'ValueError()'
  assert mistakes.line(AttributeError(KeyError('no b\nDid you mean "c"?'))) == (
    'no b Did you mean "c"?'
  )
  assert mistakes.line(ValueError('in the config:\n\n  File x\nValueError: it')) == (
    'in the config: ValueError: it'
  )


@pytest.mark.parametrize(
  ('error', 'says'),
  [
    (ValueError('\na cause \nmore'), 'a cause '),
    (ValueError(), 'ValueError'),
    (OSError(' '), 'OSError'),
  ],
)
def test_the_first_line_of_an_error_is_never_missing(error, says):
  assert mistakes.first_line(error) == says


def test_the_line_of_a_missing_file_has_the_nearest_name(tmp_path):
  (tmp_path / 'sweep.py').touch()
  assert mistakes.line(caught((tmp_path / 'swep.py').read_text)).endswith(
    "Did you mean 'sweep.py'?"
  )
