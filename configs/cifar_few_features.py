"""CIFAR-10, five hidden layers of few units: when does layer norm fail?

Study D, its last one. Question: when does layer norm fail? Its statistics are over the features of
one example: with one feature it leaves only the bias (x - mean is 0), with two only the sign of
their difference.
Reference: it asks, and shows no figure. Here: the net of cifar_depth with 1, 2, 4, 8, 16, 32 or 100
units in each hidden layer, none, batch and layer norm.
Expectation: see config.expectation. Standardised inputs and the usual (He) scale of the weights, at
which the net without a norm trains too; a narrow net is weak with any norm, so layer norm is
compared with the others at each width.
Why is recorded: a probe of a batch's worth of training examples takes, at each epoch, what every
layer passes on and the gradient of its kernel.
Data: the splits of cifar_depth. Seeds 0 to 4; nets of one width share their weights and batches.
Cost: 105 trials of 200 steps in 21 groups.
Command: python train.py --config=configs/cifar_few_features.py
A small one on digits as a stand-in, for CI:
python train.py --config=configs/cifar_few_features.py:smoke
"""

from ml_collections import config_dict

from norms.lab import study

WIDTHS = (1, 2, 4, 8, 16, 32, 100)


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The study, or `smoke`: digits in place of CIFAR-10, under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(f'configs/cifar_few_features.py:{arg} is not known: use smoke, or nothing')
  config = study.defaults()
  config.name = 'cifar_few_features'
  config.question = 'When does layer norm fail: how many features does it need?'
  config.expectation = (
    'With one feature a net with layer norm learns nothing; with few it is behind batch norm; with '
    'a hundred the two are equal.'
  )
  few = {'norm': 'batch', 'than': 'layer', 'metric': 'train_accuracy'}
  config.claims = (
    ('fails', {'asks': 'Does layer norm fail with one feature?', 'norm': 'layer',
               'at': {'model_options.features': 1}}),
    *(('beats', {'asks': f'Is it behind batch norm with {width}?', **few,
                 'at': {'model_options.features': width}}) for width in (2, 4, 8)),
    ('beats', {'asks': 'Is it behind batch norm with 100?', **few, 'expects': 'equivalent',
               'at': {'model_options.features': 100}}),
    ('passes_on', {'asks': 'Why does layer norm fail with one feature: does nothing pass it?',
                   'norm': 'layer', 'at': {'model_options.features': 1}, 'most': 0.0}),
  )  # fmt: skip
  config.data.name, config.data.train, config.data.validation = 'cifar10', 1000, 1000
  config.data.test = 2000
  config.data.layout = 'flat_channels_first'
  config.norm_options = {'batch': {'momentum': 0.9, 'epsilon': 1e-5}, 'layer': {'epsilon': 1e-5}}
  config.optimizer_options = {'momentum': 0.9}
  config.learning_rate, config.batch_size, config.epochs = 1e-2, 50, 10
  config.eval_stats, config.probe = 'running', 50
  if arg == 'smoke':
    config.name = 'cifar_few_features-smoke'
    config.data.name, config.data.train, config.data.validation = 'digits', 500, 100
    config.data.test = 0
    config.data.layout = 'flat'
    config.epochs, config.learning_rate = 2, 0.05
  return config


def get_hyper(hyper, arg=None):
  """Five hidden layers of each width."""
  smoke = arg == 'smoke'
  widths = WIDTHS[:3:2] if smoke else WIDTHS
  return hyper.product([
    hyper.sweep('norm', ('none', 'batch', 'layer')),
    hyper.sweep('model_options.features', [(width,) * 5 for width in widths]),
    hyper.sweep('seed', range(2 if smoke else 5)),
  ])  # fmt: skip
