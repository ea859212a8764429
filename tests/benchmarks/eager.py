"""Outside of compiled steps: what a call of a module costs, and the tracing of a net.

On values, every operation is a call of its own, and on small inputs a call costs more than its
arithmetic: so what is measured is how many calls a module makes, and the Python between them.
A net of layers of distinct widths is the worst case of tracing: no layer's trace serves another.
"""

from collections.abc import Callable, Mapping
import functools
from typing import Any

from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp

import norms.linen
import norms.nnx
from tests.benchmarks.timing import geometric_mean, interleaved

CALLS, TRACED = 1.2, 1.3  # times Flax's, at the most
WIDTHS = tuple(range(40, 136, 8))
POSITIONS = {'GroupNorm': (8, 4, 4, 64), 'InstanceNorm': (8, 4, 4, 64)}
# Of each row; its first word names the class.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
  'BatchNorm': {'use_running_average': False},
  'BatchNorm eval': {'use_running_average': True},
  'LayerNorm': {},
  'RMSNorm': {},
  'GroupNorm': {'num_groups': 8},
  'InstanceNorm': {},
}
LIBRARIES = {'linen': (norms.linen, nn), 'nnx': (norms.nnx, nnx)}
Pair = tuple[Callable[[], Any], Callable[[], Any]]


def _class(library, name: str):
  return getattr(library, name.split()[0])


def of_linen(library, name: str, x) -> Pair:
  """The forward pass, and the gradient of parameters and input."""
  module = _class(library, name)(**OPTIONS[name])
  variables = module.init(jax.random.key(0), x)

  def apply(params, x):
    return module.apply({**variables, 'params': params}, x, mutable=['batch_stats'])

  gradient = jax.grad(lambda params, x: jnp.sum(apply(params, x)[0]), (0, 1))
  params = variables['params']
  return lambda: apply(params, x), lambda: gradient(params, x)


def of_nnx(library, name: str, x) -> Pair:
  """The same of an nnx module."""
  module = _class(library, name)(x.shape[-1], **OPTIONS[name], rngs=nnx.Rngs(0))
  gradient = nnx.grad(lambda module, x: jnp.sum(module(x)), argnums=(0, 1))
  return lambda: module(x), lambda: gradient(module, x)


MAKE = {'linen': of_linen, 'nnx': of_nnx}


class Net(nn.Module):
  """Dense layers of distinct widths, a norm after each."""

  norm: Any

  @nn.compact
  def __call__(self, x):
    for width in WIDTHS:
      x = jnp.tanh(self.norm()(nn.Dense(width)(x)))
    return jnp.sum(x)


def linen_net(library, name: str, x):
  """Traces the gradient of such a net."""
  net = Net(functools.partial(_class(library, name), **OPTIONS[name]))
  variables = net.init(jax.random.key(0), x)

  def loss(params):
    return net.apply({**variables, 'params': params}, x, mutable=['batch_stats'])[0]

  return lambda: jax.jit(lambda params: jax.grad(loss)(params)).trace(variables['params'])


def nnx_net(library, name: str, x):
  """The same of nnx modules."""
  rngs, layers, before = nnx.Rngs(0), [], x.shape[-1]
  for width in WIDTHS:
    norm = _class(library, name)(width, **OPTIONS[name], rngs=rngs)
    layers += [nnx.Linear(before, width, rngs=rngs), norm, jnp.tanh]
    before = width
  graph, params, rest = nnx.split(nnx.Sequential(*layers), nnx.Param, ...)

  def loss(params):
    return jnp.sum(nnx.merge(graph, params, rest, copy=True)(x))

  return lambda: jax.jit(lambda params: jax.grad(loss)(params)).trace(params)


NETS = {'linen': linen_net, 'nnx': nnx_net}


def run(*, tiny: bool) -> None:
  """Prints a row per norm and kind of module, and what is over its bar."""
  rounds, repeats, traces = (1, 1, 1) if tiny else (25, 10, 5)
  over: list[str] = []
  print('a call on values, microseconds; small inputs: (64, 128), with positions (8, 4, 4, 64)')
  print(f'{"":15}{"":6}{"forward: ours":>15}{"Flax":>8}{"ratio":>7}{"gradient: ours":>17}'
        f'{"Flax":>8}{"ratio":>7}')  # fmt: skip
  ratios: dict[str, list[float]] = {'forward': [], 'gradient': []}
  for name in list(OPTIONS)[: 1 if tiny else None]:
    x = jax.random.normal(jax.random.key(0), POSITIONS.get(name, (64, 128)))
    for kind, libraries in LIBRARIES.items():
      pairs = [MAKE[kind](library, name, x) for library in libraries]
      cells = []
      for what, (ours, flaxs) in zip(ratios, zip(*pairs, strict=True), strict=True):
        mine, theirs = _seconds(ours, flaxs, rounds, repeats)
        ratios[what].append(mine / theirs)
        over += _over(f'{what} of {kind} {name}', mine / theirs, CALLS)
        cells.append(f'{mine * 1e6:{15 if what == "forward" else 17}.0f}{theirs * 1e6:8.0f}'
                     f'{mine / theirs:7.2f}')  # fmt: skip
      print(f'{name:15}{kind:6}{"".join(cells)}', flush=True)
  for what, values in ratios.items():
    print(f'{what}: {geometric_mean(values):.2f} times Flax (geometric mean)')
  print(f'\ntracing of jit(grad(net)), {len(WIDTHS)} layers of distinct widths, milliseconds')
  print(f'{"":21}{"ours":>9}{"Flax":>9}{"ratio":>7}')
  for name in list(OPTIONS)[: 1 if tiny else None]:
    for kind, libraries in LIBRARIES.items():
      ours, flaxs = (NETS[kind](library, name, jnp.ones((16, 4, 32))) for library in libraries)
      mine, theirs = _seconds(ours, flaxs, traces, 1, before=jax.clear_caches)
      over += _over(f'tracing of {kind} {name}', mine / theirs, TRACED)
      print(f'{name:15}{kind:6}{mine * 1e3:9.0f}{theirs * 1e3:9.0f}{mine / theirs:7.2f}',
            flush=True)  # fmt: skip
  if not tiny:
    print('\n' + ('\n'.join(over) or f'all within {CALLS} times Flax, tracing within {TRACED}'))


def _seconds(ours, flaxs, rounds: int, repeats: int, **options) -> tuple[float, float]:
  """Of a call of each, the least of rounds in which both take turns."""

  def several(f):
    return lambda: jax.block_until_ready([f() for _ in range(repeats)][-1])

  found = interleaved({'ours': several(ours), 'flax': several(flaxs)}, rounds, **options)
  return found['ours'] / repeats, found['flax'] / repeats


def _over(what: str, ratio: float, bar: float) -> list[str]:
  return [f'over the bar of {bar}: {what}, {ratio:.2f}'] if ratio > bar else []
