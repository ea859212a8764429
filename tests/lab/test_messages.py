"""Messages: what is wrong in a config is one line, with the thing, the value and what to do."""

import sys

import pytest
import small

from norms.lab import mistakes, overrides, study, sweep
from norms.lab.cluster import cluster
from norms.lab.engine import optimizer


def refused(function, *arguments):
  """The line that it raises, on purpose."""
  with pytest.raises(Exception, match='.') as error:
    function(*arguments)
  assert mistakes.mendable(error.value), error.value
  assert '\n' not in str(error.value)
  return mistakes.line(error.value)


def planned(changes, tmp_path):
  plain = small.config().to_dict() | changes
  return sweep.pending(study.from_config(plain), tmp_path)


@pytest.mark.parametrize(
  ('arguments', 'says'),
  [
    (['loss=x'], "config key='loss' is not known: "),
    (['model.name=mpl'], "config.model is 'mlp', which has no keys: write --config.model=VALUE"),
    (['data.nme=digits'], "config.data key='nme' is not known: did you mean 'name'?"),
    (['batch_size=4.5'], "config.batch_size='4.5': use a whole number"),
    (['learning_rate=fast'], "config.learning_rate='fast': use a number"),
    (['model_options=5'], "config.model_options='5': give a dict"),
    (['sweep.learning_rate=log(1,2)'], 'log(1,2) has 2 numbers'),
    (['sweep=5'], "config.sweep='5': give a dict"),
  ],
)
def test_a_flag_that_cannot_be_gets_one_line(arguments, says):
  _, pairs = overrides.taken([f'--config.{each}' for each in arguments])
  assert says in refused(overrides.typed, study.defaults(), pairs)


@pytest.mark.parametrize(
  ('changes', 'says'),
  [
    ({'claims': (('ranking', 'ab'),)}, "config.claims has ('ranking', 'ab'): give (name, "),
    ({'claims': ('ranking', {})}, "config.claims has 'ranking'"),
    ({'claims': ((5, {}),)}, 'config.claims has (5, {})'),
    ({'claims': 5}, 'config.claims=5: give a tuple'),
    ({'claims': (('beats', {'at': 5}),)}, "claim 'beats': at=5: give a dict"),
    ({'references': ({'says': 5},)}, 'config.references: says=5 is not a text'),
    ({'labels': {'batch': 5}}, 'config.labels.batch=5 is not a text'),
    ({'labels': ('batch',)}, "config.labels=('batch',): give a dict"),
    ({'labels': {'bacth': 'b'}}, "config.labels key='bacth' is not known: did you mean 'batch'"),
    ({'references': ('says',)}, "config.references has 'says': give a dict"),
    ({'references': {'says': 'x'}}, "config.references={'says': 'x'}: give a tuple"),
    ({'norm_options': 5}, 'config.norm_options=5: give a dict'),
    ({'norm_options': {'group': 5}}, 'config.norm_options.group=5: give a dict'),
    ({'norm_options': {'gruop': {}}}, "config.norm_options key='gruop' is not known: did you mean"),
    ({'model_options': 5}, 'config.model_options=5: give a dict'),
    ({'model_options': {'features': {}}}, 'model_options.features={}: give a number'),
    ({'model_options': {'deep': 2}}, "model_options key of mlp='deep' is not known"),
    ({'optimizer_options': {'nesterov': print}}, 'give a number, text, True, False, None'),
    ({'name': 5}, 'config.name=5: use a name of letters'),
    ({'question': 5}, 'config.question=5 is not a text'),
    ({'seed': '0'}, "seed='0': use a whole number from 0 on"),
    ({'sweep': {'seed': ('0', '1')}}, "seed='0': use a whole number"),
    ({'sweep': {'seed': 3}}, 'config.sweep.seed=3: give a tuple, as in (3,)'),
    ({'sweep': {'sede': (3,)}}, "swept key='sede' is not known: did you mean 'seed'"),
    ({'sweep': {'norm': {'x': (1,)}}}, "norm is 'none', which has no keys"),
    ({'sweep': 5}, 'config.sweep=5: give a dict'),
    ({'learning_rate': None}, 'learning_rate=None: use a positive'),
    ({'augment': 'fliip'}, "augment='fliip' is not known: did you mean 'flip'"),
    ({'augment': 5}, 'augment=5 is not known'),
    ({'chunk': True}, 'config.chunk=True: use a whole number'),
    ({'timing': -1}, 'config.timing=-1'),
    ({'epoch': 5}, "config key='epoch' is not known: did you mean 'epochs'"),
    ({'data': 5}, 'config.data=5: give a dict'),
    ({'data': {'name': 'digits', 'trian': 5}}, 'trian'),
  ],
)
def test_a_config_that_cannot_be_gets_one_line(changes, says, tmp_path):
  assert says in refused(planned, changes, tmp_path)


@pytest.mark.parametrize(
  ('norm', 'options', 'says'),
  [
    ('group', {'num_groups': 'x'}, "norm_options.group: num_groups='x' cannot be ("),
    ('group', {'num_groups': 3}, 'layer norm_0: num_groups=3 does not divide 8 channels'),
    ('group', {'num_groups': 'auto'}, None),
    (
      'group',
      {'num_group': 2},
      "option of norm group='num_group' is not known: did you mean 'num_g",
    ),
    ('batch', {'momentum': 'x'}, "momentum='x' cannot be"),
    ('layer', {'epsilon': None}, 'give each what norms.linen.LayerNorm takes'),
    ('layer', {'use_bias': 'x'}, "use_bias='x' cannot be: use True or False"),
    ('layer', {'feature_axes': 'x'}, "feature_axes='x' cannot be"),
    ('layer', {'feature_axes': -1, 'epsilon': 1}, None),
    ('weight', {'feature_axes': 'x'}, "feature_axes='x' cannot be"),
    ('batch', {'momentum': -5}, 'momentum=-5 cannot be: use a number from 0 to 1'),
    ('layer', {'epsilon': -1}, 'epsilon=-1 cannot be: use a number from 0 on'),
    ('layer', {'epsilon': 'nan'}, "epsilon='nan' cannot be: use a number from 0 on"),
  ],
)
def test_options_of_a_norm_are_held_to_what_it_takes(norm, options, says, tmp_path):
  changes = {'norm': norm, 'norm_options': {norm: options}}
  if says is None:
    assert planned(changes, tmp_path)
  else:
    assert says in refused(planned, changes, tmp_path)


@pytest.mark.parametrize(
  ('name', 'options', 'says'),
  [
    ('sgd', {'momentum': 'x'}, "momentum='x' cannot be: use a number from 0 to 1"),
    ('sgd', {'momentum': -5}, 'momentum=-5 cannot be: use a number from 0 to 1'),
    ('adam', {'eps': -1e-8}, 'eps=-1e-08 cannot be: use a number from 0 on'),
    ('sgd', {'momentum': None}, None),
    ('sgd', {'learning_rate': 'cosine'}, "learning_rate='cosine' would be ignored: set config"),
    ('sgd', {'nesterov': 'x'}, "nesterov='x' cannot be: use True or False"),
    ('sgd', {'momentun': 0.9}, "did you mean 'momentum'"),
    ('adamw', {'mask': 1}, 'mask=1 cannot be: a mask is a function, which a config cannot hold'),
    ('adam', {'b1': 'x'}, "b1='x' cannot be: use a number, as 0.9"),
    ('adam', {'b1': True}, 'b1=True cannot be: use a number'),
    ('adam', {'mu_dtype': 'float'}, None),
    ('adam', {'mu_dtype': 'x'}, "no step can be taken with mu_dtype='x'"),
    ('sgd', {'momentum': 0.9, 'nesterov': True}, None),
    ('adam', {'b1': 0, 'eps': 1e-5}, None),
    ('scale_by_learning_rate', {}, "optimizer='scale_by_learning_rate' is not known"),
    ('lbfgs', {}, "optimizer='lbfgs' is not known"),
    ('adamm', {}, "did you mean 'adam'"),
  ],
)
def test_options_of_an_optimizer_are_held_to_what_it_takes(name, options, says, tmp_path):
  changes = {'optimizer': name, 'optimizer_options': options}
  if says is None:
    assert planned(changes, tmp_path)
  else:
    assert says in refused(planned, changes, tmp_path)


def test_the_optimizers_are_optimizers():
  names = optimizer.names()
  assert set(optimizer.ELEMENTWISE) | {'lamb', 'lars', 'adafactor', 'novograd'} <= set(names)
  others = {'lbfgs', 'scale_by_learning_rate', 'inject_hyperparams', 'cosine_decay_schedule'}
  assert not others & set(names) and not any(name.endswith('schedule') for name in names)


@pytest.mark.parametrize(
  ('arguments', 'says'),
  [
    (['--config.loss=x'], "config key='loss' is not known"),
    (['--config.sweep.model_options.deep=1,4'], "mlp='deep' is not known: did you mean 'depth'"),
    (['--config.sweep.model_options.depth=1,4'], 'features=(128, 128) and depth=1: give the one'),
    (["--config.claims=(('ranking', 'ab'),)"], "config.claims has ('ranking', 'ab')"),
  ],
)
def test_train_says_it_in_one_line(arguments, says, tmp_path, command):
  done = command(*arguments, '--dry_run', f'--workdir={tmp_path}')
  assert done.returncode == 2, done.stderr
  assert says in done.stderr and done.stderr.startswith('train.py: ')
  assert len(done.stderr.strip().splitlines()) == 1


def test_a_scheduler_without_the_extra_is_one_line(monkeypatch):
  """It names what works from a checkout: there is no release yet."""
  monkeypatch.setitem(sys.modules, 'distributed', None)
  says = r"--scheduler=tcp://here:1 needs the package distributed: pip install -e '\.\[cluster\]'"
  with pytest.raises(ValueError, match=says), cluster.connected('tcp://here:1'):
    pass
