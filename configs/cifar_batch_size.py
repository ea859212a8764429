"""CIFAR-10, five hidden layers: what links batch norm and the batch size, and does layer norm care?

Study D6. Question: what links batch norm and batch size; does layer norm depend on it much less?
Reference: the net of cifar_depth, learning rate 10^-3.5, 10 epochs, one run each: no norm at batch
5, batch norm and layer norm at batch 5, 10 and 50. It shows training and validation accuracy by
epoch, and concludes that layer norm depends much less on the batch size.
More than the reference: no norm at every batch size too, since with one learning rate and as
many epochs a small batch also means more steps (200, 100, 20 an epoch), norm or not; and batch norm
judged by exact statistics of the training images (eval_stats 'exact') beside the running ones
('running', the reference's): that part of its dependence which is only in how it is judged goes.
Expectation: see config.expectation. Without a norm fewer steps are all that a larger batch brings.
Data as in cifar_depth. Seeds: 0 to 4, and 231, the reference's, from which our generator draws
other numbers. Norms of a seed share their weights, and at one batch size their batches.
Cost: 72 trials of 200 to 2000 steps in 12 groups.
Command: python train.py --config=configs/cifar_batch_size.py
A small one on digits as a stand-in, for CI:
python train.py --config=configs/cifar_batch_size.py:smoke
"""

from ml_collections import config_dict

from norms.lab import study

BATCHES, SEEDS = (5, 10, 50), (231, 0, 1, 2, 3, 4)
SOURCE = 'study D6, fully connected nets on CIFAR-10, one run each'
JUDGED = {'eval_stats': 'running'}


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The study, or `smoke`: digits in place of CIFAR-10, under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(f'configs/cifar_batch_size.py:{arg} is not known: use smoke, or nothing')
  config = study.defaults()
  config.name = 'cifar_batch_size'
  config.question = 'What links batch norm and the batch size; does layer norm depend on it less?'
  config.expectation = (
    'Batch norm is the worse the fewer examples its statistics are of; layer norm, whose '
    'statistics are of one example, changes with the batch size no more than a net without a norm.'
  )
  less = {'norm': 'layer', 'than': 'batch', 'at': JUDGED}
  config.claims = (
    ('depends_less', {'asks': 'Does layer norm depend less on the batch size in validation?',
                      'metric': 'validation_accuracy', **less}),
    ('depends_less', {'asks': 'And in training accuracy?', 'metric': 'train_accuracy', **less}),
    ('rises', {'asks': 'Does batch norm gain from a larger batch?', 'norm': 'batch',
               'metric': 'validation_accuracy', 'at': JUDGED}),
    ('rises', {'asks': 'And judged by exact statistics?', 'norm': 'batch',
               'metric': 'validation_accuracy', 'at': {'eval_stats': 'exact'}}),
    ('rises', {'asks': 'Does the net without a norm gain from a larger batch?', 'norm': 'none',
               'metric': 'validation_accuracy', 'at': JUDGED, 'expects': 'refuted'}),
    ('beats', {'asks': 'Is batch norm worth it at batch 5?', 'norm': 'batch', 'than': 'none',
               'metric': 'validation_accuracy', 'at': {**JUDGED, 'batch_size': 5}}),
  )  # fmt: skip
  config.references = (
    {'says': 'layer norm depends much less on the batch size than batch norm', 'source': SOURCE},
  )
  config.data.name, config.data.train, config.data.validation = 'cifar10', 1000, 1000
  config.data.test = 2000
  config.data.normalize, config.data.layout = 'mean_image', 'flat_channels_first'
  config.model_options = {'features': (100,) * 5}
  config.norm_options = {'batch': {'momentum': 0.9, 'epsilon': 1e-5}, 'layer': {'epsilon': 1e-5}}
  config.optimizer_options = {'momentum': 0.9}
  config.learning_rate, config.weight_scale, config.epochs = 10**-3.5, 2e-2, 10
  if arg == 'smoke':
    config.name, config.references = 'cifar_batch_size-smoke', ()
    config.data.name, config.data.train, config.data.validation = 'digits', 500, 100
    config.data.test = 0
    config.data.normalize, config.data.layout = 'standardise', 'flat'
    config.model_options = {'features': (8,) * 3}
    config.epochs, config.learning_rate = 2, 0.05
  return config


def get_hyper(hyper, arg=None):
  """All norms by running statistics, and batch norm by exact ones."""
  seeds = hyper.sweep('seed', SEEDS[:2] if arg == 'smoke' else SEEDS)
  batches = hyper.sweep('batch_size', BATCHES[1:] if arg == 'smoke' else BATCHES)
  both = ((('none', 'batch', 'layer'), 'running'), (('batch',), 'exact'))
  return hyper.chainit(
    hyper.product([hyper.sweep('norm', norms), batches, hyper.fixed('eval_stats', judged), seeds])
    for norms, judged in both
  )
