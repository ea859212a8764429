"""PyTorch's norms, which the library's are measured beside."""

import contextlib
import math

import jax.numpy as jnp

from tests.benchmarks.timing import interleaved


def milliseconds(name, shape, dtype, rounds: int) -> float | None:
  """Of PyTorch's forward and backward, outside of a loop: it has none to compile."""
  with contextlib.suppress(ImportError):
    import torch
    from torch.nn import functional as F

    kind = torch.float32 if dtype == jnp.float32 else torch.bfloat16
    channels = shape[-1]
    x = torch.randn(shape, dtype=kind, requires_grad=True)
    scale, bias = (
      torch.ones(channels, requires_grad=True),
      torch.zeros(channels, requires_grad=True),
    )

    def first(a):  # channels last in memory, second in shape
      return a.movedim(-1, 1)

    forward = {
      'batch': lambda: F.batch_norm(first(x), None, None, scale, bias, training=True),
      'layer': lambda: F.layer_norm(x, shape[-1:], scale.to(kind), bias.to(kind)),
      'rms': lambda: F.rms_norm(x, shape[-1:], scale.to(kind)),
      'group': lambda: F.group_norm(first(x), 32, scale.to(kind), bias.to(kind)),
      'instance': lambda: F.instance_norm(first(x), None, None, scale.to(kind), bias.to(kind)),
    }[name]
    cotangent = torch.randn_like(forward())

    def call():
      x.grad = scale.grad = bias.grad = None
      forward().backward(cotangent)

    steps = max(1, min(50, int(1e7 / math.prod(shape))))
    calls = {'torch': lambda: [call() for _ in range(steps)]}
    return interleaved(calls, rounds)['torch'] / steps * 1e3
  return None
