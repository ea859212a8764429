"""Parity over training: do networks with our norms and with other libraries' learn the same?

Study E. Question: the same CNN from the same initial values on the same batches, with our batch,
layer and weight norm and with Flax's, Keras's (JAX backend) and TensorFlow's: how far apart are the
accuracy curves, and how do gamma and beta drift apart?
Reference: own batch and layer norm against TensorFlow's: the curves differ by less than 0.01, the
difference of gamma and beta grows slowly. Its first attempt left gamma and beta untrained and
differed much: 'untrained' is that fault, and the study must show it. Its section on weight norm is
empty.
Two layer norms: over the last axis ('layer'), as TensorFlow's, and over all features of an example
('layer (H,W,C)'), the reference's formula, which is a group norm of one group.
Ours, Flax's and Keras's run in the lab's own program; TensorFlow's (Keras layers, backend
TensorFlow) in a loop of its own (norms/lab/peers/tensorflow_loop.py) on arrays handed to it.
Expectation: see config.expectation.
Size: the first 6400 training images of Fashion-MNIST, 3 epochs (300 steps), all test images:
rounding has grown to its full size by then, and 90 trainings, 20 in TensorFlow, fit two cores.
Learning rate: one at which rounding grows over some hundred steps. At 0.02 a ReLU or a maximum that
falls the other way makes any two programs part within 40 steps, ours and Flax's too.
Seed 2612 is the reference's; four more give intervals.
Needs: pip install -e ".[peers]"; a library that is not installed is left out, with a line.
Command: python train.py --config=configs/parity_drift.py
A small one on digits as a stand-in, for CI: python train.py --config=configs/parity_drift.py:smoke
"""

from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The study, or `smoke`: a small one under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(f'configs/parity_drift.py:{arg} is not known: use smoke, or nothing')
  config = config_dict.ConfigDict()
  config.kind = 'parity_drift'
  config.name = 'parity_drift'
  config.question = (
    "Do networks with our norms and with Flax's, Keras's and TensorFlow's learn the same, and how "
    'do gamma and beta drift apart?'
  )
  config.expectation = (
    'Accuracy curves differ by less than 0.01. Gamma and beta agree to rounding at first and drift '
    'apart slowly, as rounding grows. Left untrained, they differ much from the first steps on.'
  )
  config.reference = (
    'own batch and layer norm against those of TensorFlow: accuracy curves differ by less than '
    '0.01, the difference of gamma and beta grows slowly'
  )
  config.families = ('batch', 'layer', 'layer (H,W,C)', 'weight')
  config.libraries = ('norms', 'linen', 'keras', 'tensorflow', 'untrained')
  config.seeds = (2612, 2613, 2614, 2615, 2616)
  config.data = config_dict.ConfigDict(
    {'name': 'fashion_mnist', 'layout': 'image', 'train': 6_400, 'manual_dir': ''}
  )
  config.model = 'cnn'
  config.model_options = config_dict.ConfigDict({'channels': (16, 32, 32), 'dense': ()})
  config.optimizer = 'sgd'
  config.optimizer_options = config_dict.ConfigDict({'momentum': 0.9})
  config.learning_rate = 0.005
  config.batch_size = 64
  config.epochs = 3
  config.epsilon = 1e-5  # of all norms of activations
  if arg == 'smoke':
    config.name = 'parity_drift-smoke'
    config.seeds = (2612, 2613)
    config.data.name, config.data.train = 'digits', 640
    config.model_options.channels = (4, 8)
    config.epochs, config.learning_rate = 2, 0.02
  return config
