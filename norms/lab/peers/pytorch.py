"""PyTorch's norms: channels second, contiguous forward and backward.

Not a matter of speed alone: in 2.13 the gradient of the instance norm of a single example is wrong
where the cotangent lies channels last.
"""

import torch
from torch import nn
from torch.func import functional_call
import torch.nn.functional as F
from torch.nn.utils import parametrizations

from norms.lab.peers.case import drop_none


def batch(x, scale, bias, *, epsilon=None):
  """torch.nn.functional.batch_norm."""
  options = {'training': True, **drop_none(eps=epsilon)}
  return _channels_last(F.batch_norm(_channels_second(x), None, None, scale, bias, **options))


def layer(x, scale, bias, *, epsilon=None):
  """torch.nn.functional.layer_norm."""
  return F.layer_norm(x, x.shape[-1:], scale, bias, **drop_none(eps=epsilon))


def rms(x, scale, *, epsilon=None):
  """torch.nn.functional.rms_norm."""
  return F.rms_norm(x, x.shape[-1:], scale, **drop_none(eps=epsilon))


def group(x, scale, bias, *, epsilon=None, groups=None):
  """torch.nn.functional.group_norm."""
  z = F.group_norm(_channels_second(x), groups, scale, bias, **drop_none(eps=epsilon))
  return _channels_last(z)


def instance(x, scale, bias, *, epsilon=None):
  """torch.nn.functional.instance_norm."""
  z = F.instance_norm(_channels_second(x), weight=scale, bias=bias, **drop_none(eps=epsilon))
  return _channels_last(z)


def weight(x, scale):
  """torch.nn.utils.parametrizations.weight_norm of a Linear layer's weight."""
  wrapped = parametrizations.weight_norm(_linear(x))
  return _weight(wrapped, {'original0': scale[:, None], 'original1': x.T})


def spectral(x, *, steps=None, epsilon=None):
  """torch.nn.utils.parametrizations.spectral_norm of a Linear layer's weight."""
  torch.manual_seed(0)  # draws u, which many steps forget
  options = drop_none(n_power_iterations=steps, eps=epsilon)
  wrapped = parametrizations.spectral_norm(_linear(x), **options)
  return _weight(wrapped, {'original': x.T})


def running(batches, momentum=None):
  """The running statistics of BatchNorm2d, whose momentum is the share of the new batch."""
  norm, share = None, None if momentum is None else 1 - momentum
  for x in batches:
    norm = norm or nn.BatchNorm2d(x.shape[-1], **drop_none(momentum=share))
    norm(_channels_second(torch.from_numpy(x)))
  return {'mean': norm.running_mean.numpy(), 'var': norm.running_var.numpy()}


def _channels_second(x):
  return x.movedim(-1, 1).contiguous()


def _channels_last(z):
  if z.requires_grad:
    z.register_hook(torch.Tensor.contiguous)  # of the cotangent, before the norm's backward
  return z.movedim(1, -1)


def _linear(x):
  layer = nn.Linear(*x.shape, bias=False, dtype=x.dtype)
  with torch.no_grad():
    layer.weight.copy_(x.T)
  return layer


def _weight(wrapped, originals):
  """The layer's weight with these parameters, as an identity matrix shows it."""
  parameters = {f'parametrizations.weight.{name}': t for name, t in originals.items()}
  eye = torch.eye(wrapped.in_features, dtype=wrapped.weight.dtype)
  return functional_call(wrapped, parameters, (eye,))
