"""CIFAR-10, seven hidden layers: from which initial scales do nets train, with and without a norm?

Study D5. Question: how does the initial scale affect nets with and without batch norm, and why?
Reference: seven hidden layers of 50, weights scale * N(0,1) at 20 scales from 1e-4 to 1, 1000
training images, batch 50, learning rate 1e-3, SGD with momentum 0.9, 10 epochs, one run each. It
shows best training accuracy, best validation accuracy and final training loss (mean of the last
100 steps) against the scale, and finds the net without a norm dead below 1e-2 and overflowing near
1, while batch norm trains from 1e-4 on.
Expectation: see config.expectation. Why is recorded: before the first step and after each epoch a
probe of a batch's worth of training examples takes the root mean square of what each layer passes
on, and the gradient of each kernel; the report sets them against the scales at which nets train.
Data as in cifar_depth; the first 2000 test images decide who trained (all would take most of the
time, and tell no more). Seeds: 0 to 4, and 231, the reference's, from which our generator draws
other numbers. Both nets of a seed share their weights at every scale, up to the scale, and batches.
Cost: 240 trials of 200 steps in 2 groups.
Command: python train.py --config=configs/cifar_init_scale.py
A small one on digits as a stand-in, for CI:
python train.py --config=configs/cifar_init_scale.py:smoke
"""

from ml_collections import config_dict

from norms.lab import study

SCALES = tuple(10 ** (-4 + 4 * k / 19) for k in range(20))
SOURCE = 'study D5, fully connected nets on CIFAR-10, one run each'
SAYS = (
  'without a norm the net is dead below a weight scale of 1e-2 and overflows near 1; batch norm '
  'trains from 1e-4 on'
)


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The study, or `smoke`: digits in place of CIFAR-10, under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(f'configs/cifar_init_scale.py:{arg} is not known: use smoke, or nothing')
  config = study.defaults()
  config.name = 'cifar_init_scale'
  config.question = 'How does the initial scale affect nets with and without batch norm, and why?'
  config.expectation = (
    'Without a norm the net trains over about one decade of scales around the usual one, where '
    'activations neither die out nor blow up over seven layers; batch norm, which undoes the scale '
    'in every layer, over at least a decade more.'
  )
  below, near_one = {'weight_scale': {'to': 0.01}}, {'weight_scale': {'from': 0.75}}
  config.claims = (
    ('wider_range', {'asks': 'Does batch norm train over at least one decade more?',
                     'norm': 'batch', 'than': 'none', 'axis': 'weight_scale', 'by': 1.0}),
    ('fails', {'asks': 'Without a norm, is the net dead below 0.01?', 'norm': 'none', 'at': below}),
    ('fails', {'asks': 'And lost near 1?', 'norm': 'none', 'at': near_one}),
    ('trains', {'asks': 'Does batch norm train from 0.0001 on?', 'norm': 'batch'}),
    ('passes_on', {'asks': 'Why is it dead below 0.01: does its signal die out?',
                   'norm': 'none', 'at': below, 'most': 0.1}),
    ('passes_on', {'asks': 'Why is it lost near 1: does its signal blow up?',
                   'norm': 'none', 'at': near_one, 'least': 2.0}),
    ('passes_on', {'asks': 'Does batch norm keep the signal at every scale?',
                   'norm': 'batch', 'least': 0.5, 'most': 2.0}),
  )  # fmt: skip
  config.references = ({'says': SAYS, 'source': SOURCE},)
  config.data.name, config.data.train, config.data.validation = 'cifar10', 1000, 1000
  config.data.test = 2000
  config.data.normalize, config.data.layout = 'mean_image', 'flat_channels_first'
  config.model_options = {'features': (50,) * 7}
  config.norm_options = {'batch': {'momentum': 0.9, 'epsilon': 1e-5}}
  config.optimizer_options = {'momentum': 0.9}
  config.learning_rate, config.batch_size, config.epochs = 1e-3, 50, 10
  config.eval_stats, config.probe = 'running', 50
  config.sweep.norm = ('none', 'batch')
  config.sweep.weight_scale = SCALES
  config.sweep.seed = (231, 0, 1, 2, 3, 4)
  if arg == 'smoke':
    config.name, config.references = 'cifar_init_scale-smoke', ()
    config.data.name, config.data.train, config.data.validation = 'digits', 500, 100
    config.data.test = 0
    config.data.normalize, config.data.layout = 'standardise', 'flat'
    config.model_options = {'features': (8,) * 3}
    config.epochs, config.learning_rate = 2, 0.05
    config.sweep.weight_scale = SCALES[::6]
    config.sweep.seed = (231, 0)
  return config
