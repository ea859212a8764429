"""Promise 7: function, linen module and nnx module agree to the bit, in training and evaluation."""

import functools
import math

from flax import nnx
import flax.linen as nn
import jax
import modules
import numpy as np

import norms
import norms.linen
import norms.nnx
from promises import measure, states

# Options that Flax calls by other names than the function.
_FLAXS = {'weight': {'axis': 'feature_axes', 'g': 'scale'}}


def _known(row):
  return norms.NORMS[row.norm]


def _options(row):
  """Those options of the row that are fields of a module."""
  options = {'momentum': 0.8, **row.options, **row.drawn(measure.SHAPE)}
  return {name: value for name, value in options.items() if name in _known(row).settings}


def _features(row):
  axes = _known(row).feature_axes(3, {**_known(row).settings, **_options(row)})
  return [measure.SHAPE[a] for a in axes]


def _given(row):
  """The arguments of both constructors: options, and which parameters the row has."""
  used = {f'use_{name}': name in row.params for name in _known(row).parameters}
  return {**_options(row), **used}


def _stats(row, x):
  """Running statistics that a module keeps, none of them at its initial value."""
  if not _known(row).state:
    return {}
  held = states.initial(row, x.dtype if np.iscomplexobj(x) else 'float32')
  stats = {'mean': held.mean, 'var': held.var}
  return {name: stats[name] for name in _known(row).keeps}


def _pure(row, x, params, ct, training, call):
  """Output, kept statistics and gradients of the function; run_linen and run_nnx say the same."""
  stats = _stats(row, x)
  if stats:
    start = {'mean': np.zeros(_features(row), 'f4'), 'var': np.ones(_features(row), 'f4')}
    call = {**call, 'batch_stats': norms.BatchStats(**{**start, **stats}), 'training': training}

  def apply(params, x):
    found = row.function(x, **params, **_options(row), **call)
    return (found[0], found[1]) if isinstance(found, tuple) else (found, None)

  y, pull, new = jax.vjp(apply, params, x, has_aux=True)
  dparams, dx = pull(ct.astype(y.dtype))
  return y, {name: getattr(new, name) for name in stats}, {'x': dx, **dparams}


def by_linen(row, x, params, ct, training, call):
  call = {**call, 'use_running_average': not training} if _known(row).state else call
  module = norms.linen.module(_known(row))(**_given(row))
  variables = {'params': params, 'batch_stats': _stats(row, x)}
  return modules.run_linen(module, variables, x, ct, **call)


def by_nnx(row, x, params, ct, training, call):
  call = {**call, 'use_running_average': not training} if _known(row).state else call
  number = math.prod(_features(row))
  dtype = {'param_dtype': x.dtype} if np.iscomplexobj(x) and _known(row).state else {}
  module = norms.nnx.module(_known(row))(number, **_given(row), **dtype, rngs=nnx.Rngs(0))
  for name, value in {**params, **_stats(row, x)}.items():
    variable = getattr(module, name)
    variable[...] = value.reshape(variable.shape)
  y, new, gradients = modules.run_nnx(module, x, ct, **call)
  shapes = {'x': x.shape, **{name: p.shape for name, p in params.items()}}
  return (
    y,
    {name: s.reshape(_features(row)) for name, s in new.items()},
    {name: g.reshape(shapes[name]) for name, g in gradients.items()},
  )


def _assert_same(found, expected, what):
  for which, a, b in zip(('z', 'statistics', 'gradients'), found, expected, strict=True):
    measure.assert_same(a, b, f'{what}: {which}')


def check_activation(training, row):
  """The three agree without a mask, and with one where the norm takes one."""
  x, params, ct = measure.case(row)
  params = {name: jax.numpy.asarray(p) for name, p in params.items()}
  for call in ({}, {'mask': measure.scattered(x.shape)})[: 2 if row.masked else 1]:
    expected = _pure(row, x, params, ct, training, call)
    _assert_same(by_linen(row, x, params, ct, training, call), expected, 'linen')
    _assert_same(by_nnx(row, x, params, ct, training, call), expected, 'nnx')


class _Linen(nn.Module):
  """A layer whose output is its kernel."""

  @nn.compact
  def __call__(self, x):
    return self.param('kernel', nn.initializers.zeros, x.shape)


class _Nnx(nnx.Module):
  def __init__(self, kernel):
    self.kernel = nnx.Param(kernel)

  def __call__(self, x):
    return self.kernel[...]


def check_kernel(row):
  """The three agree on kernels, read through layers that return their kernel."""
  w, params, ct = measure.case(row)

  def renamed(given):
    return {_FLAXS.get(row.norm, {}).get(n, n): v for n, v in given.items()}

  w, params, options = jax.numpy.asarray(w), renamed(params), renamed(_options(row))
  expected = _pure(row, w, measure.parameters(row), ct, True, {})

  held = {f'layer_instance/kernel/{name}': p for name, p in params.items()}
  variables = {'params': {'layer_instance': {'kernel': w}, **held}}
  linen = norms.linen.module(_known(row))(_Linen(), **options)
  y, _, gradients = modules.run_linen(linen, variables, w, ct)
  found = [gradients['layer_instance']['kernel'], *(gradients[name] for name in held)]
  _assert_same((y, {}, found), (*expected[:2], list(expected[2].values())), 'linen')

  module = norms.nnx.module(_known(row))(_Nnx(w), **options, rngs=nnx.Rngs(0))
  attribute = {'scale': 'scales'} if row.norm == 'weight' else {}
  for name, p in params.items():
    getattr(module, attribute.get(name, name))[('kernel',)][...] = p
  y, _, gradients = modules.run_nnx(module, w, ct)
  learnt = (gradients[attribute.get(name, name)][('kernel',)] for name in params)
  found = [gradients['layer_instance']['kernel'], *learnt]
  _assert_same((y, {}, found), (*expected[:2], list(expected[2].values())), 'nnx')


def _is(kind):
  # Spectral norm keeps u and sigma as variables, so tests/test_wrappers.py has its own test.
  return lambda row: _known(row).kind == kind and row.norm != 'spectral'


def _evaluates(row):
  return _known(row).state


PROMISES = (
  ('modules-training', functools.partial(check_activation, True), _is('activation')),
  ('modules-evaluation', functools.partial(check_activation, False), _evaluates),
  ('modules-kernel', check_kernel, _is('kernel')),
)
