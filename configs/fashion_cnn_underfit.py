"""Fashion-MNIST, the run that did not train: beside it, the same CNN trained.

Study B. Question: can a net in which nothing was learnt say anything about normalisation?
Reference: every variant (none, batch, layer, weight; own and TensorFlow's) scored 0.0718 on the
test images, below the 0.10 of chance. It concluded that normalisation does not help a simple model.
Here: the CNN of study A twice, at its learning rate and at one of 1e-8, at which no weight moves. A
trial trained if its test accuracy beats guessing (binomial test, p < 0.001) and that of the same
net before training (McNemar's test, p < 0.001). Both are needed: single nets with random weights
score from 0.03 to 0.2, a few of them far above chance, by luck, and are then no better than before.
Expectation: see config.expectation. What the reference's setting was, it does not say.
Subset: the first 12 000 training images and 3 epochs, since whether anything is learnt shows at
once; all 10 000 test images. Five seeds.
Cost: 40 trials of 279 steps.
Command: python train.py --config=configs/fashion_cnn_underfit.py
A small one on digits as a stand-in, for CI:
python train.py --config=configs/fashion_cnn_underfit.py:smoke
"""

from ml_collections import config_dict

from norms.lab import study

NORMS = ('none', 'batch', 'layer', 'weight')
DEAD, USUAL = 1e-8, 4e-3
SOURCE = 'study B, a CNN on Fashion-MNIST that did not train, one run each'


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The study, or `smoke`: digits in place of Fashion-MNIST, under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(f'configs/fashion_cnn_underfit.py:{arg} is not known: use smoke, or nothing')
  config = study.defaults()
  config.name = 'fashion_cnn_underfit'
  config.question = 'Can a net in which nothing was learnt say anything about normalisation?'
  config.expectation = (
    'At a learning rate of 1e-8 nothing trains, whatever the norm, and no conclusion follows; at '
    'the usual one every norm trains.'
  )
  config.claims = (
    *(('fails', {'asks': ask('Is it true that nothing was learnt at 1e-8?', norm), 'norm': norm,
                 'at': {'learning_rate': DEAD}}) for norm in NORMS),
    *(('trains', {'asks': ask('Does the same CNN train at the usual rate?', norm), 'norm': norm,
                  'at': {'learning_rate': USUAL}}) for norm in NORMS),
    ('beats', {'asks': 'Does batch norm help this model, once it trains?', 'norm': 'batch',
               'than': 'none', 'at': {'learning_rate': USUAL}}),
  )  # fmt: skip
  config.references = tuple(references())
  config.data.name, config.data.layout, config.data.train = 'fashion_mnist', 'image', 12_000
  config.model, config.model_options = 'cnn', {'channels': (8, 16), 'dense': (64,)}
  config.optimizer = 'adam'
  config.batch_size, config.epochs = 128, 3
  config.eval_examples = 5_000
  config.sweep.norm = NORMS
  config.sweep.learning_rate = (DEAD, USUAL)
  config.sweep.seed = (0, 1, 2, 3, 4)
  if arg == 'smoke':
    config.name, config.references = 'fashion_cnn_underfit-smoke', ()
    config.data.name, config.data.train = 'digits', 0
    config.model_options = {'channels': (4, 8), 'dense': (16,)}
    config.sweep.seed = (0, 1)
  return config


def ask(question, norm):
  """The question, once for all norms."""
  return question if norm == NORMS[0] else ''


def references():
  """The one figure of all variants."""
  for norm in NORMS:
    yield {'name': 'test accuracy', 'column': 'test_accuracy',
           'at': {'norm': norm, 'learning_rate': DEAD}, 'values': {-1: 0.0718},
           'source': SOURCE}  # fmt: skip
  yield {'name': "mean absolute difference of own outputs from TensorFlow's",
         'see': 'results/parity', 'at': {'norm': 'batch'}, 'values': {-1: 4.4569155e-08},
         'source': SOURCE}  # fmt: skip
  yield {'says': 'normalisation does not help a simple model (from nets that had learnt nothing)'}
