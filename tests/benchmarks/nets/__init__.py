"""Whole models, each with the norms of a library of one's choice.

from tests.benchmarks.nets import NETS
step, args = NETS['resnet'].make('ours', jnp.float32, tiny=True)
params, state, loss = jax.jit(step)(*args)

In the place of 'ours': 'flax', 'none' (no norms), or anything that has Flax's classes.
"""

from tests.benchmarks.nets import convnext, decoder, resnet, translation, vit
from tests.benchmarks.nets.net import Net as Net

NETS = {
  'resnet': Net('linen', resnet.batch),
  'group': Net('linen', resnet.group),
  'lm1b': Net('linen', translation.lm1b),
  'wmt': Net('linen', translation.wmt),
  'vit': Net('nnx', vit.build),
  'convnext': Net('nnx', convnext.build),
  'decoder': Net('linen', decoder.build),
}
