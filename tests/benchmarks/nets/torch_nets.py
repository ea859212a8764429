"""The ResNets and the decoder in PyTorch, of the same sizes; eager, in its usual loop.

Its threads are as many as it chooses. bfloat16 is its autocast's: parameters stay in float32.
"""

from collections.abc import Callable
import functools

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils import checkpoint

from tests.benchmarks.nets import decoder, net, resnet


class Block(nn.Module):
  """Of a ResNet."""

  def __init__(self, before: int, width: int, stride: int, norm: Callable):
    super().__init__()
    conv = functools.partial(nn.Conv2d, bias=False)
    self.conv1, self.norm1 = conv(before, width, 3, stride, padding=1), norm(width)
    self.conv2, self.norm2 = conv(width, width, 3, padding=1), norm(width)
    nn.init.zeros_(self.norm2.weight)
    self.short: nn.Module = nn.Identity()
    if (before, stride) != (width, 1):
      self.short = nn.Sequential(conv(before, width, 1, stride), norm(width))

  def forward(self, x):
    y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
    return F.relu(self.short(x) + y)


def _resnet(size, norm: Callable) -> tuple[nn.Module, tuple]:
  layers: list[nn.Module] = [nn.Conv2d(3, size.width, 7, 2, padding=3, bias=False)]
  layers += [norm(size.width), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
  before = size.width
  for i, blocks in enumerate(size.stages):
    for j in range(blocks):
      width = size.width * 2**i
      layers.append(Block(before, width, 2 if i and not j else 1, norm))
      before = width
  layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, size.classes)]
  last = {'memory_format': torch.channels_last}
  x = torch.randn(size.batch, 3, size.side, size.side).to(**last)
  return nn.Sequential(*layers).to(**last), (x, torch.randint(0, size.classes, (size.batch,)))


class RMSNorm(nn.RMSNorm):
  """Its scale in the dtype of its input, without which PyTorch has no fused one in bfloat16."""

  def forward(self, x):
    return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), decoder.EPSILON)


class Layer(nn.Module):
  """Of a decoder."""

  def __init__(self, size):
    super().__init__()
    dense = functools.partial(nn.Linear, bias=False)
    self.size, inner = size, size.heads * size.head
    self.norm1, self.norm2 = RMSNorm(size.width), RMSNorm(size.width)
    self.q, self.q_norm = dense(size.width, inner), RMSNorm(size.head)
    self.k, self.k_norm = dense(size.width, size.pairs * size.head), RMSNorm(size.head)
    self.v, self.out = dense(size.width, size.pairs * size.head), dense(inner, size.width)
    self.gate, self.up = dense(size.width, size.hidden), dense(size.width, size.hidden)
    self.down = dense(size.hidden, size.width)

  def forward(self, x, sin, cos):
    y = self.norm1(x)
    q, k, v = (f(y).unflatten(-1, (-1, self.size.head)) for f in (self.q, self.k, self.v))
    q, k = (_rotated(a, sin, cos).transpose(1, 2) for a in (self.q_norm(q), self.k_norm(k)))
    v = v.transpose(1, 2)
    y = F.scaled_dot_product_attention(q.to(v), k.to(v), v, is_causal=True, enable_gqa=True)
    x = x + self.out(y.transpose(1, 2).flatten(2))
    y = self.norm2(x)
    return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Decoder(nn.Module):
  """Each layer is computed again in the backward pass, as in ours."""

  def __init__(self, size):
    super().__init__()
    self.embed = nn.Embedding(size.vocabulary, size.width)
    self.layers = nn.ModuleList([Layer(size) for _ in range(size.layers)])
    self.norm = RMSNorm(size.width)
    rates = decoder.BASE ** -(torch.arange(0, size.head, 2) / size.head)
    self.angles = (torch.arange(size.length)[:, None] * rates)[:, None]

  def forward(self, inputs):
    x, sin, cos = self.embed(inputs), torch.sin(self.angles), torch.cos(self.angles)
    for layer in self.layers:
      x = checkpoint.checkpoint(layer, x, sin, cos, use_reentrant=False)
    return F.linear(self.norm(x), self.embed.weight).flatten(0, 1)


def _rotated(x, sin, cos):
  a, b = x.float().chunk(2, dim=-1)
  return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def step(name: str, dtype_name: str, tiny: bool) -> Callable[[], None] | None:
  """One training step of the net of this name; None where there is none."""
  if name == 'decoder':
    size = net.sizes(tiny, decoder.FULL, decoder.TINY)
    text = torch.randint(1, size.vocabulary, (size.batch, size.length + 1))
    model, (x, y) = Decoder(size), (text[:, :-1], text[:, 1:].flatten())
  elif name in ('resnet', 'group'):
    size = net.sizes(tiny, resnet.FULL, resnet.TINY)
    group = functools.partial(nn.GroupNorm, 4 if tiny else 32)
    model, (x, y) = _resnet(size, nn.BatchNorm2d if name == 'resnet' else group)
  else:
    return None
  optimizer = torch.optim.SGD(model.parameters(), net.LEARNING_RATE)

  def call():
    with torch.autocast('cpu', torch.bfloat16, enabled=dtype_name == 'bfloat16'):
      loss = F.cross_entropy(model(x).float(), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()

  return call
