"""CIFAR-10, seven hidden layers: up to which learning rate does a net train with each norm?

Question: does batch norm train at larger learning rates than the net without a norm, and does its
lead come from them?
Reference: Bjorck et al. 2018, https://arxiv.org/abs/1806.02375. A ResNet of 110 layers on CIFAR-10
at learning rates 0.0001, 0.003 and 0.1: without batch norm it trains at the smallest, which was
chosen for that, and diverges at the others; with it all three train. At the smallest the two reach
comparable test accuracies; batch norm's is higher at larger rates, by which the paper explains its
lead.
Reduced to two cores: the fully connected net of cifar_init_scale, seven hidden layers of 50 units,
from the usual (He) scale, on the first 1000 training images, 10 epochs in batches of 50, at a
constant rate, without weight decay or augmentation. So small a net says nothing about the size of
the paper's effects, only about their direction: it bears larger rates than one of 110 layers.
More than the paper: nine rates from 0.001 to 10, layer norm, ten seeds. Each norm is compared at
its own best rate, which five seeds choose by validation accuracy on images held out from training;
the other five judge, on test images.
Expectation: see config.expectation; it and the claims were written before the study was run.
Why is not asked here: the paper shows activations that grow with depth where the net
without a norm diverges; cifar_init_scale records such.
Cost: 270 trials of 200 steps in 3 groups; about four minutes of CPU time.
Command: python train.py --config=configs/cifar_learning_rate.py
A small one on digits as a stand-in, for CI:
python train.py --config=configs/cifar_learning_rate.py:smoke
"""

from ml_collections import config_dict

from norms.lab import study

SMALL = 0.01  # a rate at which every net is expected to train
SOURCE = 'Bjorck et al. 2018, a ResNet of 110 layers on CIFAR-10'
SAYS = (
  'without batch norm the net trains at a learning rate of 0.0001 and diverges at 0.003 and 0.1, '
  'with it all three train; at equal rates test accuracies are comparable, and the higher ones of '
  'batch norm come from larger rates'
)


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The study, or `smoke`: digits in place of CIFAR-10, under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(f'configs/cifar_learning_rate.py:{arg} is not known: use smoke, or nothing')
  config = study.defaults()
  config.name = 'cifar_learning_rate'
  config.question = 'Does a norm train at larger learning rates, and is its lead due to them?'
  config.expectation = (
    'Both norms train up to a larger rate than the net without a norm, batch norm up to ten times '
    'as large. At its own best rate batch norm is ahead of that net at its own; at a rate of 0.01, '
    'at which all train, it is not.'
  )
  tuned, batch = {'tuned': ('learning_rate',)}, {'norm': 'batch', 'than': 'none'}
  config.claims = (
    ('higher_limit', {'asks': 'Does batch norm train at larger rates than no norm?', **batch}),
    ('higher_limit', {'asks': 'At ten times as large ones?', **batch, 'by': 1.0}),
    ('higher_limit', {'asks': 'And layer norm at larger ones?', 'norm': 'layer', 'than': 'none'}),
    ('best_against_best', {'asks': 'Each at its own best rate, is batch norm ahead of the net '
                                   'without a norm?', **batch, **tuned}),
    ('best_against_best', {'asks': 'Of layer norm?', 'norm': 'batch', 'than': 'layer', **tuned}),
    ('beats', {'asks': 'And at one small rate for both, is it ahead of that net?', **batch,
               'at': {'learning_rate': SMALL}, 'expects': 'refuted'}),
  )  # fmt: skip
  config.references = ({'says': SAYS, 'source': SOURCE},)
  config.data.name, config.data.layout = 'cifar10', 'flat_channels_first'
  config.data.train, config.data.validation, config.data.test = 1000, 1000, 2000
  config.model_options = {'features': (50,) * 7}
  config.norm_options = {'batch': {'momentum': 0.9, 'epsilon': 1e-5}, 'layer': {'epsilon': 1e-5}}
  config.optimizer_options = {'momentum': 0.9}
  config.batch_size, config.epochs = 50, 10
  config.sweep.norm = ('none', 'batch', 'layer')
  config.sweep.learning_rate = study.log(1e-3, 10, 9)
  config.sweep.seed = tuple(range(10))
  if arg == 'smoke':
    config.name, config.references = 'cifar_learning_rate-smoke', ()
    config.data.name, config.data.layout = 'digits', 'flat'
    config.data.train, config.data.validation, config.data.test = 500, 100, 0
    config.model_options = {'features': (8,) * 3}
    config.epochs = 2
    config.sweep.norm = ('none', 'batch')
    config.sweep.learning_rate = (SMALL, 0.1)
    config.sweep.seed = (0, 1)
  return config
