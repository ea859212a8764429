"""Which normalisation trains where? 450 small nets on real data.

Question: over which batch sizes and initial scales does each normalisation train a plain
multilayer perceptron, and where does the choice matter?
Expectation: see config.expectation; config.claims holds it against the records.
Data: scikit-learn's digits (1442 training and 355 test images of 8x8). One learning rate for all.
Weight norm starts with g = ||v||, so at every scale as the same net without it.
Design: fewer than five seeds decide no claim, so there are five, on five scales a decade apart and
three batch sizes: the ends of the range and the usual 64. A finer grid of three seeds would cost as
much and only describe.
Cost: 450 trials in 18 groups, the batch sizes of a norm compiled together; a minute on two cores.
Command: python train.py --config=configs/sweep.py
A small one, for CI: python train.py --config=configs/sweep.py:smoke
"""

from ml_collections import config_dict

from norms.lab import study

SCALES = (0.01, 0.1, 1.0, 10.0, 100.0)


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The full sweep, or `smoke`: a small one under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(
      f'configs/sweep.py:{arg} is not known: use smoke, or nothing for the full sweep'
    )
  config = study.defaults()
  config.name = 'sweep'
  config.question = 'Which normalisation trains where: at which batch sizes and initial scales?'
  config.expectation = (
    'Without a norm the net trains only near the usual scale; batch or layer norm widens the '
    'range. Layer norm depends less on the batch size than batch norm. Weight norm only changes '
    'coordinates and does not widen the range.'
  )
  usual = {'init_scale': 1.0, 'batch_size': 64}
  config.claims = (
    ('wider_range', {
      'norm': 'batch', 'than': 'none',
      'asks': 'Does batch norm train over a wider range of scales than no norm?',
    }),
    ('wider_range', {
      'norm': 'layer', 'than': 'none', 'asks': 'Does layer norm train over a wider range, too?',
    }),
    ('wider_range', {
      'norm': 'weight', 'than': 'none', 'expects': 'refuted',
      'asks': 'And does weight norm train over a wider range?',
    }),
    ('fails', {
      'norm': 'none', 'at': {'init_scale': SCALES[0]},
      'asks': 'At the smallest scale, is the net with no norm lost?',
    }),
    ('depends_less', {
      'norm': 'layer', 'than': 'batch', 'axis': 'batch_size',
      'asks': 'Does layer norm depend less on the batch size than batch norm?',
    }),
    ('beats', {
      'norm': 'batch', 'than': 'none', 'at': usual,
      'asks': 'From the usual start, is batch norm ahead of no norm?',
    }),
    ('ranking', {
      'best': 'layer', 'at': usual, 'asks': 'From the usual start, is layer norm the best of all?',
    }),
  )  # fmt: skip
  config.model_options = {'features': (128, 128)}
  config.norm_options = {'group': {'num_groups': 8}}
  config.optimizer_options = {'momentum': 0.9}
  config.learning_rate = 0.02
  config.epochs = 10
  config.sweep.norm = ('none', 'batch', 'layer', 'group', 'rms', 'weight')
  config.sweep.batch_size = (4, 64, 256)
  config.sweep.init_scale = SCALES
  config.sweep.seed = (0, 1, 2, 3, 4)
  if arg == 'smoke':
    config.name = 'sweep-smoke'
    config.epochs = 2
    config.sweep.norm = ('none', 'batch', 'layer')
    config.sweep.batch_size = (64, 256)
    config.sweep.init_scale = (0.1, 1.0)
    config.sweep.seed = (0, 1)
  return config
