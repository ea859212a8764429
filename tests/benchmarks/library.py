"""The norms: forward and backward in a compiled loop against Flax's formulas and PyTorch.

Inside one lax.scan, as in training, so that buffers are reused; with a random cotangent, since with
a constant one XLA simplifies the work away; z and the gradients are all used. In the first loop z
and dx go into the next x at once, and the cotangent stays, so that XLA takes its sum out of the
loop on both sides. In the second, the columns "written", z is the next x and dx is added to the
cotangent: as in a net, both are written down, and nothing is left out. The columns
"call" are of one jitted call of forward and backward, outside of any loop, where XLA:CPU's large
buffers are new at each call.

Beside them two ceilings, measured in the same run: a loop that reads x and writes it ("copy"), and
one that multiplies x, as a matrix, with a vector ("product": x is read, little is written). "share"
is that of a copy's bandwidth: x and the cotangent read once, z and dx written once, over the time
of a step that is written. The device is whichever JAX finds.
"""

import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

import norms
from tests.benchmarks import torch_norms
from tests.benchmarks.timing import geometric_mean, interleaved

ROWS = (
  ('batch', (128, 28, 28, 32)), ('batch', (64, 28, 28, 16)), ('batch', (64, 14, 14, 32)),
  ('batch', (256, 1024)), ('batch', (64, 128)), ('layer', (4096, 1024)), ('layer', (8192, 768)),
  ('layer', (64, 196, 192)), ('layer', (512, 128)), ('layer', (64, 128)),
  ('group', (64, 56, 56, 64)), ('instance', (64, 28, 28, 32)), ('rms', (8192, 768)),
)  # fmt: skip
MODULES = {
  'batch': functools.partial(nn.BatchNorm, use_running_average=False),
  'layer': nn.LayerNorm,
  'group': nn.GroupNorm,
  'instance': nn.InstanceNorm,
  'rms': nn.RMSNorm,
}

GROUPS = ('batch', 'instance', 'group'), ('layer', 'rms')


def ours(name: str, x, scale, bias):
  """Our pure function, running statistics kept as Flax keeps them."""
  if name == 'batch':
    stats = norms.BatchStats(jnp.zeros(scale.shape), jnp.ones(scale.shape))
    return norms.batch_norm(x, scale, bias, stats)
  if name == 'rms':
    return norms.rms_norm(x, scale), None
  return norms.NORMS[name].function(x, scale, bias), None


def flaxes(name: str, x, scale, bias):
  """Flax's module on the same parameters."""
  params = {'scale': scale} if name == 'rms' else {'scale': scale, 'bias': bias}
  stats = {'mean': jnp.zeros(scale.shape), 'var': jnp.ones(scale.shape)}
  state = {'batch_stats': stats} if name == 'batch' else {}
  return MODULES[name]().apply({'params': params, **state}, x, mutable=['batch_stats'])


def loop(norm, steps: int, *, written: bool = False):
  """Some steps of forward and backward, each of which depends on the one before."""

  def body(carry, _):
    x, scale, bias, cotangent = carry
    z, pull, stats = jax.vjp(norm, x, scale, bias, has_aux=True)
    dx, dscale, dbias = pull(cotangent)
    tiny = jnp.asarray(1e-6, x.dtype)
    used = sum(jnp.sum(leaf) for leaf in jax.tree.leaves(stats)) * 1e-9
    if written:
      x, cotangent = x + tiny * z, cotangent + tiny * dx.astype(x.dtype)
    else:
      x = x + tiny * (dx + z).astype(x.dtype)
    return (x, scale + 1e-6 * dscale + used, bias + 1e-6 * dbias, cotangent), None

  return jax.jit(lambda carry: jax.lax.scan(body, carry, None, length=steps)[0])


def one_call(norm):
  """A step of the loop by itself."""

  def call(x, scale, bias, cotangent):
    z, pull, stats = jax.vjp(norm, x, scale, bias, has_aux=True)
    return z, stats, pull(cotangent)

  return jax.jit(call)


def ceilings(shape, dtype, steps: int):
  """Loops over x that only read and write it, and that only multiply it with a vector."""
  x, vector = inputs(shape, dtype)[0].reshape(-1, shape[-1]), jnp.ones(shape[-1:], dtype)

  def product(v, _):
    return v + 1e-9 * jnp.sum(x @ v).astype(dtype), None

  copy = jax.jit(lambda x: jax.lax.scan(lambda x, _: (x + 1, None), x, None, length=steps)[0])
  multiply = jax.jit(lambda v: jax.lax.scan(product, v, None, length=steps)[0])
  return {'copy': lambda: jax.block_until_ready(copy(x)),
          'product': lambda: jax.block_until_ready(multiply(vector))}  # fmt: skip


def inputs(shape, dtype):
  """Random input, parameters and cotangent."""
  keys = jax.random.split(jax.random.key(0), 4)
  x = jax.random.normal(keys[0], shape, dtype)
  scale = 1 + 0.1 * jax.random.normal(keys[1], shape[-1:])
  return x, scale, jax.random.normal(keys[2], shape[-1:]), jax.random.normal(keys[3], shape, dtype)


def run(*, tiny: bool) -> None:
  """Prints a row per norm, shape and dtype, then the geometric means."""
  print(f'{jax.devices()[0].device_kind}; milliseconds of forward and backward')
  print(f'{"":38}{"loop: ours, Flax, Flax/ours":>29}{"torch/ours":>11}'
        f'{"written: ours, Flax, Flax/ours":>32}{"call: ours, Flax, Flax/ours":>30}'
        f'{"copy":>9}{"product":>9}{"share":>7}')  # fmt: skip
  ratios: dict[str, dict[tuple[str, tuple[int, ...]], float]] = {}
  for name, shape in ROWS[4:5] if tiny else ROWS:
    for dtype in (jnp.float32, jnp.bfloat16):
      steps = 2 if tiny else max(3, min(2000, int(3e7 / math.prod(shape))))
      rounds = 1 if tiny else 7
      torch_ms = torch_norms.milliseconds(name, shape, dtype, rounds)
      cells, limits = _times(name, shape, dtype, steps, rounds)
      for kind, ms in cells.items():
        key = f'{kind}, {jnp.dtype(dtype).name}'
        ratios.setdefault(key, {})[name, shape] = ms['flax'] / ms['ours']
      text = [f'{ms["ours"]:11.4f}{ms["flax"]:9.4f}{ms["flax"] / ms["ours"]:9.2f}'
              for ms in cells.values()]  # fmt: skip
      against = 'n/a' if torch_ms is None else f'{torch_ms / cells["loop"]["ours"]:.2f}'
      share = 2 * limits['copy'] / cells['written']['ours']
      print(f'{name:9}{shape!s:20}{jnp.dtype(dtype).name:9}{text[0]}{against:>11}{text[1]:>32}'
            f'{text[2]:>30}{limits["copy"]:9.4f}{limits["product"]:9.4f}{share:7.0%}',
            flush=True)  # fmt: skip
  for kind, found in ratios.items():
    _summary(found, kind)


def _times(name, shape, dtype, steps: int, rounds: int):
  """Milliseconds of a step by kind, ours and Flax's; and of the ceilings."""

  def cast(f):
    return lambda x, s, b: (lambda z, aux: (z.astype(dtype), aux))(*f(name, x, s, b))

  args, repeats = inputs(shape, dtype), min(steps, 50)
  calls: dict[Any, Any] = dict(ceilings(shape, dtype, steps))
  for who, f in (('ours', ours), ('flax', flaxes)):
    for kind, written in (('loop', False), ('written', True)):
      looped = loop(cast(f), steps, written=written)
      calls[kind, who] = lambda f=looped: jax.block_until_ready(f(args))
    one = one_call(cast(f))
    calls['call', who] = lambda f=one: [jax.block_until_ready(f(*args)) for _ in range(repeats)]
  ms = {
    key: seconds * 1e3 / (repeats if key[0] == 'call' else steps)
    for key, seconds in interleaved(calls, rounds).items()
  }
  cells = {kind: {who: ms[kind, who] for who in ('ours', 'flax')}
           for kind in ('loop', 'written', 'call')}  # fmt: skip
  return cells, {limit: ms[limit] for limit in ('copy', 'product')}


def _summary(ratios: dict, kind: str) -> None:
  """Geometric means of each norm and each group, and what is slower, with its cause."""
  names = list(dict.fromkeys(name for name, _ in ratios))
  for group in (*((name,) for name in names), *GROUPS, tuple(MODULES)):
    values = [ratio for (name, _), ratio in ratios.items() if name in group]
    if set(group) <= set(names):
      means = f'{geometric_mean(values):.2f} times as fast as Flax'
      print(f'{kind}: {", ".join(group)}: {means} (geometric mean)')
  for (name, shape), ratio in ratios.items():
    if ratio < 1:
      print(f'{kind}: slower than Flax: {name} {shape}, {ratio:.2f}')
