"""The lab's cnn with batch norm: a training step, in a compiled loop, against PyTorch's.

Once with every core for one step, and once with one core: what a step of the lab has, which runs
as many groups side by side as there are cores. Each in a process of its own, whose cores are
counted before the libraries start; ours and PyTorch's take turns in it.
"""

import contextlib
import os
import subprocess
import sys

BATCH, IMAGES = 64, 2048


def run(*, tiny: bool) -> None:
  """Prints milliseconds per step and the ratio, for all cores and for one."""
  cores = sorted(os.sched_getaffinity(0))
  print(f'cnn, 16/32/32 channels, batch norm, {BATCH} images of 28x28x1, SGD with momentum')
  for count in sorted({1, len(cores)}, reverse=True):
    code = f'from tests.benchmarks import cnn; cnn.compare({count}, tiny={tiny})'
    done = subprocess.run(
      [sys.executable, '-c', code], check=True, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, end='')


def compare(cores: int, *, tiny: bool) -> None:
  """Prints ours and PyTorch's on so many cores."""
  os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
  from tests.benchmarks.timing import interleaved

  steps, rounds = (2, 1) if tiny else (50, 10)
  calls = {'ours': _ours(steps)}
  with contextlib.suppress(ImportError):
    calls['torch'] = _torch(steps, cores)
  each = {who: seconds / steps * 1e3 for who, seconds in interleaved(calls, rounds).items()}
  line = ', '.join(f'{who} {ms:.2f} ms' for who, ms in each.items())
  ratio = f', PyTorch/ours {each["torch"] / each["ours"]:.2f}' if 'torch' in each else ''
  print(f'{cores} cores: {line} a step{ratio}', flush=True)


def _ours(steps: int):
  """Some steps of a trial, as the lab takes them."""
  import jax
  import numpy as np

  from norms.lab import study
  from norms.lab.data import Split
  from norms.lab.engine import starting, training

  made = study.defaults()
  made.name, made.model, made.norm, made.optimizer_options = (
    'cnn',
    'cnn',
    'batch',
    {'momentum': 0.9},
  )
  made.batch_size = BATCH
  (trial,) = study.from_config(made).trials
  setup, hyper = training.TrainSetup.of(trial.static, 10), trial.hyper | {'seed': 0}
  draw = np.random.default_rng(0)
  data = Split(
    draw.normal(size=(IMAGES, 28, 28, 1)).astype(np.float32), draw.integers(0, 10, IMAGES)
  )
  data = jax.device_put(data)
  order = jax.device_put(draw.integers(0, IMAGES, (steps, BATCH)))
  variables = setup.train.init(jax.random.key(0), data.x[:1], train=True)
  drawn = draw.normal(size=starting.kernel_size(variables['params'])).astype(np.float32)
  state = starting.initial(setup, variables, drawn, hyper)

  @jax.jit
  def loop(state, data, order):
    def body(state, rows):
      return training.step(setup, state, jax.tree.map(lambda a: a[rows], data), hyper)

    return jax.lax.scan(body, state, order)

  return lambda: jax.block_until_ready(loop(state, data, order))


def _torch(steps: int, threads: int):
  """As many of the same net, in PyTorch's usual loop."""
  import torch
  from torch import nn

  torch.set_num_threads(threads)
  layers: list[nn.Module] = []
  for before, channels in ((1, 16), (16, 32), (32, 32)):
    conv = nn.Conv2d(before, channels, 3, padding=1)
    layers += [conv, nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2)]
  dense = (nn.Flatten(), nn.Linear(288, 64), nn.ReLU(), nn.Linear(64, 10))
  last = {'memory_format': torch.channels_last}
  net = nn.Sequential(*layers, *dense).to(**last)
  x, y = torch.randn(IMAGES, 1, 28, 28).to(**last), torch.randint(0, 10, (IMAGES,))
  order = torch.randint(0, IMAGES, (steps, BATCH))
  optimizer, loss_of = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9), nn.CrossEntropyLoss()

  def loop():
    for rows in order:
      loss = loss_of(net(x[rows]), y[rows])
      optimizer.zero_grad(set_to_none=True)
      loss.backward()
      optimizer.step()

  return loop
