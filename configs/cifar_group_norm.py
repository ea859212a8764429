"""CIFAR-10, a small ResNet: group norm against batch norm, with 2 to 32 images in a batch.

Question: does the accuracy of batch norm fall with small batches, and does that of group norm not?
Reference: Wu and He 2018, https://arxiv.org/abs/1803.08494. ResNet-50 on ImageNet for 100 epochs,
8 workers with statistics of their own, learning rate 0.1 N/32 for N images a worker, judged by
running statistics. Validation error in % at N = 32, 16, 8, 4, 2: batch norm 23.6, 23.7, 24.8, 27.3,
34.7; group norm of 32 groups 24.1, 24.2, 24.0, 24.2, 24.1.
Reduced to two cores: a ResNet of three stages of one block, 8 to 32 channels, on the first 1000
training images of CIFAR-10, 6 epochs; 4 groups; one worker, so that N is the batch of a step as
well as of the statistics. The learning rate is the paper's, nothing was searched, and stays
constant (the paper divides it by 10 three times); no weight decay, no augmentation, no scale that
starts at 0. Five seeds. As in the paper every batch size has the same epochs, and so the larger
the fewer steps; here these are so few that they tell as much as the statistics do.
Expectation: see config.expectation; it and the claims were written before the study was run.
Running statistics are averages with a momentum of 0.9.
Cost: 50 trials of 186 to 3000 steps in 10 groups; about 12 minutes of CPU time.
Command: python train.py --config=configs/cifar_group_norm.py
A small one on digits as a stand-in, for CI:
python train.py --config=configs/cifar_group_norm.py:smoke
"""

from ml_collections import config_dict

from norms.lab import study

BATCHES, SEEDS = (2, 4, 8, 16, 32), (0, 1, 2, 3, 4)
SOURCE = 'Wu and He 2018, ResNet-50 on ImageNet'
SAYS = (
  'from 32 to 2 images a worker, the validation error of batch norm goes from 23.6% to 34.7%, and '
  'that of group norm stays between 24.0% and 24.2%'
)


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The study, or `smoke`: digits in place of CIFAR-10, under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(f'configs/cifar_group_norm.py:{arg} is not known: use smoke, or nothing')
  config = study.defaults()
  config.name = 'cifar_group_norm'
  config.question = 'Does batch norm need large batches, and does group norm do without?'
  config.expectation = (
    'Batch norm loses accuracy below 8 images and is behind group norm at 2; group norm depends '
    'less on the batch size, and is no better at 32.'
  )
  group, batch = {'norm': 'group', 'than': 'batch'}, {'norm': 'batch', 'than': 'group'}
  config.claims = (
    ('depends_less', {'asks': 'Does group norm depend less on the batch size?', **group}),
    ('beats', {'asks': 'Is group norm ahead with 2 images?', **group, 'at': {'batch_size': 2}}),
    ('beats', {'asks': 'Is batch norm ahead with 32?', **batch, 'at': {'batch_size': 32}}),
    ('rises', {'asks': 'Does batch norm gain from 2 to 32 images?', 'norm': 'batch'}),
    ('rises', {'asks': 'Does group norm gain?', 'norm': 'group'}),
  )
  config.references = ({'says': SAYS, 'source': SOURCE},)
  config.data.name, config.data.layout = 'cifar10', 'image'
  config.data.train, config.data.validation, config.data.test = 1000, 250, 1000
  config.model, config.model_options = 'resnet', {'width': 8}
  config.norm_options = {'batch': {'momentum': 0.9, 'epsilon': 1e-5}, 'group': {'num_groups': 4}}
  config.optimizer_options = {'momentum': 0.9}
  config.epochs, config.eval_examples, config.eval_stats = 6, 250, 'running'
  if arg == 'smoke':
    config.name, config.references = 'cifar_group_norm-smoke', ()
    config.data.name = 'digits'
    config.data.train, config.data.validation, config.data.test = 200, 100, 0
    config.model_options = {'width': 4, 'blocks': (1,)}
    config.epochs, config.eval_examples = 1, 100
  return config


def get_hyper(hyper, arg=None):
  """Both norms and all seeds at every batch size, with the learning rate in proportion to it."""
  smoke = arg == 'smoke'
  batches, seeds = (BATCHES[::4], SEEDS[:2]) if smoke else (BATCHES, SEEDS)
  rates = hyper.sweep('learning_rate', [0.1 * size / 32 for size in batches])
  return hyper.product([
    hyper.sweep('norm', ('batch', 'group')),
    hyper.zipit([hyper.sweep('batch_size', batches), rates]),
    hyper.sweep('seed', seeds),
  ])  # fmt: skip
