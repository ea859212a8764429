"""A figure per norm, made by running it: which entries share statistics, what becomes of them."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

import norms.linen  # noqa: E402

SHAPE = (4, 3, 4, 8)  # examples, height, width, channels
WATCHED = (1, 1, 1, 2)  # the entry of the output whose gradient is looked at
KERNEL, ENTRY = (6, 8), (2, 3)  # (inputs, features)
SMALL = {  # options that suit so small an input, and a scale at which a norm does something
  'group': {'num_groups': 4},
  'evonorm_s0': {'num_groups': 4},
  'ghost': {'ghost_size': 2},
  'local_response': {'size': 3, 'alpha': 1.0},
  'global_response': {'scale_init': nn.initializers.ones},
}


def built(row, shape=SHAPE):
  """(function(params, input) -> output, params, input); of a kernel's norm a kernel is put in."""
  key = jax.random.key(0)
  if row.kind == 'kernel':
    return _of_kernel(row, 0.5 + jax.random.normal(key, KERNEL))
  x = (2 + 3 * jax.random.normal(key, shape)).at[WATCHED].set(4.0)  # above thresholds
  options = SMALL.get(row.name, {}) if shape == SHAPE else {}
  if row.state:
    options = {**options, 'use_running_average': False}
  module = norms.linen.module(row)(**options)
  variables = dict(jax.jit(module.init)(key, x))
  params = variables.pop('params', {})

  def apply(params, x):
    return module.apply({'params': params, **variables}, x, mutable=list(variables))[0]

  return apply, params, x


def _of_kernel(row, kernel):
  module = norms.linen.module(row)(nn.Dense(KERNEL[1], use_bias=False))
  options = {'update_stats': True} if row.name == 'spectral' else {}
  eye = jnp.eye(KERNEL[0])  # the layer's output is then its normalised kernel
  variables = module.init(jax.random.key(0), eye, **options)
  mutable = [name for name in variables if name != 'params']

  def apply(variables, kernel):
    def place(path, leaf):
      return kernel if path[-1].key == 'kernel' else leaf

    changed = jax.tree.map_with_path(place, variables)
    return module.apply(changed, eye, mutable=mutable, **options)[0]

  return apply, variables, kernel


def outcome(row):
  """(input, output, which entries of the input one entry of the output depends on)."""
  function, params, x = built(row)
  at = ENTRY if row.kind == 'kernel' else WATCHED

  @jax.jit
  def both(x):
    return function(params, x), jax.grad(lambda x: function(params, x)[at])(x)

  z, gradient = map(np.asarray, both(x))
  return np.asarray(x), z, np.abs(gradient) > 1e-7 * np.abs(gradient).max()


def draw(row, path) -> str:
  """Writes the figure; returns its caption."""
  x, z, depends = outcome(row)
  kernel = row.kind == 'kernel'
  at = ENTRY if kernel else WATCHED
  # Each panel: positions (or inputs) down, channels (or features) across.
  panels = [depends] if kernel else [d.reshape(-1, SHAPE[-1]) for d in depends]
  mine = [at] if kernel else [None, (at[1] * SHAPE[2] + at[2], at[3]), None, None]
  figure, axes = plt.subplots(
    1,
    len(panels) + 1,
    figsize=(7.2, 2.1),
    width_ratios=[1] * len(panels) + [2.2 if kernel else 3.2],
  )
  for i, (axis, panel) in enumerate(zip(axes, panels, strict=False)):
    shown = panel.astype(float)
    if mine[i] is not None:
      shown[mine[i]] = 2
    axis.imshow(shown, cmap=matplotlib.colors.ListedColormap(['#eeeeee', '#6baed6', '#d95f02']),
                vmin=0, vmax=2, aspect='auto')  # fmt: skip
    axis.set_xticks([]), axis.set_yticks([])
    axis.set_title('kernel' if kernel else f'example {i + 1}', fontsize=8)
    axis.set_xlabel('features' if kernel else 'channels', fontsize=7)
  axes[0].set_ylabel('inputs' if kernel else 'positions', fontsize=7)
  last, names = axes[-1], ('before', 'after')
  bins = np.linspace(min(x.min(), z.min()), max(x.max(), z.max()), 30)
  for values, name, colour in zip((x, z), names, ('#999999', '#d95f02'), strict=True):
    last.hist(np.ravel(values), bins, histtype='stepfilled', alpha=0.6, color=colour, label=name)
  last.set_title(f'entries {names[0]} and {names[1]}', fontsize=8)
  last.legend(fontsize=7, frameon=False)
  last.tick_params(labelsize=7)
  for side in ('top', 'right'):
    last.spines[side].set_visible(False)
  figure.tight_layout()
  figure.savefig(path, dpi=130, metadata={'Software': None})
  plt.close(figure)
  what = 'the kernel' if kernel else 'the input'
  return (
    f'Left: the entries of {what} (blue) on which one normalised entry (orange) depends, found by '
    f'differentiating the norm itself. Right: {what} before and after.'
  )


def kept(row, shape=(64, 14, 14, 32)) -> float:
  """What its backward pass keeps, in arrays of the input's size, counted while it is traced."""
  function, params, x = built(row, shape)
  total = []

  def count(params, x):
    _, pull = jax.vjp(function, params, x)
    leaves = {id(leaf): leaf for leaf in jax.tree.leaves(pull)}
    total.append(sum(leaf.size * leaf.dtype.itemsize for leaf in leaves.values()))

  jax.eval_shape(count, params, x)
  return total[0] / x.nbytes
