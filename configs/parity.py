"""Do our norms agree with other libraries', and who is nearer to the exact value?

Question: per norm and library, how far apart are outputs, gradients and parameters after ten
optimiser steps on unit-scale input in float32; and how large is each library's error against the
formula in float64 on nasty inputs, in float32, bfloat16 and float16, forward and gradient?
Reference: STUDIES A, whose own layers were 4.3e-8 (batch) and 4.1e-8 (layer) from TensorFlow's. Its
sizes are not given. The more entries a statistic is of, the farther a library's own rounding takes
it: outputs are compared at the size of an image and of a dense layer.
Expectation: see config.expectation. Known differences (defaults of epsilon and momentum, biased or
unbiased running variance, order of casts and of arithmetic) are data in
norms/lab/peers/differences.py, held by tests/lab/test_peers.py and printed beside the figures.
Needs: pip install -e ".[peers]"; a library that is not installed is left out, with a line.
Cost: 51 units, one norm of one library each, and about ten compilations in each that is on JAX.
Command: python train.py --config=configs/parity.py
A small one, for CI: python train.py --config=configs/parity.py:smoke
"""

from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The full comparison, or `smoke`: a small one under a name of its own."""
  if arg not in (None, '', 'smoke'):
    raise ValueError(
      f'configs/parity.py:{arg} is not known: use smoke, or nothing for the full comparison'
    )
  config = config_dict.ConfigDict()
  config.kind = 'parity'
  config.name = 'parity'
  config.question = (
    "Do our norms agree with other libraries', forward, backward and in training; and whose error "
    'against the formula in float64 is smaller, on easy and on nasty inputs?'
  )
  config.expectation = (
    'Outputs of fresh layers agree within 5e-8 on average (the rounding of one float32), gradients '
    'within 1e-6 of their largest entry. Where our error is above 2 ulp, no library has less than '
    'half of it; none of our rows holds a NaN for finite input.'
  )
  config.peers = (
    'linen', 'nnx', 'keras', 'haiku', 'equinox', 'pytorch', 'tensorflow',
  )  # fmt: skip
  config.norms = ('batch', 'layer', 'rms', 'group', 'instance', 'weight', 'spectral')
  config.shape = (16, 8, 8, 32)
  config.dense = (64, 128)
  config.groups = 4
  config.steps = 10
  config.seed = 0
  config.draws = 5  # of each named input, whose largest errors are averaged
  config.dtypes = ('float32', 'bfloat16', 'float16')
  config.inputs = ()  # by name; none: all of norms.lab.parity.cases
  if arg == 'smoke':
    config.name = 'parity-smoke'
    config.norms = ('batch', 'layer', 'weight')
    config.shape, config.dense = (4, 3, 3, 8), (8, 16)
    config.draws, config.dtypes = 2, ('float32', 'bfloat16')
    config.inputs = ('unit', 'offset 1e4', 'constant')
  return config
