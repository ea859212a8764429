"""The default sweep's trial as a PyTorch loop: same net, same steps, same optimizer."""

import torch
from torch import nn


class RMSNorm(nn.RMSNorm):
  """PyTorch's, with our epsilon."""

  def __init__(self, width: int):
    super().__init__(width, eps=1e-6)


NORMS = {
  'none': lambda width: nn.Identity(),
  'batch': lambda width: nn.BatchNorm1d(width, momentum=0.01),
  'layer': lambda width: nn.LayerNorm(width, eps=1e-6),
  'group': lambda width: nn.GroupNorm(8, width, eps=1e-6),
  'rms': RMSNorm,
  'weight': lambda width: nn.Identity(),
}


def net(norm: str, features=(64, 128, 128), classes: int = 10) -> nn.Sequential:
  """features[0] inputs, hidden layers, classes outputs."""
  wrap = nn.utils.parametrizations.weight_norm if norm == 'weight' else lambda layer: layer
  layers: list[nn.Module] = []
  for wide, width in zip(features, features[1:], strict=False):
    layers += [wrap(nn.Linear(wide, width)), NORMS[norm](width), nn.ReLU()]
  return nn.Sequential(*layers, wrap(nn.Linear(features[-1], classes)))


def train(norm: str, x, y, batch_size: int, steps: int, learning_rate: float = 0.02) -> float:
  """Some steps of one trial; the last loss."""
  model = net(norm)
  optimizer = torch.optim.SGD(model.parameters(), learning_rate, momentum=0.9)
  loss_of = nn.CrossEntropyLoss()
  rows = torch.randperm(len(y))
  for step in range(steps):
    take = rows[torch.arange(step * batch_size, (step + 1) * batch_size) % len(y)]
    loss = loss_of(model(x[take]), y[take])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
  return float(loss.detach())
