"""Promise 2: the gradient, four ways, and derivatives of second order.

In float64 on unit-scale inputs the rule, plain autodiff of the formula and the hand-derived
formulas differ by rounding (1e-12), and centred differences by theirs (1e-8). On nasty float32
inputs the rule stays at float32's own error, where plain autodiff of float32 loses all digits. In
16 bits it is rounded once, at the end.
"""

import functools

import chex
import jax
import jax.numpy as jnp
from jax.test_util import check_grads
import numpy as np

from promises import formula, measure
from promises.measure import representative

EXACT, DIFFERENCES = 1e-12, 1e-8
STEP = 1e-5


def check_plain_and_analytic(row):
  with jax.enable_x64(True):
    x, params, ct = measure.case(row, dtype='float64')
    _, ours = measure.ours(row, x, params, ct)
  _, plain = measure.plain(row, x, params, ct)
  analytic = [gradient(x, ct, **params, epsilon=row.epsilon) for gradient in row.gradients]
  chex.assert_type(list(ours.values()), np.float64)
  for expected in (plain, *analytic):
    measure.assert_near_relatively(ours, expected, EXACT, 'a gradient')


def check_differences(row):
  """The gradient is that of centred differences of the oracle, entry by entry."""
  with jax.enable_x64(True):
    x, params, ct = measure.case(row, dtype='float64')
    _, ours = measure.ours(row, x, params, ct)
  slopes = {
    name: np.reshape([_slope(row, x, params, ct, name, i) for i in range(a.size)], a.shape)
    for name, a in {'x': x, **params}.items()
  }
  measure.assert_near_relatively(ours, slopes, DIFFERENCES, 'a gradient')


def _slope(row, x, params, ct, name, i):
  def loss(step):
    moved = {k: np.array(a) for k, a in {'x': x, **params}.items()}
    moved[name].flat[i] += step
    return np.sum(ct * row.plain(moved.pop('x'), moved))

  return (loss(STEP) - loss(-STEP)) / (2 * STEP)


def check_second_order(orders, row):
  """The Hessian of <ct, z> times a direction, by forward and reverse mode in some order."""
  with jax.enable_x64(True):
    x, params, ct = measure.case(row, dtype='float64')
    direction = measure.draw(seed=4, dtype='float64'), jax.tree.map(np.ones_like, params)
    arguments = (x, params), direction, ct
    ours = [hessian_times(row.call, order, *arguments) for order in orders]
    plain = hessian_times(measure.plain_function(row), 'forward-reverse', *arguments)
  # Relative to the part of x: where z is linear in a parameter, its own part is rounding.
  bound = 1e-11 * np.linalg.norm(plain[0])

  def off(a, b):
    return float(np.linalg.norm(a - b))

  for order, found in zip(orders, ours, strict=True):
    chex.assert_trees_all_equal_comparator(
      lambda a, b: off(a, b) <= bound,
      lambda a, b: f'off by {off(a, b):.2e}, more than {bound:.2e}',
      found,
      plain,
      custom_message=order,
    )


ORDERS = ('forward-reverse', 'reverse-forward', 'reverse-reverse')


@functools.partial(jax.jit, static_argnums=(0, 1))
def hessian_times(f, order, at, direction, ct):
  def loss(at):
    return jnp.sum(ct * f(*at))

  if order == 'forward-reverse':
    return jax.jvp(jax.grad(loss), (at,), (direction,))[1]
  if order == 'reverse-forward':
    return jax.grad(lambda at: jax.jvp(loss, (at,), (direction,))[1])(at)

  def slopes(at):
    return jax.tree.map(jnp.vdot, jax.grad(loss)(at), direction)

  return jax.grad(lambda at: jax.tree.reduce(jnp.add, slopes(at)))(at)


def check_by_differences(row):
  """jax.test_util.check_grads passes, in forward and reverse mode, to second order."""
  with jax.enable_x64(True):
    x, params, _ = measure.case(row, shape=(2, 3, 4), dtype='float64')
    # These are differences of differences, hence 1e-6; a wrong term would be off by 0.1.
    check_grads(jax.jit(row.call), (x, params), order=2, modes=('fwd', 'rev'), atol=1e-6, rtol=1e-6)


def check_nasty(name, row):
  x, params, ct = measure.case(row, name=name)
  _, ours = measure.ours(row, x, params, ct)
  z, plain = measure.plain(row, x, params, ct)
  # Gradients are sums that may cancel: an ulp of their terms is allowed, however small the sum.
  size = max(np.max(np.abs(x)), float(jnp.finfo('float32').tiny))
  term = 1e-7 * np.max(np.abs(ct)) * np.max(np.abs(z)) / size
  terms = {**dict.fromkeys(params, 1e-7 * np.linalg.norm(ct)), 'x': term}
  floors = {parameter: formula.floor_of(row, name) + size for parameter, size in terms.items()}
  measure.assert_near(ours, plain, formula.FLOAT32, 'gradient of ', floors)


def check_coarse(dtype, row):
  """16-bit gradients are right to one ulp of the largest entry, as they are rounded once."""
  arguments = row, *measure.case(row, dtype=dtype)
  (_, ours), (_, plain) = measure.ours(*arguments), measure.plain(*arguments)
  measure.assert_near(ours, plain, float(jnp.finfo(dtype).eps), 'gradient of ')


def _always(row):
  return True


def _full(row):
  return not row.variant


PROMISES = (
  ('gradient-plain-analytic', check_plain_and_analytic, _always),
  ('gradient-differences', check_differences, lambda row: not row.stops),
  ('gradient-second-order', functools.partial(check_second_order, ORDERS[:1]), _full),
  ('gradient-hessian-orders', functools.partial(check_second_order, ORDERS[1:]), representative),
  ('slow-hessian-orders', functools.partial(check_second_order, ORDERS[1:]), _full),
  ('slow-check-grads', check_by_differences, lambda row: _full(row) and not row.stops),
  *(
    (f'gradient-{n}', functools.partial(check_nasty, n), lambda row, n=n: n not in row.skip)
    for n in measure.NASTY
  ),
  *((f'gradient-{d}', functools.partial(check_coarse, d), _full) for d in ('bfloat16', 'float16')),
)
