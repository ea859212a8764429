"""Classes made from rows of the catalogue; promise 7 (tests/promises) is about their values."""

import inspect
import math
import pickle

import chex
from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
import modules
from modules import draw
import numpy as np
from promises import measure
import pytest

import norms
from norms.catalogue import Parameter, Row
import norms.linen
import norms.linen._src.derived
import norms.nnx
import norms.nnx._src.derived

X, KEY = draw(shape=(4, 5, 8)), jax.random.key(0)
BY_HAND = ('batch', 'layer', 'group', 'instance', 'rms', 'weight', 'spectral')
MADE = {n: row for n, row in norms.NORMS.items() if row.function and n not in BY_HAND}
ACTIVATIONS = [name for name, row in MADE.items() if row.kind == 'activation']
KERNELS = [name for name, row in MADE.items() if row.kind == 'kernel']
STATE = [name for name in ACTIVATIONS if MADE[name].state]
OPTIONS = {'evonorm_s0': {'num_groups': 4}, 'ghost': {'ghost_size': 2}}
LIBRARIES = pytest.mark.parametrize('library', ('linen', 'nnx'))

# The papers' initial values; some parameters are scalars or shares, the others have 8 entries.
STARTS = {
  'batch_renorm': {'scale': [1] * 8, 'bias': [0] * 8},
  'ghost': {'scale': [1] * 8, 'bias': [0] * 8},
  'mean_only': {'bias': [0] * 8},
  'positional': {},
  'unit': {},
  'scale': {'scale': math.sqrt(8)},
  'filter_response': {'scale': [1] * 8, 'bias': [0] * 8, 'threshold': [0] * 8},
  'global_response': {'scale': [0] * 8, 'bias': [0] * 8},
  'local_response': {},
  'switchable': {
    'scale': [1] * 8, 'bias': [0] * 8, 'mean_weights': [1] * 3, 'var_weights': [1] * 3,
  },
  'evonorm_b0': {'scale': [1] * 8, 'bias': [0] * 8, 'slope': [1] * 8},
  'evonorm_s0': {'scale': [1] * 8, 'bias': [0] * 8, 'slope': [1] * 8},
  'dyt': {'scale': [1] * 8, 'bias': [0] * 8, 'alpha': 0.5},
  'derf': {'scale': [1] * 8, 'bias': [0] * 8, 'alpha': 0.5, 'shift': 0},
}  # fmt: skip
KEPT = {
  'batch_renorm': {'mean', 'var'},
  'ghost': {'mean', 'var'},
  'mean_only': {'mean'},
  'switchable': {'mean', 'var'},
  'evonorm_b0': {'mean', 'var'},
}


def _linen(name, **options):
  state = {'use_running_average': False} if norms.NORMS[name].state else {}
  return norms.linen.module(norms.NORMS[name])(**{**state, **OPTIONS.get(name, {}), **options})


def _nnx(name, **options):
  options = {'rngs': nnx.Rngs(0), **OPTIONS.get(name, {}), **options}
  return norms.nnx.module(norms.NORMS[name])(8, **options)


def test_every_row_has_a_module_under_its_name():
  for library in (norms.linen, norms.nnx):
    for row in [*MADE.values(), *(norms.NORMS[name] for name in BY_HAND)]:
      found = getattr(library, row.class_name)
      assert found is library.module(row) and found.__name__ == row.class_name
      assert row.class_name in dir(library)
      assert pickle.loads(pickle.dumps(found)) is found
    with pytest.raises(AttributeError, match='Batchnorm'):
      library.Batchnorm  # noqa: B018


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_the_papers_first_values(name):
  params = _linen(name).init(KEY, X).get('params', {})
  assert params.keys() == STARTS[name].keys()
  module = _nnx(name)
  assert set(nnx.to_pure_dict(nnx.state(module, nnx.Param))) == set(STARTS[name])
  for which, expected in STARTS[name].items():
    for found in (params[which], getattr(module, which)[...]):
      measure.assert_same(found, np.asarray(expected, np.float32))


def test_filter_response_learns_an_epsilon_where_told_to():
  """The paper's option for few positions: without it z is near the sign of x."""
  x = jnp.asarray([[0.01, -3.0]])
  options = {'use_threshold': False, 'use_learnt_epsilon': True, 'epsilon': 0.0}
  linen = _linen('filter_response', **options)
  params = linen.init(KEY, x)['params']
  chex.assert_trees_all_equal(params['learnt_epsilon'], np.full(2, 1e-4, np.float32))
  made = norms.nnx.FilterResponseNorm(2, **options, rngs=nnx.Rngs(0))
  expected = x / np.sqrt(x**2 + 1e-4)
  for z in (linen.apply({'params': params}, x), made(x)):
    chex.assert_trees_all_close(z, expected, rtol=1e-6)
  plain = _linen('filter_response', **options | {'use_learnt_epsilon': False})
  chex.assert_trees_all_close(plain.apply({'params': params}, x), np.sign(x), rtol=1e-6)


@pytest.mark.parametrize('name', STATE)
def test_running_statistics_are_those_that_evaluation_needs(name):
  module = _linen(name)
  variables = module.init(KEY, X)
  assert set(variables['batch_stats']) == KEPT[name]
  assert all(np.all(s == (which == 'var')) for which, s in variables['batch_stats'].items())
  _, new = module.apply(variables, X, mutable=['batch_stats'])
  assert not any(np.any(s == (which == 'var')) for which, s in new['batch_stats'].items())
  assert set(nnx.to_pure_dict(nnx.state(_nnx(name), nnx.BatchStat))) == KEPT[name]


@pytest.mark.parametrize('name', [*ACTIVATIONS, *KERNELS])
def test_constructors_take_the_functions_options(name):
  """Constructors have the function's options and defaults, and Flax's dtype and param_dtype."""
  row, flaxs = MADE[name], {'dtype': None, 'param_dtype': jnp.float32}
  options = inspect.signature(row.function).parameters.values()
  known = {p.name: p.default for p in options if p.kind is p.KEYWORD_ONLY}
  known = {n: d for n, d in known.items() if n not in ('mask', 'training')} | flaxs
  for made in (norms.linen.module(row), norms.nnx.module(row).__init__):
    given = inspect.signature(made).parameters
    assert {n: given[n].default for n in known} == known
    assert row.function.__name__ in norms.linen.module(row).__doc__


@pytest.mark.parametrize('name', ('batch', 'layer', 'group', 'instance', 'rms'))
def test_what_is_made_from_flaxs_rows_is_what_is_written_by_hand(name):
  """Variables, values, statistics and gradients are equal to the bit."""
  row, ct = norms.NORMS[name], draw(1, shape=X.shape)
  options = {f'{which}_init': modules.NORMAL for which in row.parameters}
  options |= {'num_groups': 4} if name == 'group' else {}
  options |= {'use_running_average': False} if row.state else {}
  found = []
  for make in (norms.linen.module, norms.linen._src.derived.make_class):
    module = make(row)(**options)
    variables = module.init(KEY, X)
    found.append((variables, modules.run_linen(module, variables, X, ct)))
  for make in (norms.nnx.module, norms.nnx._src.derived.make_class):
    module = make(row)(8, **options, rngs=nnx.Rngs(0))
    found.append((nnx.to_pure_dict(nnx.state(module)), modules.run_nnx(module, X, ct)))
  linen, linen_made, by_hand, made = (jax.tree.map(modules.bits, pair) for pair in found)
  assert linen == linen_made and by_hand == made


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_dtypes_are_flaxs(name):
  """The result has dtype, or the promoted one; parameters param_dtype, statistics float32."""
  for x_dtype in (jnp.float32, jnp.bfloat16):
    for dtype in (None, jnp.bfloat16, jnp.float32):
      x, options = jnp.zeros(X.shape, x_dtype), {'dtype': dtype, 'param_dtype': jnp.bfloat16}
      y, variables = jax.eval_shape(_linen(name, **options).init_with_output, KEY, x)
      chex.assert_type(y, x_dtype if dtype is None else dtype)
      for collection, expected in (('params', jnp.bfloat16), ('batch_stats', jnp.float32)):
        chex.assert_type(jax.tree.leaves(variables.get(collection, {})), expected)
      module = _nnx(name, **options)
      y = jax.eval_shape(lambda x, m=module: nnx.merge(*nnx.split(m), copy=True)(x), x)
      # Flax's nnx promotes with the running statistics, which are float32.
      promoted = jnp.float32 if name in STATE else x_dtype
      chex.assert_type(y, promoted if dtype is None else dtype)


@pytest.mark.parametrize('name', [n for n in ACTIVATIONS if STARTS[n]])
def test_parameters_can_be_left_out_and_drawn_otherwise(name):
  for which in STARTS[name]:
    params = _linen(name, **{f'use_{which}': False}).init(KEY, X).get('params', {})
    assert set(params) == set(STARTS[name]) - {which}
    assert getattr(_nnx(name, **{f'use_{which}': False}), which) is None
    drawn = _linen(name, **{f'{which}_init': modules.NORMAL}).init(KEY, X)['params'][which]
    assert np.all(drawn != np.asarray(STARTS[name][which]))
    module = _nnx(name, **{f'{which}_metadata': {'origin': 'here'}})
    assert getattr(module, which).get_metadata()['origin'] == 'here'


@pytest.mark.parametrize('name', STATE)
def test_nnx_state_passes_through_jit_split_and_merge(name):
  """State passes through, and train, eval and views set the mode."""
  module, other = _nnx(name, momentum=0.5), _nnx(name, momentum=0.5)
  step = nnx.jit(lambda m, x: m(x))

  def kept(m):
    return nnx.to_pure_dict(nnx.state(m, nnx.BatchStat))

  graph, state = nnx.split(other)
  for seed in range(2):
    x = draw(seed, shape=X.shape)
    step(module, x)
    copy = nnx.merge(graph, state)
    copy(x)
    state = nnx.state(copy)
  modules.close(kept(nnx.merge(graph, state)), kept(module), 1e-5)
  before = kept(module)
  module.eval()
  measure.assert_same(module(X), module(X, use_running_average=True))
  assert jax.tree.map(modules.bits, kept(module)) == jax.tree.map(modules.bits, before)
  nnx.view(module, use_running_average=False)(X)
  assert jax.tree.map(modules.bits, kept(module)) != jax.tree.map(modules.bits, before)


@pytest.mark.parametrize('name', STATE)
def test_exact_options_leave_the_exact_statistics_and_normalise_by_them(name):
  """With a row's `exact` options, evaluation gives the output of training again."""
  row = norms.NORMS[name]
  module = _linen(name, momentum=0.0, **row.exact)
  params = module.init(KEY, X)
  y, stats = module.apply(params, X, mutable=['batch_stats'])
  exact = norms.batch_statistics(X)
  expected = {which: getattr(exact, which) for which in stats['batch_stats']}
  chex.assert_trees_all_close(stats['batch_stats'], expected, rtol=1e-6, atol=1e-6)
  evaluated = module.clone(use_running_average=None)
  z = evaluated.apply({**params, **stats}, X, use_running_average=True)
  chex.assert_trees_all_close(y, z, rtol=0, atol=1e-5)  # rounding of the kept statistics


@pytest.mark.parametrize('name', [n for n in STATE if 'axis_name' in MADE[n].settings])
def test_statistics_over_a_named_axis(name):
  """init needs no named axis; halves of a batch, mapped, have the whole batch's statistics."""
  module, whole = _linen(name, axis_name='half'), _linen(name)
  variables = module.init(KEY, X)

  def run(m, x):
    return m.apply(variables, x, mutable=['batch_stats'])

  halves = jax.vmap(lambda x: run(module, x), axis_name='half')(X.reshape(2, 2, 5, 8))
  y, stats = run(whole, X)
  chex.assert_trees_all_close(halves[0].reshape(X.shape), y, rtol=0, atol=1e-5)
  modules.close(jax.tree.map(lambda s: s[1], halves[1]), stats, 1e-5)


@LIBRARIES
def test_an_option_may_change_from_call_to_call(library):
  """Batch renorm's r_max and d_max, which the paper raises as training goes on."""
  if library == 'linen':
    bound = _linen('batch_renorm').bind(_linen('batch_renorm').init(KEY, X), mutable=True)
    free = jax.jit(lambda r: bound(X, r_max=r, d_max=5 * (r - 1)))
  else:
    run = nnx.jit(lambda m, r: m(X, r_max=r, d_max=5 * (r - 1)))

    def free(r):
      return run(_nnx('batch_renorm'), r)

  chex.assert_trees_all_close(free(1.0), norms.batch_norm(X)[0], rtol=0, atol=1e-5)
  assert not np.allclose(free(3.0), norms.batch_norm(X)[0], atol=1e-2)


@LIBRARIES
def test_positional_norm_hands_its_moments_on_where_told_to(library):
  make = _linen if library == 'linen' else _nnx
  y, found = ((m.bind({}) if library == 'linen' else m)(X) for m in
              (make('positional'), make('positional', return_moments=True)))  # fmt: skip
  expected = norms.positional_norm(X)
  assert jax.tree.map(modules.bits, found) == jax.tree.map(modules.bits, expected)
  assert modules.bits(y) == modules.bits(expected[0])


@pytest.mark.parametrize('name', KERNELS)
def test_a_wrapped_layer_sees_the_standardised_kernel(name):
  """Kernel and gain train through it; biases are not normalised."""
  row, x = norms.NORMS[name], draw(shape=(20, 6))
  linen = norms.linen.module(row)(nn.Dense(3, bias_init=modules.NORMAL))
  variables = linen.init(KEY, x)
  layer = variables['params']['layer_instance']
  w = row.function(layer['kernel'])
  chex.assert_trees_all_close(linen.apply(variables, x), x @ w + layer['bias'], rtol=0, atol=1e-4)
  gradients = jax.grad(lambda v: jnp.sum(jnp.sin(linen.apply(v, x))))(variables)
  assert all(np.any(g != 0) for g in jax.tree.leaves(gradients))

  rngs = nnx.Rngs(0)
  module = norms.nnx.module(row)(nnx.Linear(6, 3, rngs=rngs), rngs=rngs)
  kernel, bias = (getattr(module.layer_instance, n)[...] for n in ('kernel', 'bias'))
  y = nnx.jit(lambda m, x: m(x))(module, x)
  chex.assert_trees_all_close(y, x @ row.function(kernel) + bias, rtol=0, atol=1e-4)
  measure.assert_same(module.layer_instance.kernel[...], kernel)
  gradients = nnx.to_pure_dict(nnx.grad(lambda m: jnp.sum(jnp.sin(m(x))))(module))
  assert all(np.any(g != 0) for g in jax.tree.leaves(gradients))


def test_which_kernels_are_normalised():
  module = norms.linen.WeightStandardization(nn.Dense(3), variable_filter={'nothing'})
  variables = module.init(KEY, X)
  plain = nn.Dense(3).apply({'params': variables['params']['layer_instance']}, X)
  chex.assert_trees_all_equal(module.apply(variables, X), plain)
  gains = norms.nnx.ScaledWeightStandardization(
    nnx.MultiHeadAttention(2, 8, decode=False, rngs=nnx.Rngs(0)), axis=(-2, -1), rngs=nnx.Rngs(0),
    variable_filter=nnx.PathContains('query'),
  )  # fmt: skip
  assert {path[0] for path in gains.gain} == {'query'}


def _max(x, scale=None, *, epsilon=1e-6):
  y = x / (jnp.max(jnp.abs(x), -1, keepdims=True) + epsilon)
  return y if scale is None else y * scale


WRONG = {
  'no-such-parameter': lambda: Row('max', 'activation', _max, parameters={'bias': Parameter(0)}),
  'no-function': lambda: norms.linen.module(norms.NORMS['none']),
  'no-such-option': lambda: norms.nnx.DyT(8, epsilon=1e-3, rngs=nnx.Rngs(0)),
  'no-rngs': lambda: norms.nnx.DyT(8),
  'no-such-option-of-linen': lambda: norms.linen.DyT(epsilon=1e-3),
  'other-features': lambda: norms.nnx.DyT(5, rngs=nnx.Rngs(0))(X),
  'a-mask-where-there-is-no-statistic': lambda: norms.nnx.DyT(8, rngs=nnx.Rngs(0))(X, mask=X > 0),
  'nobody-says-train-or-not': lambda: _nnx('ghost', use_running_average=None)(X),
  'ghosts-do-not-divide': lambda: _linen('ghost', ghost_size=3).init(KEY, X),
}
SAYS = {
  'no-such-parameter': "'bias'.*takes x, scale, epsilon",
  'no-function': "norm 'none' has no function",
  'no-such-option': 'DyT: got an unexpected keyword argument .epsilon',
  'no-rngs': 'DyT: missing a required argument: .rngs',
  'no-such-option-of-linen': 'epsilon',
  'other-features': 'num_features=5.*num_features=8',
  'a-mask-where-there-is-no-statistic': 'mask',
  'nobody-says-train-or-not': 'GhostBatchNorm: use_running_average is None',
  'ghosts-do-not-divide': 'ghost_size=3',
}


@pytest.mark.parametrize('wrong', WRONG)
def test_errors_name_what_is_wrong(wrong):
  with pytest.raises((ValueError, TypeError), match=SAYS[wrong]):
    WRONG[wrong]()


def test_a_row_without_a_name_for_its_module_is_called_after_its_function():
  row = Row('max', 'activation', _max, parameters={'scale': Parameter(2)})
  assert norms.linen.module(row) is norms.linen.module(row)
  y, variables = norms.linen.module(row)(epsilon=1.0).init_with_output(KEY, X)
  chex.assert_trees_all_equal(variables['params']['scale'], 2)
  chex.assert_trees_all_equal(y, _max(X, jnp.full(8, 2.0), epsilon=1.0))
  chex.assert_trees_all_equal(norms.nnx.module(row)(8, epsilon=1.0, rngs=nnx.Rngs(0))(X), y)
