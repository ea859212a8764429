"""Whatever a command line or a config's file says is planned, or refused in one line.

FUZZ=10000 pytest tests/lab/test_fuzz.py tries more than the usual number of each, and others than
those: which ones --hypothesis-seed says.
"""

import os
import pathlib
import tempfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest

from norms.lab import config_keys, study

pytestmark = pytest.mark.faults

EXAMPLES = int(os.environ.get('FUZZ', 250))
OFTEN = settings(
  max_examples=EXAMPLES, deadline=None, database=None,
  derandomize='FUZZ' not in os.environ, suppress_health_check=list(HealthCheck),
)  # fmt: skip

KEYS = [
  *config_keys.names(study.defaults(), whole=('sweep',)),
  'norm_options.batch.momentum', 'norm_options.batch.epsilon', 'norm_options.group.num_groups',
  'norm_options.layer', 'norm_options.lyaer.epsilon', 'optimizer_options.momentum',
  'optimizer_options.nesterov', 'model_options.features', 'model_options.widht', 'lerning_rate',
]  # fmt: skip
NUMBERS = ['0', '-1', '1', '2', '0.5', '-5', '1e-300', '1e-39', '1e400', 'nan', '-inf', '1_0',
           '0x10', '1000000000', '99999999999999999999', '5.0', '١']  # fmt: skip
WORDS = ['', ' ', 'None', 'True', 'batch', 'bacth', 'layer', 'name 5', 'no:such', ':', 'a:b:c',
         '../../x', '/', 'os:getcwd', 'norms:batch_norm', 'é', '\n', "'", '"', '--help', 'x' * 5000,
         'kernels', 'cosine_decay', 'final', 'pad_crop', 'accuracy', 'adam', 'running'
         ]  # fmt: skip
LISTS = ['()', '(1,)', '(1,2)', '[1', '{}', "{'a': 1}", "{1: 2}", '(None,)', "('batch',)", '((),)',
         'log(1e-3,1,9)', 'log(0,1,3)', 'lin(0,1,1000000000)', 'lin(1)', ',', '1,,2', '0.1,0.1',
         'batch,layer', '(64,),(64,64)', "(('ranking', {}),)", "(('ranking',),)",
         "(('beats', {'norm': 'layer', 'than': 'nrom'}),)"]  # fmt: skip


@st.composite
def arguments(draw):
  """Flags of a command line."""
  key = draw(st.sampled_from(KEYS))
  sweep = draw(st.sampled_from(['', '', 'sweep.']))
  value = draw(st.one_of(*map(st.sampled_from, (NUMBERS, WORDS, LISTS)), st.text(max_size=5)))
  value = value.replace('\0', '')  # which no command line can hold
  return f'--config.{sweep}{key}={value}'


def holds(command, *flags: str) -> None:
  """The command plans, or says in one line what is wrong, and leaves nothing."""
  with tempfile.TemporaryDirectory() as folder:
    workdir = pathlib.Path(folder, 'workdir')
    ended = command(*flags, f'--workdir={workdir}', '--dry_run')
    assert not list(pathlib.Path(folder).iterdir())
  assert 'Traceback' not in ended.stdout + ended.stderr
  if ended.returncode == 0:
    assert 'trials' in ended.stdout and not ended.stderr
  else:
    assert ended.returncode == 2, ended
    assert ended.stderr.startswith('train.py: ') and len(ended.stderr.splitlines()) == 1, ended


@OFTEN
@given(flags=st.lists(arguments(), min_size=1, max_size=2))
def test_a_command_line_is_planned_or_refused_in_one_line(command, flags):
  holds(command, '--config=configs/sweep.py:smoke', *flags)


# What a config's own file may hold after the defaults, and what its own parts may do.
CLAIMS = ['()', '5', '(5,)', "('ranking',)", "(('ranking', 5),)", "(('rnking', {}),)",
          "(('ranking', {'best': 'layr'}),)", "(('beats', {}),)", "(('ranking', {'at': 5}),)",
          "(('beats', {'norm': 'layer', 'than': 'none', 'at': {'seed': 77}}),)",
          "(('beats', {'norm': 'layer', 'than': 'none', 'metric': 'lss'}),)",
          "(('beats', {'norm': 'layer', 'than': 'none', 'at': {'sed': 0}}),)",
          "(('reaches', {'norm': 'layer', 'value': 'many'}),)", "(('no:such', {}),)"]  # fmt: skip
LINES = [
  *(f'config.claims = {claims}' for claims in CLAIMS),
  "config.labels = {'lyaer': 'x'}", 'config.labels = {5: 5}', "config.labels = {'layer': 5}",
  'config.references = (5,)', "config.references = ({'says': 5},)", 'config.sweep.norm = 5',
  'config.sweep.norm = (5,)', "config.sweep.norm = ('layer', 'layer')", 'config.sweep.seed = ()',
  "config.sweep.learning_rate = (float('nan'),)", 'config.sweep.batch_size = (0.5,)',
  'config.model_options = {5: 5}', "config.model_options = {'features': object()}",
  "config.optimizer_options = {'momentum': len}", 'config.data.train = -1', 'config.data = 5',
  'config.epochs = 10**30', 'config.name = 5', 'config.timing = -1', 'config.timing = 10**9',
  "config.sweep.norm = ('own:raises',)", "config.sweep.norm = ('own:exits',)",
  "config.sweep.norm = ('own:Norm',)", "config.sweep.norm = ('own:Narrow',)",
  "config.sweep.norm = ('own:ROW',)", "config.model = 'own:Norm'", "config.model = 'own:exits'",
  "config.sweep.norm = ('own:recurses',)", "config.sweep.norm = ('own:another_shape',)",
  "config.sweep.norm = ('own:nothing',)", "config.sweep.norm = ('own:absent',)",
  "config.model = 'own:raises'", "config.model = 'own:another_shape'",
  "config.model = 'own:NUMBER'",
  "config.optimizer = 'own:raises'", "config.optimizer = 'own:nothing'",
  "config.metrics = ('own:raises',)", "config.probes = ('own:raises',)",
  "config.task = 'own:nothing'", "config.task = 'own:raises'", "config.data.name = 'own:raises'",
  "config.data.name = 'own:nothing'", "config.data.name = 'own:exits'",
  "config.metrics = ('own:takes_none',)", "config.probes = ('own:takes_none',)",
  "config.optimizer = 'own:takes_none'", "config.claims = (('own:takes_none', {}),)",
  "config.sweep.norm = ('own:Needs',)", "config.model_options = {'activation': 'own:takes_none'}",
]  # fmt: skip
ERRORS = ['AssertionError()', "TypeError('no')", "KeyError('k')", "ValueError('two\\nlines')",
          'ZeroDivisionError()', 'StopIteration()', "RuntimeError('')", "OSError('of mine')"
          ]  # fmt: skip
OWN = """
import flax.linen as nn
from norms.row import Row
NUMBER = 5
class Norm(nn.Module):
  def __call__(self, x):
    return raises()
class Narrow(nn.Module):
  def __call__(self, x):
    return another_shape(x)
def raises(*args, **kwargs):
  raise {error}
def exits(*args, **kwargs):
  raise SystemExit(0)
def recurses(*args, **kwargs):
  return recurses()
def another_shape(x=None, *args, **kwargs):
  return x[..., :1]
def nothing(*args, **kwargs):
  return None
def takes_none():
  return None
class Needs(nn.Module):
  factor: float
  def __call__(self, x):
    return self.factor * x
ROW = Row('mine', 'activation', raises, 'Mine', 'mine')
"""
CONFIG = """
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from norms.lab import study
def get_config():
  config = study.defaults()
  config.name = 'mine'
  config.sweep.norm, config.sweep.seed, config.epochs = ('none', 'layer'), (0, 1), 1
  {line}
  return config
"""


@OFTEN
@given(line=st.sampled_from(LINES), error=st.sampled_from(ERRORS))
def test_a_file_of_ones_own_is_planned_or_refused_in_one_line(command, line, error):
  with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, 'own.py').write_text(OWN.format(error=error))
    pathlib.Path(folder, 'mine.py').write_text(CONFIG.format(line=line))
    holds(command, f'--config={folder}/mine.py')
