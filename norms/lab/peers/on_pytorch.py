"""Differentiates and optimises PyTorch's norms."""

from collections.abc import Callable

import ml_dtypes  # noqa: F401  # gives NumPy the name bfloat16
import numpy as np
import torch

from norms.lab.peers.case import MOMENTUM, RATE, Case, Result
from norms.lab.values import Settings


def tensor(a: np.ndarray, trained: bool = False) -> torch.Tensor:
  """A tensor of its own, of the array's dtype."""
  wide = torch.from_numpy(np.array(a, np.float32))  # exact: no array here is wider
  return wide.to(getattr(torch, a.dtype.name)).requires_grad_(trained)


def array(t: torch.Tensor) -> np.ndarray:
  """The array of a tensor, of its dtype."""
  name = str(t.dtype).removeprefix('torch.')
  return t.detach().float().numpy().astype(np.dtype(name))


def evaluate(function: Callable, case: Case, options: Settings) -> Result:
  """The output and the gradients."""
  parameters = {name: tensor(a, trained=True) for name, a in case.parameters.items()}
  z = function(**parameters, **options)
  gradients = torch.autograd.grad(z, list(parameters.values()), tensor(case.cotangent).to(z.dtype))
  return Result(array(z), dict(zip(parameters, map(array, gradients), strict=True)))


def train(
  function: Callable, case: Case, target: np.ndarray, steps: int, options: Settings
) -> dict[str, np.ndarray]:
  """The parameters after some steps."""
  parameters = {name: tensor(a, trained=True) for name, a in case.parameters.items()}
  optimizer = torch.optim.SGD(parameters.values(), RATE, momentum=MOMENTUM)
  goal = tensor(target)
  for _ in range(steps):
    distance = function(**parameters, **options) - goal
    loss = distance.square().sum() / (2 * distance.numel() / distance.shape[-1])
    # PyTorch adds gradients up over calls, unless they are cleared.
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
  return {name: array(t) for name, t in parameters.items()}
