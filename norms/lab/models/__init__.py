"""Networks whose norm is an argument: a factory(norm, classes, **options) gives a linen module.

Kernels of the lab's own models are zero: the lab draws them, by layer index, from the seed alone
(`initial` in lab/engine/training.py). Nothing else is drawn before the first step either, so one
template serves every seed. What dropout drops is of the trial's seed and the step.
"""

from collections.abc import Callable, Mapping
import inspect

import flax.linen as nn

from norms import catalogue
from norms.lab import trial
from norms.lab.models import cnn, decoder, mlp, resnet, vit
from norms.lab.models.activations import ACTIVATIONS as ACTIVATIONS
from norms.lab.models.norm import Norm as Norm
from norms.lab.values import Settings

MODELS: Mapping[str, Callable] = {
  'mlp': mlp.mlp, 'cnn': cnn.cnn, 'resnet': resnet.resnet, 'vit': vit.vit,
  'decoder': decoder.decoder,
}  # fmt: skip


def factory(name: str, options: Settings) -> Callable[[Norm, int], nn.Module]:
  """(norm, classes) -> module, for a name of MODELS or a user's package.module:factory.

  A user's factory takes norm= and classes= (a linen class with these fields does), and the
  config's model_options; its module is called as module(x, train).
  """
  make = (
    catalogue.load(name, 'model') if ':' in name else MODELS[trial.one_of('model', name, MODELS)]
  )
  if not callable(make):
    raise ValueError(f'model {name!r} is a {type(make).__name__}: name a linen class or a function')
  parameters = inspect.signature(make).parameters
  if not any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
    for given in ('norm', 'classes'):
      if given not in parameters:
        raise ValueError(f'model {name!r} takes no {given}=: give it norm= and classes=')
    for given in options:
      trial.one_of(f'model_options key of {name}', given, list(parameters))
  return lambda norm, classes: make(norm=norm, classes=classes, **options)
