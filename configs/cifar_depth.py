"""CIFAR-10, five hidden layers: with batch norm the net trains, without it never leaves ln 10.

Study D4. Question: what does batch norm do for a deep net whose weights start small?
Reference: one run each, from NumPy's legacy generator seeded with 231: five hidden layers of 100,
weights 0.02 * N(0,1), 1000 training images, batch 50 drawn with replacement, SGD with momentum 0.9,
learning rate 1e-3, 10 epochs of 20 steps. Batch norm ends at 0.746 in training and 0.309 in
validation accuracy, the net without a norm at 0.112 and 0.119.
Which is which: two trials replay these draws (seed 231, replay 'numpy_legacy_zeros': the batch-norm
net's weights, then the other net's, then the first net's batches, then the second's; running means
and variances start at 0, as the reference's do); the report shows them beside the reference and in
replay.json, and nowhere else. All other trials are seeds 0 to 4 of
our own generator: one fresh permutation an epoch, the same weights and batches for both nets.
Data: pixel values 0..255 less the mean image of the 49 000 training images, flattened channels
first; validation on the last 1000 training images. Running statistics judge, as in the reference.
Expectation: see config.expectation. Why is recorded: a probe of a batch's worth of training
examples takes, at each epoch, what every layer passes on and the gradient of its kernel.
Cost: 12 trials of 200 steps.
Command: python train.py --config=configs/cifar_depth.py
A small one on digits as a stand-in, for CI: python train.py --config=configs/cifar_depth.py:smoke
"""

from ml_collections import config_dict

from norms.lab import study

SOURCE = 'study D4, fully connected nets on CIFAR-10, one run each'
REPLAY = 'numpy_legacy_zeros'
# Losses at iterations 1, 21, ... 181: of the first step of each epoch.
LOSSES = {
  'batch': (2.340974, 2.210432, 2.200850, 2.080494, 1.860840, 1.844514, 1.728642, 1.678778,
            1.539485, 1.416017),
  'none': (2.302332, 2.302091, 2.303817, 2.300032, 2.302165, 2.302931, 2.300168, 2.302988,
           2.299930, 2.299801),
}  # fmt: skip
# Training accuracy after each epoch. The reference also took it after the first step, .104; our
# records have no row there.
BY_EPOCH = {'batch': (0.215, 0.339, 0.384, 0.430, 0.469, 0.542, 0.557, 0.644, 0.699, 0.746)}
ACCURACIES = {'batch': (0.746, 0.309), 'none': (0.112, 0.119)}  # training, validation


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The study, or `smoke`: digits in place of CIFAR-10, under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(f'configs/cifar_depth.py:{arg} is not known: use smoke, or nothing')
  config = study.defaults()
  config.name = 'cifar_depth'
  config.question = 'What does batch norm do for a deep net whose weights start small?'
  config.expectation = 'With batch norm the net trains; without a norm it stays at a loss of ln 10.'
  config.claims = (
    ('fails', {'asks': 'Does the net without a norm learn nothing?', 'norm': 'none'}),
    ('trains', {'asks': 'Does the net with batch norm train?', 'norm': 'batch'}),
    ('survives', {'asks': 'Does batch norm lead in validation?', 'norm': 'batch', 'than': 'none',
                  'by': 0.19, 'metric': 'validation_accuracy'}),
    ('passes_on', {'asks': 'Why does it learn nothing: does its signal die out?',
                   'norm': 'none', 'most': 0.2}),
    ('passes_on', {'asks': 'And does batch norm keep the signal?', 'norm': 'batch', 'least': 0.5,
                   'most': 2.0}),
  )  # fmt: skip
  config.references = (*references(REPLAY), *references(''))
  config.data.name, config.data.train, config.data.validation = 'cifar10', 1000, 1000
  config.data.normalize, config.data.layout = 'mean_image', 'flat_channels_first'
  config.model_options = {'features': (100,) * 5}
  config.norm_options = {'batch': {'momentum': 0.9, 'epsilon': 1e-5}}
  config.optimizer_options = {'momentum': 0.9}
  config.learning_rate, config.weight_scale = 1e-3, 2e-2
  config.batch_size, config.epochs = 50, 10
  config.eval_stats, config.probe = 'running', 50
  if arg == 'smoke':
    config.name, config.references = 'cifar_depth-smoke', ()
    config.data.name, config.data.train, config.data.validation = 'digits', 500, 100
    config.data.normalize, config.data.layout = 'standardise', 'flat'
    config.model_options = {'features': (8,) * 3}
    config.epochs, config.learning_rate = 2, 0.05
  return config


def get_hyper(hyper):
  """The two replayed trials in the order of their draws, and five seeds of our own."""
  norms = hyper.sweep('norm', ('batch', 'none'))
  replayed = [norms, hyper.fixed('replay', REPLAY), hyper.fixed('seed', 231)]
  own = [norms, hyper.fixed('replay', ''), hyper.sweep('seed', range(5))]
  return hyper.chainit([hyper.product(replayed), hyper.product(own)])


def references(replay):
  """What the reference reported, beside the replay or beside our own seeds."""
  for norm, losses in LOSSES.items():
    at = {'norm': norm, 'replay': replay}
    yield entry('loss at iterations 1, 21, ... 181', 'first_loss', at, dict(enumerate(losses, 1)))
    if replay and norm in BY_EPOCH:  # running statistics of our own seeds start elsewhere
      curve = dict(enumerate(BY_EPOCH[norm], 1))
      yield entry('training accuracy by epoch', 'train_accuracy', at, curve)
    train, validation = ACCURACIES[norm]
    yield entry('final training accuracy', 'train_accuracy', at, {-1: train})
    yield entry('final validation accuracy', 'validation_accuracy', at, {-1: validation})


def entry(name, column, at, values):
  """One of config.references."""
  return {'name': name, 'column': column, 'at': at, 'values': values, 'source': SOURCE}
