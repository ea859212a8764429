"""Breaks the library and the lab one line at a time and asks the tests to notice.

    python tests/mutants.py [part of a mutant's name ...]

Each mutant is applied to a copy of the library in a temporary folder, and the tests named beside
it run there. A survivor is a missing test: exit status 1.
"""

from collections.abc import Sequence
import itertools
import os
import pathlib
import re
import shutil
import sys
import tempfile
from typing import NamedTuple

import forks

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Mutant(NamedTuple):
  """`old` becomes `new` in a file of the library; `tests` is what pytest -k gets.

  within: the tests' files, where these are not the usual ones: to collect all takes its time.
  """

  name: str
  file: str
  old: str
  new: str
  tests: str
  within: tuple[str, ...] = ()


MUTANTS = (
  Mutant(
    'epsilon outside the root', '_src/moments.py',
    'rstd = lax.rsqrt(guarded)',
    'rstd = 1 / (jnp.sqrt(var) + r.epsilon)',
    'batch-formula-unit',
  ),
  Mutant(
    'N - 1 for N', '_src/moments.py',
    'var = reduction.mean(r, count, square(d))',
    'var = reduction.mean(r, count - 1, square(d))',
    'batch-formula-unit',
  ),
  Mutant(
    'mask ignored by the count', 'reduction.py',
    'jnp.broadcast_to(True if mask is None else mask, x.shape)',
    'jnp.broadcast_to(True, x.shape)',
    'batch-mask-oracle',
  ),
  Mutant(
    'mask ignored by the statistics', '_src/moments.py',
    'd = convert(zero_masked(mask, x), compute_dtype(x))',
    'd = convert(x, compute_dtype(x))',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the variance', '_src/moments.py',
    'else zero_masked(mask, sub(d, shift))',
    'else sub(d, shift)',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the value', '_src/moments.py',
    'else zero_masked(mask, sub(d, stats.drift))',
    'else sub(d, stats.drift)',
    'batch-mask',
  ),
  Mutant(
    "mask ignored by the tangent's sums", '_src/tangent.py',
    '  dx = zero_masked(mask, convert(dx, q.dtype))\n  r =',
    '  dx = convert(dx, q.dtype)\n  r =',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the tangent', '_src/tangent.py',
    'mul(stats.rstd, zero_masked(mask, convert(dx, q.dtype)))',
    'mul(stats.rstd, convert(dx, q.dtype))',
    'rms-mask',
  ),
  Mutant(
    'mask ignored by the mean in the tangent', '_src/tangent.py',
    'dy if constant is None else zero_masked(mask, add(dy, constant))',
    'dy if constant is None else add(dy, constant)',
    'layer-mask',
  ),
  Mutant(
    'mask ignored by the mean in the tangent of d', '_src/tangent.py',
    'reduction.affine(zero_masked(mask, dz), None, dbias)',
    'reduction.affine(dz, None, dbias)',
    'batch-mask',
  ),
  Mutant(
    'dropped dscale of y', '_src/tangent.py',
    'dz if dscale is None else add(dz, reduction.affine(q, dscale, None))',
    'dz',
    'layer-gradient-unit',
  ),
  Mutant(
    'dropped y <y dx> of y', '_src/tangent.py',
    'dy = reduction.affine(q, q_factor, dx)',
    'dy = dx',
    'layer-gradient-unit',
  ),
  Mutant(
    'dropped scale of dy', '_src/tangent.py',
    'dz = reduction.affine(dy, scale, None)',
    'dz = dy',
    'layer-gradient-unit',
  ),
  Mutant(
    'mask by multiplication', '_src/axes.py',
    'select(mask, a, lax.full_like(a, 0))',
    'select(mask, a, 0 * a)',
    'batch-mask-nothing-leaks',
  ),
  Mutant(
    'an empty mask moves the running statistics', '_src/running.py',
    'any_entry = lax.gt(n, n.dtype.type(0))',
    'any_entry = lax.ge(n, n.dtype.type(0))',
    'batch-state-empty-batch',
  ),
  Mutant(
    'one empty feature moves its running statistics', '_src/running.py',
    'any_entry = lax.gt(n, n.dtype.type(0))',
    'any_entry = jnp.any(n > 0)',
    'batch-two-axes-state',
  ),
  Mutant(
    "a running variance's root in its own dtype", 'evonorm.py',
    'running_var = arithmetic.to_compute_dtype(stats.var)',
    'running_var = stats.var',
    'a_running_variance_in_bfloat16', within=('edge_inputs',),
  ),
  Mutant(
    "an epsilon of switchable norm that underflows", 'mixed.py',
    'divisor = reduction.deviation(var, epsilon, unit)',
    'divisor = jnp.sqrt(var + epsilon / unit / unit)',
    'switchable_norm_of_equal_entries', within=('edge_inputs',),
  ),
  Mutant(
    'an epsilon that underflows', 'reduction.py',
    'return jnp.where(equal, jnp.sqrt(epsilon) / unit, jnp.sqrt(jnp.where(equal, 1, var + rest)))',
    'return jnp.sqrt(var + rest)',
    'an_instance_without_deviation', within=('edge_inputs',),
  ),
  Mutant(
    'a real u for a complex kernel', 'kernels.py',
    'return jnp.promote_types(dtype, jnp.complex64) if jnp.iscomplexobj(w) else dtype',
    'return dtype',
    'modules_draw_a_complex_u', within=('spectral_norm',),
  ),
  Mutant(
    'a real input by a complex mean', '_src/running.py',
    'if jnp.iscomplexobj(stats.mean) and not jnp.iscomplexobj(x):',
    'if False:',
    'a_real_input_is_not_evaluated', within=('running',),
  ),
  Mutant(
    'swapped momentum', '_src/running.py',
    'old_weight, new_weight, count = momentum, 1 - momentum, running.count',
    'old_weight, new_weight, count = 1 - momentum, momentum, running.count',
    'batch-state-update',
  ),
  Mutant(
    'unweighted synchronisation', '_src/moments.py',
    'share = counts / jnp.maximum(count, 1)',
    'share = 1 / r.devices',
    'batch-devices-vmap',
  ),
  Mutant(
    'a device without entries counted', '_src/moments.py',
    'distance = jnp.where(counts > 0, sum(means[1:], means[0] - shift), 0)',
    'distance = sum(means[1:], means[0] - shift)',
    'batch-eight',
  ),
  Mutant(
    "devices' means taken for one", '_src/moments.py',
    'share * (variances + square(distance - drift))',
    'share * variances',
    'batch-devices-vmap',
  ),
  Mutant(
    "rounding left in the devices' mean", '_src/moments.py',
    'drift = jnp.sum(share * distance, 0)',
    'drift = 0 * shift',
    'batch-eight',
  ),
  Mutant(
    "devices' drifts forgotten", '_src/moments.py',
    'sum(means[1:], means[0] - shift)',
    'means[0] - shift',
    'batch-eight',
  ),
  Mutant(
    'not centred: devices unweighted', '_src/moments.py',
    'return count, None, None, jnp.sum(share * variances, 0)',
    'return count, None, None, jnp.mean(variances, 0)',
    'rms-devices',
  ),
  Mutant(
    'all devices in one place', 'reduction.py',
    '== lax.axis_index(r.axis_name)',
    '== 0 * lax.axis_index(r.axis_name)',
    'batch-devices-vmap',
  ),
  Mutant(
    'no synchronisation of the backward pass', 'core.py',
    'reduction.sum_over_devices(r, sums)',
    'jax.tree.map(lambda a: a * r.devices, sums)',
    'batch-devices-vmap',
  ),
  Mutant(
    'statistics in bfloat16', '_src/arithmetic.py',
    'return x.dtype if wide else jnp.dtype(jnp.float32)',
    'return x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.dtype(jnp.float32)',
    'batch-formula-bfloat16',
  ),
  Mutant(
    "running statistics in the batch's dtype", '_src/running.py',
    'convert(new, old.dtype), old)',
    'new, convert(old, new.dtype))',
    'batch-state-carry',
  ),
  Mutant(
    'dropped <dx>', '_src/tangent.py',
    'else mul(minus_rstd, mean_dx)',
    'else 0 * mean_dx',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped y <y dx>', '_src/tangent.py',
    'q_factor = mul(minus_rstd, mean_ydx)',
    'q_factor = 0 * mean_ydx',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped dscale', '_src/tangent.py',
    'reduction.affine(q_factor, scale, dscale)',
    'reduction.affine(q_factor, scale, None)',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped dbias', '_src/tangent.py',
    'scale, None if mask is not None else dbias)',
    'scale, None)',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped dbias where nothing is centred', '_src/tangent.py',
    '  if constant is None:\n    return reduction.affine(dz, None, dbias)',
    '  if constant is None:\n    return dz',
    'filter-response-gradient-unit',
  ),
  Mutant(
    'dropped dbias under a mask', '_src/tangent.py',
    'dz if mask is None else reduction.affine(zero_masked(mask, dz), None, dbias)',
    'dz if mask is None else zero_masked(mask, dz)',
    'batch-mask',
  ),
  Mutant(
    'sums not over the deviation', '_src/tangent.py',
    'real_product(q, dx if c is None else mul(c, dx))',
    'real_product(q, dx)',
    'batch-gradient-unit',
  ),
  Mutant(
    'no end to a sum over no deviation', '_src/tangent.py',
    'return zero_masked(lax.ne(c, c.dtype.type(0)), mul(c, a))',
    'return mul(c, a)',
    'test_no_gradient_where_the_variance_overflows',
  ),
  Mutant(
    'dropped scale before dx', '_src/tangent.py',
    'reduction.affine(q, q_factor, reduction.affine(dx, scale, None))',
    'reduction.affine(q, q_factor, dx)',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped mean tangent', '_src/tangent.py',
    'if mean_dx is None else mean_dx',
    'if mean_dx is None else 0 * mean_dx',
    'state-gradient',
  ),
  Mutant(
    'dropped variance tangent', '_src/tangent.py',
    'mul(mul(mean_ydx, std), 2)',
    'mul(mean_ydx, 0)',
    'state-gradient',
  ),
  Mutant(
    'a variance tangent where there is no deviation', '_src/tangent.py',
    'zero_masked(lax.ne(stats.rstd, stats.rstd.dtype.type(0)), lax.reciprocal(stats.rstd))',
    'lax.reciprocal(stats.rstd)',
    'test_one_entry',
  ),
  Mutant(
    "traced epsilon: its derivative's factor", '_src/tangent.py',
    '0.5 * stats.rstd * depsilon',
    'stats.rstd * depsilon',
    'test_of_a_function',
    within=('traced_epsilon',),
  ),
  Mutant(
    "traced epsilon: its derivative's sign", '_src/tangent.py',
    'mean_ydx + 0.5 * stats.rstd',
    'mean_ydx - 0.5 * stats.rstd',
    'test_of_a_function',
    within=('traced_epsilon',),
  ),
  Mutant(
    'traced epsilon for the static one', '_src/moments.py',
    'else r.epsilon + epsilon)',
    'else r.epsilon)',
    'test_of_a_function',
    within=('traced_epsilon',),
  ),
  Mutant(
    'rounding left in the mean', '_src/moments.py',
    '_zero_beyond(largest**0.5, reduction.mean(r, count, d))',
    '0 * shift',
    'batch-formula-offset',
  ),
  Mutant(
    'drift forgotten by the value', '_src/arithmetic.py',
    'offset = affine(mul(lax.neg(drift), slope), None, bias)',
    'offset = bias',
    'batch-formula-offset',
  ),
  Mutant(
    'drift forgotten by y', '_src/moments.py',
    'else zero_masked(mask, sub(d, stats.drift))',
    'else d',
    'layer-formula-offset',
  ),
  Mutant(
    'a factor of the gradient that underflows', '_src/tangent.py',
    'reduction.total(r, real_product(q, dx if c is None else mul(c, dx)))',
    'reduction.total(r, real_product(q, dx)) * (1 if c is None else c)',
    'the_gradient_of_large_inputs', within=('edge_inputs',),
  ),
  Mutant(
    "drift forgotten by the derivative's sums", '_src/tangent.py',
    'sum_ydx = sub(sum_ydx, real_product(k, mul(c, sum_dx)))',
    'pass',
    'batch-gradient-offset',
  ),
  Mutant(
    'drift forgotten by the derivative', '_src/tangent.py',
    'constant if k is None else sub(constant, mul(k, q_factor))',
    'constant',
    'batch-gradient-offset',
  ),
  Mutant(
    'a constant has a variance of rounding', '_src/moments.py',
    'return zero_masked(lax.gt(variance, rounding), variance)',
    'return variance',
    'weight-standardization-gradient-constant',
  ),
  Mutant(
    'one pass for the variance', '_src/moments.py',
    'square(d))',
    'square(d + shift)) - square(shift)',
    'batch-formula-offset',
  ),
  Mutant(
    'squares that are not scaled', 'reduction.py',
    '-max(0, math.ceil(',
    '-min(0, math.ceil(',
    'test_magnitudes_of_many_entries',
  ),
  Mutant(
    'overflow of the square', '_src/moments.py',
    '_zero_beyond(largest**0.5, reduction.mean(r, count, d))',
    'reduction.mean(r, count, d)',
    'no-nan-largest',
  ),
  Mutant(
    'overflow of the mean', '_src/moments.py',
    '_zero_beyond(largest**0.8, reduction.mean(r, count, d))',
    'reduction.mean(r, count, d)',
    'no-nan-largest',
  ),
  Mutant(
    'no end to no variance and no epsilon', '_src/moments.py',
    'guarded = jnp.where(guarded == 0, jnp.inf, guarded)',
    'pass',
    'test_no_variance',
  ),
  Mutant(
    'no conjugate', '_src/arithmetic.py',
    'lax.real(mul(lax.conj(a), b))',
    'lax.real(mul(a, b))',
    'batch-dtype-complex',
  ),
  Mutant(
    'a call on a mesh', '_src/xla_cpu.py',
    "'num_devices', None) == 1",
    "'num_devices', None) != 0",
    'test_on_a_mesh',
    within=('xla_cpu',),
  ),
  Mutant(
    'a call for few entries', '_src/xla_cpu.py',
    ') and math.prod(shape) >= LARGE',
    ')',
    'test_which_programs',
    within=('xla_cpu',),
  ),
  Mutant(
    'a call for any number of entries', '_src/xla_cpu.py',
    'large = all(',
    'large = True or all(',
    'test_exported',
    within=('xla_cpu',),
  ),
  Mutant(
    'no call for many entries', '_src/xla_cpu.py',
    'special = _not_inlined if large and alone else _plain',
    'special = _plain',
    'test_which_programs',
    within=('xla_cpu',),
  ),
  Mutant(
    'a call on any machine', '_src/xla_cpu.py',
    "_lower_on_cpu, platform='cpu')",
    '_lower_on_cpu)',
    'test_which_programs',
    within=('xla_cpu',),
  ),
  Mutant(
    'a call that XLA may look into', '_src/xla_cpu.py',
    "inlineable='false'",
    '',
    'test_which_programs',
    within=('xla_cpu',),
  ),
  Mutant(
    'plain formulas wanted in vain', '_src/xla_cpu.py',
    'return not _plain_wanted.get()',
    'return True',
    'test_which_programs',
    within=('xla_cpu',),
  ),
  Mutant(
    'plain formulas wanted from here on', '_src/xla_cpu.py',
    '_plain_wanted.reset(token)',
    'pass',
    'test_which_programs',
    within=('xla_cpu',),
  ),
  Mutant(
    'plain formulas wanted by any value', '_src/xla_cpu.py',
    "not in ('', '0')",
    "not in ('',)",
    'test_an_environment',
    within=('xla_cpu',),
  ),
  Mutant(
    'a call under a mask', '_src/moments.py',
    'mask is None and shift is not None',
    'shift is not None',
    'test_which_programs',
    within=('xla_cpu',),
  ),
  Mutant(
    'y written under a mask', '_src/moments.py',
    'not r.keep_input and mask is None',
    'not r.keep_input',
    'test_which_programs',
    within=('xla_cpu',),
  ),
  Mutant(
    'y kept of a narrower x', '_src/moments.py',
    ' and x.dtype == compute_dtype(x)',
    '',
    'test_y_is_written_only',
    within=('xla_cpu',),
  ),
  Mutant(
    'y kept beside an x that is kept', '_src/moments.py',
    'r.refine and not r.keep_input and',
    'r.refine and',
    'memory',
  ),
  Mutant(
    'zeros kept of a scale without a tangent', 'core.py',
    'None if isinstance(t, SymbolicZero) else t for t',
    'lax.zeros_like_array(x[0, 0]) if isinstance(t, SymbolicZero) else t for t',
    'test_a_scale_without',
    within=('xla_cpu',),
  ),
  Mutant(
    'a formula: the drift forgotten', '_src/xla_cpu.py',
    'functools.reduce(sub, means, x)',
    'functools.reduce(sub, means[:1], x)',
    'test_second_derivatives',
    within=('xla_cpu',),
  ),
  Mutant(
    'a call: its tangent forgotten', '_src/xla_cpu.py',
    'return _write(plain, dtype, *primals), tangent',
    'return _write(plain, dtype, *primals), 2 * tangent',
    'test_second_derivatives',
    within=('xla_cpu',),
  ),
  Mutant(
    'a call: a lane for another', '_src/xla_cpu.py',
    'jax.vmap(plain, tuple(dims))(*args), 0',
    'jax.vmap(plain, tuple(dims))(*args)[::-1], 0',
    'transform-vmap',
  ),
  Mutant(
    'a group of one channel', 'reduction.py',
    'sum_over(a, r.axes) if r.groups is None else _sum_groups(r, a)',
    'sum_over(a, r.axes)',
    'group-formula-unit',
  ),
  Mutant(
    'a mask that lies elsewhere', '_src/axes.py',
    'lax.select(lay_out(condition, spec), a, lay_out(b, spec))',
    'lax.select(condition, a, b)',
    'batch-meshes',
  ),
  Mutant(
    'nothing laid out', '_src/axes.py',
    'return jax.sharding.reshard(a, sharding.update(spec=spec))',
    'return a',
    'meshes-types',
  ),
  Mutant(
    'parts of an axis not on whole devices', '_src/axes.py',
    '    a = gather_axis(a, axis)\n',
    '    pass\n',
    'group-meshes',
  ),
  Mutant(
    'ghosts in parts', 'batch.py',
    'reduction.lay_out(z.reshape(x.shape), jax.typeof(x).sharding.spec)',
    'z.reshape(x.shape)',
    'GhostBatchNorm-batch-Explicit',
    within=('meshes',),
  ),
  Mutant(
    'a scan over devices', '_src/running.py',
    'reduction.lay_out(m, P(None, *spec)) for m in batches',
    'm for m in batches',
    'ghost-meshes',
  ),
  Mutant(
    'a carry that lies elsewhere', '_src/running.py',
    'carry = jax.tree.map(lambda s: reduction.lay_out(s, P(*spec)), batch_stats)',
    'carry = batch_stats',
    'ghost-meshes',
  ),
  Mutant(
    'one entry has a derivative', '_src/moments.py',
    'rstd = lax.full_like(rstd, 0)',
    'pass',
    'test_one_entry',
  ),
  Mutant(
    'layers traced one by one', 'core.py',
    'compiled = axis_name is None and (refine or not arithmetic.is_concrete(x))',
    'compiled = False',
    'test_layers_of_one_shape',
  ),
  Mutant(
    'y kept as well as x', 'core.py',
    '  @reduction.recompute\n',
    '',
    'layer-memory',
  ),
  Mutant(
    'x - shift kept of a narrower x', 'core.py',
    'x.dtype == d.dtype and sums_use_deviation',
    'sums_use_deviation',
    'batch-memory',
  ),
  Mutant(
    'x - shift kept beside an x that is kept', '_src/moments.py',
    ' and not r.keep_input',
    '',
    'memory',
  ),
  Mutant(
    'centred root mean square', 'sample.py',
    'center=False, ',
    '',
    'rms-formula-unit',
  ),
  Mutant(
    'output in float32', '_src/arithmetic.py',
    'return convert(affine(d, slope, offset), affine_dtype(x, scale, bias))',
    'return affine(d, slope, offset)',
    'batch-dtype-output',
  ),
  Mutant(
    'evaluation by the batch', 'batch.py',
    '  if not training:',
    '  if not training and batch_stats is None:',
    'batch-evaluation-oracle',
  ),
  Mutant(
    'weight norm by the mean square', 'kernels.py',
    'jnp.where(_is_nonzero(v, axes), length, 0) / arithmetic.sqrt_count(n, length.dtype)',
    'jnp.where(_is_nonzero(v, axes), length, 0)',
    'weight-formula-unit',
  ),
  Mutant(
    'mixture unweighted by counts', 'mixed.py',
    'n = jnp.broadcast_to(moments.count, moments.mean.shape)',
    'n = jnp.ones_like(moments.mean)',
    'switchable-mask-oracle',
  ),
  Mutant(
    'mixture of means without a common shift', 'mixed.py',
    'core.zero_masked(mask, scaled - moments.mean), unit, moments.mean',
    'scaled, unit, 0 * moments.mean',
    'switchable-formula-offset',
  ),
  Mutant(
    'a gradient through the running corrections', 'renorm.py',
    'return lax.stop_gradient(factor), lax.stop_gradient(offset)',
    'return factor, offset',
    'batch-renorm-gradient-unit',
  ),
  Mutant(
    'z under the mask moved by the correction', 'renorm.py',
    '  if mask is not None:\n    z = jnp.where',
    '  if False:\n    z = jnp.where',
    'batch-renorm-mask',
  ),
  Mutant(
    'ghosts that share running statistics', '_src/running.py',
    'return lax.scan(step, carry, batches)[0]',
    'return update(batch_stats, core.Moments(*(m[0] for m in batches)), momentum=momentum)',
    'test_ghosts',
  ),
  Mutant(
    'lengths per device', 'position.py',
    'devices * math.prod(x.shape[a] for a in axes)',
    'math.prod(x.shape[a] for a in axes)',
    'unit-devices-pmap',
  ),
  Mutant(
    'a neighbourhood shifted by one', 'response.py',
    '((size - 1) // 2, size // 2)',
    '(size // 2, (size - 1) // 2)',
    'local-response-formula-unit',
  ),
  Mutant(
    'channels without entries counted', 'response.py',
    'channels = jnp.maximum(jnp.sum(present, features, keepdims=True), 1)',
    'channels = jnp.maximum(jnp.sum(present | True, features, keepdims=True), 1)',
    'global-response-mask',
  ),
  Mutant(
    'no range for squares', 'reduction.py',
    'jnp.maximum(exponent - 20, 0)',
    '0 * exponent',
    'local-response-formula-magnitude or local-response-no-nan',
  ),
  Mutant(
    'learnt epsilon with its sign', 'response.py',
    'jnp.abs(learnt) /',
    'learnt /',
    'test_a_learnt_epsilon',
  ),
  Mutant(
    'learnt epsilon: no end to an empty channel', 'response.py',
    'jnp.abs(learnt) / jnp.where(square == 0, 1, square)',
    'jnp.abs(learnt) / square',
    'test_a_learnt_epsilon',
  ),
  Mutant(
    'weight norm: a subnormal kernel counts as 0', 'kernels.py',
    "lax.bitcast_convert_type(a, f'uint{8 * a.dtype.itemsize}') << 1",
    '(a != 0)',
    'weight-gradient-subnormal',
  ),
  Mutant(
    'weight norm: gradient at a zero kernel', 'kernels.py',
    'jnp.where(_is_nonzero(v, axes), length, 0)',
    'jnp.where(True, length, 0)',
    'test_a_zero_kernel',
  ),
  Mutant(
    'evaluation without the mask', '_src/running.py',
    'stats.mean, stats.var, scale, bias, mask, epsilon=epsilon',
    'stats.mean, stats.var, scale, bias, None, epsilon=epsilon',
    'evaluation-mask',
  ),
  Mutant(
    'evaluation of a running mean without the mask', 'renorm.py',
    'core.zero_masked(mask, x.astype(core.compute_dtype(x)) - mean)',
    'x.astype(core.compute_dtype(x)) - mean',
    'mean-only-evaluation-mask',
  ),
  Mutant(
    'evaluation: features always last', '_src/running.py',
    "scale = core.expand_param(scale, x.shape, features, 'scale')",
    "scale = core.expand_param(scale, x.shape, (x.ndim - 1,), 'scale')",
    'layout-evaluation',
  ),
  Mutant(
    'evaluation: exchanged with other devices', 'evonorm.py',
    "'axis_index_groups': axis_index_groups} if training else {}",
    "'axis_index_groups': axis_index_groups}",
    'evaluation-named-axis',
  ),
  Mutant(
    'exact statistics of one device', 'precise.py',
    'axis_name=axis_name, axis_index_groups=axis_index_groups',
    'axis_name=None, axis_index_groups=axis_index_groups',
    'test_devices_find',
  ),
  Mutant(
    'a threshold along the last axis', 'response.py',
    'tlu(z, threshold, feature_axes=feature_axes)',
    'tlu(z, threshold)',
    'filter-response-threshold-layout',
  ),
  Mutant(
    'channels that compete along the last axis', 'response.py',
    'functools.partial(_global_response, r, features)',
    'functools.partial(_global_response, r, (x.ndim - 1,))',
    'global-response-layout',
  ),
  Mutant(
    'ghosts: features always last', 'batch.py',
    'axes=tuple(a + 1 for a in range(x.ndim) if a not in features)',
    'axes=tuple(range(1, x.ndim))',
    'ghost-layout',
  ),
  Mutant(
    'a parameter that must be given', 'response.py',
    'unit if scale is None else unit * scale',
    'unit * scale',
    'global-response-formula-left-out',
  ),
  Mutant(
    'complex means that are not conjugated', '_src/running.py',
    '(difference * jnp.conj(difference)).real',
    '(difference * difference).real',
    'test_sets_merge',
  ),
  Mutant(
    'weights that never shrink', '_src/running.py',
    'count = momentum * running.count + 1',
    'count = running.count + 1',
    'test_three_batches',
  ),
  Mutant(
    'nnx: statistics that keep a gradient', 'nnx/_src/running.py',
    'jax.lax.stop_gradient(',
    '(',
    'modules-constant-nnx',
  ),
  Mutant(
    'nnx: a mask that goes no further', 'nnx/_src/derived.py',
    "given = {} if mask is None else {'mask': jnp.asarray(mask, bool)}",
    'given = {}',
    'modules-evaluation',
  ),
  Mutant(
    'linen: statistics that keep a gradient', 'linen/_src/running.py',
    'jax.lax.stop_gradient(',
    '(',
    'modules-constant-linen',
  ),
  Mutant(
    'linen: axes that go no further', 'linen/_src/sample.py',
    'reduction_axes=self.reduction_axes, feature_axes=self.feature_axes',
    'feature_axes=self.feature_axes',
    'modules-layout',
  ),
  Mutant(
    'linen: a named axis that goes no further', 'linen/_src/parameters.py',
    'axis_name=None if module.is_initializing() else module.axis_name',
    'axis_name=None',
    'modules-named-axis',
  ),
  Mutant(
    'linen: an estimate that is always updated', 'linen/_src/kernels.py',
    '      if update_stats:',
    '      if True:',
    'test_spectral_norm_keeps',
  ),
  Mutant(
    'kernels by fan-out', 'lab/engine/starting.py',
    'math.prod(kernel.shape[repeated.stacked(path) : -1])',
    'kernel.shape[-1]',
    'test_init_scale_is_times',
  ),
  Mutant(
    'stacked kernels by the number of blocks, too', 'lab/engine/starting.py',
    'math.prod(kernel.shape[repeated.stacked(path) : -1])',
    'math.prod(kernel.shape[:-1])',
    'test_it_says_the_same_before', ('repeated',),
  ),
  Mutant(
    'blocks are drawn kernel by kernel', 'lab/models/repeated.py',
    'return [tuple(group) for _, group in itertools.groupby(paths, scan)]',
    'return [(path,) for path in paths]',
    'test_draws_are_shared_out', ('repeated',),
  ),
  Mutant(
    'dropout of the seed alone', 'lab/engine/training.py',
    "jax.random.fold_in(key(hyper['seed'], 'dropout'), state.step)",
    "key(hyper['seed'], 'dropout')",
    'test_a_step_drops_by', ('model_options',),
  ),
  Mutant(
    'a norm widens what follows it', 'lab/models/layers.py',
    'return z if self.dtype is None else z.astype(self.dtype)',
    'return z',
    'test_bfloat16_is_of_the_layers', ('model_options',),
  ),
  Mutant(
    'one scale for all kernels', 'lab/engine/starting.py',
    "hyper['head' if path == paths[-1] else 'scale']",
    "hyper['scale']",
    'test_the_last_kernel',
  ),
  Mutant(
    'weight norm starts with lengths of 1', 'lab/engine/starting.py',
    "if last == 'scale' and kernel is not None",
    "if last == 'none' and kernel is not None",
    'test_weight_norm_starts',
  ),
  Mutant(
    'one order for all epochs', 'lab/engine/program.py',
    "jax.random.fold_in(training.key(seed, 'order'), epoch)",
    "jax.random.fold_in(training.key(seed, 'order'), 0 * epoch)",
    'test_the_order_is',
  ),
  Mutant(
    'a group that failed compiled in company again', 'lab/sweep.py',
    'apart=before',
    'apart=()',
    'test_what_ends_the_process',
  ),
  Mutant(
    'each epoch its first batch alone', 'lab/engine/program.py',
    'lax.dynamic_slice_in_dim(order, done * size, size)',
    'lax.dynamic_slice_in_dim(order, 0 * done, size)',
    'test_an_epochs_curves',
  ),
  Mutant(
    "a family's batch sizes in another order", 'lab/engine/program.py',
    'for size in sizes]',
    'for size in reversed(sizes)]',
    'test_compiled_with_other',
  ),
  Mutant(
    'the last step that diverged', 'lab/engine/training.py',
    'first = (diverged_at < 0) & ~jnp.isfinite(loss)',
    'first = ~jnp.isfinite(loss)',
    'test_a_diverged_lane',
  ),
  Mutant(
    "an epoch's last loss for its mean", 'lab/engine/training.py',
    'lambda a, b: a + b / steps',
    'lambda a, b: b',
    'test_an_epochs_curves',
  ),
  Mutant(
    "an epoch's last loss for its first", 'lab/engine/training.py',
    "jnp.where(step == begun, seen['minibatch_loss'], first)",
    "seen['minibatch_loss']",
    'test_an_epochs_curves',
  ),
  Mutant(
    'the square of the gradient norm', 'lab/engine/training.py',
    'return jnp.sqrt(jnp.sum(squares)), step + 1',
    'return jnp.sum(squares), step + 1',
    'test_the_norm_of_the_gradient',
  ),
  Mutant(
    'gradients of one device', 'lab/engine/training.py',
    'grads, new = jax.lax.pmean((grads, new), devices.AXIS)',
    'new = jax.lax.pmean(new, devices.AXIS)',
    'test_pmap_of_the_step',
  ),
  Mutant(
    'running statistics of one device', 'lab/engine/training.py',
    'grads, new = jax.lax.pmean((grads, new), devices.AXIS)',
    'grads = jax.lax.pmean(grads, devices.AXIS)',
    'test_pmap_without_synchronisation',
  ),
  Mutant(
    "one vector's updates for another", 'lab/xla_cpu/gathering.py',
    '    start += leaf.size\n  return',
    '  return',
    'test_gathered or test_parameters_are_updated',
  ),
  Mutant(
    'loss: no maximum taken out', 'lab/xla_cpu/loss.py',
    'shifted = logits - jnp.max(logits, -1, keepdims=True)',
    'shifted = logits',
    'test_logits_beyond',
  ),
  Mutant(
    'loss: a slope for each example', 'lab/xla_cpu/loss.py',
    '(exp / total - at_label) / len(labels)',
    'exp / total - at_label',
    'test_it_is_optaxs',
  ),
  Mutant(
    'no switch for compiler options', 'lab/xla_cpu/compiler.py',
    'if not special_formulas_allowed() or',
    'if',
    'test_a_plain_program', within=('plain_formulas',),
  ),
  Mutant(
    'a product of patches on every platform', 'lab/xla_cpu/convolution.py',
    'cpu=as_product, default=plain',
    'cpu=as_product, default=as_product',
    'chosen_at_lowering', within=('plain_formulas',),
  ),
  Mutant(
    'kernels marked on every platform', 'lab/xla_cpu/compact.py',
    'cpu=marked, default=f',
    'cpu=marked, default=marked',
    'chosen_at_lowering', within=('plain_formulas',),
  ),
  Mutant(
    'a plain loss summed', 'lab/xla_cpu/loss.py',
    'return -jnp.mean(at_label)',
    'return -jnp.sum(at_label)',
    'test_the_plain_formula', within=('plain_formulas',),
  ),
  Mutant(
    'judged by running statistics', 'lab/engine/evaluation.py',
    'jnp.stack(a), stats, rest)',
    'jnp.stack(a), rest, rest)',
    'test_exact_statistics',
  ),
  Mutant(
    'pooled variance without the means', 'lab/engine/evaluation.py',
    'whole[path] += average(jnp.square(flat[mean] - whole[mean]))',
    'whole[path] += 0',
    'test_pooled_statistics or test_batches_change',
  ),
  Mutant(
    'batches pooled without counts', 'lab/engine/evaluation.py',
    'jnp.full(len(a), a.shape[1] / len(x))',
    'jnp.full(len(a), 1 / len(made) / len(a))',
    'test_batches_change',
  ),
  Mutant(
    "a normal's quantile for Student's", 'lab/statistics/means.py',
    'special.stdtrit(np.maximum(n - 1, 1), (1 + level) / 2)',
    'special.ndtri((1 + level) / 2)',
    'test_interval_is',
  ),
  Mutant(
    'pairs by order', 'lab/statistics/intervals.py',
    "left, right = left.align(right, join='inner')",
    'left, right = (a.reset_index(drop=True) for a in (left, right))',
    'test_pairs_are_matched',
  ),
  Mutant(
    'trained, though no better than before', 'lab/statistics/learnt.py',
    ' < ALPHA and mcnemar(gained, lost) < ALPHA',
    ' < ALPHA',
    'test_not_trained',
  ),
  Mutant(
    'gains and losses swapped', 'lab/runner/rows.py',
    '((now, before), (before, now))',
    '((before, now), (now, before))',
    'changed_sides',
    within=('evaluation',),
  ),
  Mutant(
    'trained at chance', 'lab/statistics/learnt.py',
    'at_least(correct, n_test, chance) < ALPHA',
    'at_least(correct, n_test, chance) < 0.5',
    'test_trained',
  ),
  Mutant(
    'a limit by the width of the range', 'lab/statistics/ranges.py',
    'decades([rows[axis].min(), max(values)])',
    'decades(values)',
    'higher_limit',
  ),
  Mutant(
    'refuted by a sweep that ends too soon', 'lab/statistics/ranges.py',
    'effect < by - 1e-9 and not ends[norm])',
    'effect < by - 1e-9)',
    'ends_with_the_sweep',
  ),
  Mutant(
    'no correction for many pairs', 'lab/statistics/rules.py',
    'level = 1 - ALPHA / len(pairs)',
    'level = 0.95',
    'test_a_lead_over_one',
  ),
  Mutant(
    'a diverged trial dropped', 'lab/statistics/cells.py',
    'return values.fillna(worst)',
    'return values',
    'test_an_accuracy_that_is_nan',
  ),
  Mutant(
    'every cell for a seed of its own', 'lab/statistics/cells.py',
    "return table.groupby(level=SEED).mean()",
    'return table',
    'test_a_seed_counts_once',
  ),
  Mutant(
    'every step at the rate of the first', 'lab/engine/training.py',
    'setup.optimizer(hyper, state.step)',
    'setup.optimizer(hyper)',
    'test_each_step_of_a_training_is_taken_at_its_own_rate',
    ('updates',),
  ),
  Mutant(
    'biases decay', 'lab/engine/optimizer.py',
    "path[-1] == 'kernel'",
    "path[-1] in ('kernel', 'bias')",
    'test_weight_decay_touches_kernels_only',
    ('updates',),
  ),
  Mutant(
    'an epoch of a schedule is a step', 'lab/updates.py',
    'found[option] = round(length * steps_per_epoch)',
    'found[option] = round(length)',
    'test_a_schedules_values_equal_optaxs_at_every_step',
    ('updates',),
  ),
  Mutant(
    'a program for each weight decay', 'lab/trial.py',
    "optional = ('weight_scale', 'clip_norm', 'weight_decay')",
    "optional = ('weight_scale', 'clip_norm')",
    'test_lanes_of_other_rates_decays_and_clips_share_one_program',
    ('updates',),
  ),
  Mutant(
    'figures of another arithmetic taken for done', 'lab/trial.py',
    'if numerics.NUMERICS != numerics.BEFORE:',
    'if False:',
    'test_the_number_is_part',
  ),
  Mutant(
    'a number for trials from before there was one', 'lab/trial.py',
    'if numerics.NUMERICS != numerics.BEFORE:',
    'if True:',
    'test_trials_of_number_1',
  ),
  Mutant(
    "records without a number under today's", 'lab/numerics.py',
    "origin.get('numerics', BEFORE)",
    "origin.get('numerics', NUMERICS)",
    'test_older_records',
  ),
  Mutant(
    "older files in a report's sums", 'lab/report/origins.py',
    'if _number(line) == newest(provenance)]',
    'if _number(line)]',
    'test_older_records',
  ),
  Mutant(
    'advice for the norm that is behind', 'lab/report/advice.py',
    'return (than, norm) if verdict.effect < 0',
    'return (than, norm) if verdict.effect > 0',
    'norm_that_is_ahead',
    within=('advice',),
  ),
  Mutant(
    'the least that two norms may differ', 'lab/report/advice.py',
    'most = words.score(max(',
    'most = words.score(min(',
    'cannot_be_told_apart',
    within=('advice',),
  ),
  Mutant(
    'a loss of which more is better', 'lab/columns.py',
    "label='training loss', better=LOWER,",
    "label='training loss', better=HIGHER,",
    'direction_and_its_limits',
    within=('columns',),
  ),
  Mutant(
    'an accuracy without an upper end', 'lab/columns.py',
    "_share(TRAIN_ACCURACY, label='training accuracy',",
    "_share(TRAIN_ACCURACY, limits=POSITIVE, label='training accuracy',",
    'direction_and_its_limits',
    within=('columns',),
  ),
  Mutant(
    'a measurement for a setting', 'lab/columns.py',
    'Column(GRAD_NORM, label=',
    'Column(GRAD_NORM, SETTING, label=',
    'direction_and_its_limits',
    within=('columns',),
  ),
  Mutant(
    'a setting for a measurement', 'lab/columns.py',
    "Column(LEARNING_RATE, SETTING,",
    "Column(LEARNING_RATE, MEASUREMENT,",
    'row_is_consistent or study_plans',
    within=('columns',),
  ),
  Mutant(
    'another label', 'lab/columns.py',
    "label='initial scale'",
    "label='scale'",
    'has_its_words',
    within=('columns',),
  ),
  Mutant(
    'a column without a row for a setting', 'lab/columns.py',
    'return next(fits, Column(name))',
    'return next(fits, Column(name, SETTING, shown=AXIS))',
    'needs_a_direction or direction_and_its_limits',
    within=('columns',),
  ),
  Mutant(
    'axes that vary for those of the study', 'lab/statistics/design.py',
    'stated = frame.attrs.get(schema.AXES) if stated is None else stated',
    'stated = None',
    'only_one_value_has_run',
    within=('columns',),
  ),
  Mutant(
    'files that do not say their axes', 'lab/records.py',
    'metadata = {} if axes is None else',
    'metadata = {} if True else',
    'stand_in_each_file',
    within=('columns',),
  ),
  Mutant(
    'a heat map transposed', 'lab/report/figures/heat_maps.py',
    'ax.pcolormesh(np.ma.masked_invalid(wide), ec',
    'ax.pcolormesh(np.ma.masked_invalid(wide).T, ec',
    'test_heat_maps',
    within=('figures_are_data',),
  ),
  Mutant(
    'norms of a heat map named in reverse', 'lab/report/figures/heat_maps.py',
    'list(wide.index))',
    'list(wide.index)[::-1])',
    'test_heat_maps',
    within=('figures_are_data',),
  ),
  Mutant(
    'colours of a legend swapped', 'lab/report/figures/sheets.py',
    'for norm, look in looks.items()',
    'for norm, look in zip(norms, list(looks.values())[::-1])',
    'the_legend_has_the_colours',
    within=('figures_are_data',),
  ),
  Mutant(
    'columns of a table swapped', 'lab/report/tables.py',
    '      words.score(line[\'value\']),\n      spread(line),',
    '      words.score(line[\'low\']),\n      spread(line),',
    'table_of_cells',
    within=('figures_are_data',),
  ),
  Mutant(
    'a line through two points', 'lab/report/figures/against_axis.py',
    'joined = len(x) > 2',
    'joined = len(x) > 1',
    'two_points_are_not_joined',
    within=('figures_are_data',),
  ),
  Mutant(
    'outliers that flatten a figure', 'lab/report/figures/scales.py',
    'scale_y(axes, metric, shown)',
    'scale_y(axes, metric, values)',
    'outliers_of_what_did_not_train',
    within=('figures_are_data',),
  ),
  Mutant(
    'trained by the best epoch', 'lab/tasks/standard.py',
    'rows[TEST_ACCURACY][-1]',
    'rows[TEST_ACCURACY].max()',
    'judged_by_its_last_epoch',
    within=('tasks',),
  ),
  Mutant(
    'chance by the training split', 'lab/data/splits.py',
    'np.bincount(self.test.y).max() / len(self.test.y)',
    'np.bincount(self.train.y).max() / len(self.train.y)',
    'judged_by_its_last_epoch',
    within=('tasks',),
  ),
  Mutant(
    'a filter of whole rows', 'lab/report/filters.js.j2',
    'matches(texts[i], wanted, whole)',
    'matches(texts.join(), wanted, whole)',
    'a_filter_looks_at_its_own_column',
    within=('page',),
  ),
  Mutant(
    'best figures of the last epoch', 'lab/evidence.py',
    'rows = statistics.finals(frame)',
    "rows = frame.groupby(TRIAL).tail(1).assign(best_test_accuracy=frame['test_accuracy'])",
    'its_last_and_its_best_figures',
    within=('evidence',),
  ),
  Mutant(
    'infinite values in the limits of an axis', 'lab/report/figures/scales.py',
    'np.clip(finite[np.isfinite(finite)], -1e300, 1e300)',
    'finite',
    'direction_and_its_limits',
    within=('columns',),
  ),
  Mutant(
    'a constant said to have a curve', 'lab/report/measurements.py',
    'nunique(dropna=False).max() == 1)',
    'nunique(dropna=False).max() == 0)',
    'unusual_measurement and constant',
    within=('columns',),
  ),
  Mutant(
    'one line for what a function of C raises', 'lab/mistakes.py',
    "return package in OURS and instruction == 'RAISE_VARARGS'",
    'return package in OURS',
    'what_else_ends_a_run', within=('mistakes',),
  ),
  Mutant(
    "one line for what a user's norm raises", 'lab/mistakes.py',
    "return package in OURS and instruction == 'RAISE_VARARGS'",
    "return instruction == 'RAISE_VARARGS'",
    'what_else_ends_a_run', within=('mistakes',),
  ),
  Mutant(
    'one line for whatever ends a layer', 'lab/mistakes.py',
    'return mendable(error.__cause__)',
    'return True',
    'what_else_ends_a_run', within=('mistakes',),
  ),
  Mutant(
    'one line for whatever ends a config', 'lab/mistakes.py',
    'return inner is None or mendable(inner)',
    'return True',
    'judged_by_what_it_ran_into', within=('mistakes',),
  ),
  Mutant(
    'one line for a file that is misused', 'lab/mistakes.py',
    'isinstance(error, OSError) and error.errno is not None',
    'isinstance(error, OSError)',
    'a_misused_file', within=('mistakes',),
  ),
  Mutant(
    'an equal epoch taken for a better one', 'lab/runner/epochs.py',
    'better = values[1:] > np.maximum.accumulate(values)[:-1]',
    'better = values[1:] >= np.maximum.accumulate(values)[:-1]',
    'the_best_epoch_is_better', within=('kept',),
  ),
  Mutant(
    "a lane's parameters are another's", 'lab/runner/keeping.py',
    'jax.tree.map(lambda a, i=i: a[i], variables)',
    'jax.tree.map(lambda a, i=i: a[0], variables)',
    'nothing_but_what_is_asked_for', within=('kept',),
  ),
  Mutant(
    'parameters that are not asked for count', 'lab/workdir/kept.py',
    "KEPT.index(facts.get('keep', '')) >= KEPT.index(keep)",
    'bool(facts)',
    'a_trial_without_the_parameters', within=('kept',),
  ),
  Mutant(
    'a missing number agrees', 'lab/reproduce.py',
    '.abs().fillna(np.inf).where',
    '.abs().fillna(0.0).where',
    'missing_on_one_side', within=('reproduce',),
  ),
  Mutant(
    'a wrong type in a claim passes', 'lab/statistics/option_types.py',
    'if not fits(value):',
    'if False:',
    'of_another_type', within=('values_of_claims',),
  ),
  Mutant(
    'a negative loss is cut at 0', 'lab/statistics/cells.py',
    'if not ((values < low) | (values > high)).any() else schema.ANY',
    'if True else schema.ANY',
    'cut_at_0', within=('values_of_claims',),
  ),
  Mutant(
    'a later key without a value is NaN', 'lab/store/united.py',
    '.fillna(COLUMN_DEFAULTS)',
    '',
    'without_a_later_key', within=('values_of_claims',),
  ),
  Mutant(
    'before less after', 'lab/two_studies.py',
    'statistics.compare(after, before, level=level)',
    'statistics.compare(before, after, level=level)',
    'cell_by_cell', within=('two_studies',),
  ),
  Mutant(
    'whatever ends with the training goes on', 'lab/workdir/checkpoints.py',
    "trial.hash if ends or ':' in trial.optimizer or trial.replay else whatever_length(trial)",
    'whatever_length(trial)',
    'test_what_cannot_go_on', within=('checkpoints',),
  ),
  Mutant(
    'what goes on takes the first state of a checkpoint', 'lab/runner/resuming.py',
    'jax.tree.map(lambda a, row=row: a[row], tree)',
    'jax.tree.map(lambda a, row=row: a[0], tree)',
    'test_trials_go_on_from_checkpoints_of_other_tiles', within=('checkpoints',),
  ),
  Mutant(
    'a group that is asked for again goes on from where it was planned', 'lab/runner/tiles.py',
    'tile, max(group.start, saved), blocks',
    'tile, group.start, blocks',
    'test_a_group_that_is_asked_for_again', within=('checkpoints',),
  ),
  Mutant(
    'progress without the epochs of a newer checkpoint', 'lab/runner/execution.py',
    '(start - group.start) * steps',
    '0 * steps',
    'test_a_group_that_is_asked_for_again', within=('checkpoints',),
  ),
  Mutant(
    'a checkpoint goes with the first of its trials', 'lab/workdir/checkpoints.py',
    'len(here) == len(entry.trials) or records.done(workdir) >= set(entry.trials)',
    'True',
    'test_a_checkpoint_of_more_trials', within=('checkpoints',),
  ),
  Mutant(
    'a checkpoint of more trials stays for ever', 'lab/workdir/checkpoints.py',
    'len(here) == len(entry.trials) or records.done(workdir) >= set(entry.trials)',
    'len(here) == len(entry.trials)',
    'test_a_checkpoint_of_more_trials', within=('checkpoints',),
  ),
  Mutant(
    'a checkpoint that is being written is one', 'lab/workdir/checkpoints.py',
    "_entries(workdir, '[!.]*')",
    "_entries(workdir, '*')",
    'test_what_is_killed_while_it_saves', within=('checkpoints',),
  ),
  Mutant(
    'what a kill left of a checkpoint stays', 'lab/records.py',
    'durable.clear_within(target.parent)',
    'durable.clear(target)',
    'test_what_is_killed_while_it_saves', within=('checkpoints',),
  ),
  Mutant(
    'a state of another shape is taken', 'lab/runner/resuming.py',
    'if (leaf.shape, leaf.dtype) != (shape.shape, shape.dtype):',
    'if False:',
    'test_a_torn_checkpoint', within=('checkpoints',),
  ),
  Mutant(
    'programs of other numbers of threads in one cache', 'lab/startup.py',
    "f'compilations-{machine()}-{threads or cores()}'",
    "f'compilations-{machine()}'",
    'test_programs_are_kept', within=('startup',),
  ),
  Mutant(
    'patience of an epoch more', 'lab/runner/epochs.py',
    '(waited >= first.patience)',
    '(waited > first.patience)',
    'test_the_rule', within=('patience',),
  ),
  Mutant(
    'rows after the end of a trial', 'lab/runner/rows.py',
    'values[at][:length]',
    'values[at][: len(curves)]',
    'test_a_trial_ends_where', within=('patience',),
  ),
  Mutant(
    'a file that differs from its sum is read', 'lab/store/checked.py',
    'if stated and stated[1].decode() != _sum(raw, *stated.span(1)):',
    'if False:',
    'every_flipped_bit', within=('records',),
  ),
  Mutant(
    'a file that has lost its sum is read', 'lab/store/checked.py',
    'if (counts is None) != (stated is None):',
    'if False:',
    'every_flipped_bit', within=('records',),
  ),
  Mutant(
    'of a trial in two files the last counts', 'lab/store/united.py',
    'owner.setdefault(trial, i)',
    'owner[trial] = i',
    'in_two_files', within=('records',),
  ),
  Mutant(
    'temporary files of living processes cleared', 'lab/store/durable.py',
    'return not alive(',
    'return bool(',
    'what_a_kill_left', within=('records',),
  ),
  Mutant(
    'overwritten arrays taken for the originals', 'lab/data/cache.py',
    '    _check_sums(entry)\n',
    '',
    'a_torn_entry', within=('data_originals',),
  ),
  Mutant(
    'a source known by what it is now', 'lab/runner/identity.py',
    'if name not in _imported or _imported[name][0] is not found:',
    'if True:',
    'what_is_imported', within=('faults',),
  ),
  Mutant(
    'an exit ends all groups', 'lab/runner/tiles.py',
    'except (Exception, SystemExit) as error:',
    'except Exception as error:',
    'without_words', within=('faults',),
  ),
  Mutant(
    'a task that compiles for half of its time', 'lab/cluster/parts.py',
    'COMPILING = 0.1',
    'COMPILING = 0.5',
    'compiling_is_a_tenth', within=('parts',),
  ),
  Mutant(
    'a record of other trials taken for those of a task', 'lab/cluster/received.py',
    'if set(found.trials) != {trial.hash for trial in tiles[name].trials}:',
    'if False:',
    'what_comes_back_is_checked', within=('parts',),
  ),
  Mutant(
    'data that came along looked for again', 'lab/data/own.py',
    "(content := GIVEN.get(chosen['sha256'])) is None",
    '(content := None) is None',
    'own_data_go_along', within=('parts',),
  ),
  Mutant(
    'a task that loses worker after worker', 'lab/cluster/driving.py',
    'LOST = 3',
    'LOST = 5',
    'given_up_after_three', within=('driving',),
  ),
  Mutant(
    'a progress that goes back', 'lab/cluster/driving.py',
    'max(before, done)',
    'done',
    'never_goes_back', within=('driving',),
  ),
  Mutant(
    'the groups of a lost task stay together', 'lab/cluster/driving.py',
    'for group in part.groups]',
    'for group in part.groups[:1]]',
    'tried_apart', within=('driving',),
  ),
  Mutant(
    'each claim as if it were the only one', 'lab/statistics/judging.py',
    "comparison.outcome != 'undecided' and p > several.ALPHA",
    "comparison.outcome != 'undecided' and comparison.p > several.ALPHA",
    'one_of_many_would_reach', within=('statistics_several',),
  ),
  Mutant(
    'Holm without its order', 'lab/statistics/several.py',
    'np.maximum.accumulate(steps)',
    'steps',
    'holm_is_the_closed', within=('statistics_several',),
  ),
  Mutant(
    'a reference that is passed is reached', 'lab/statistics/reported.py',
    'p <= ALPHA and abs(effect) < slack',
    'p <= ALPHA and effect > -slack',
    'reaches_is_about_both',
  ),
  Mutant(
    'a single run without noise', 'lab/statistics/reported.py',
    'own.var() * (1 + 1 / n)',
    'own.var() / n',
    'the_noise_of_a_single_run',
  ),
  Mutant(
    "a bootstrap of 20 at a normal's level", 'lab/statistics/means.py',
    'confidence_level=expanded(level, n)',
    'confidence_level=level',
    'from_twenty_values', within=('statistics_several',),
  ),
)  # fmt: skip


LIBRARY = ('norms', 'further_norms', 'precise', 'running', 'wrappers')
LAB = ('training', 'evaluation', 'optimizer', 'loss', 'statistics', 'workers', 'numerics')


def files(mutant: Mutant) -> tuple[str, ...]:
  """Where the tests that are to kill it are."""
  lab = mutant.file.startswith('lab/')
  names = mutant.within or (LAB if lab else LIBRARY)
  return tuple(f'tests/{"lab/" * lab}test_{name}.py' for name in names)


def copied(root: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
  """A copy of what a test needs."""
  ignored = shutil.ignore_patterns('__pycache__') if root == ROOT else None
  for name in ('norms', 'tests', 'configs'):
    shutil.copytree(root / name, folder / name, ignore=ignored)
  shutil.copy(root / 'pyproject.toml', folder)
  return folder


def _applied(mutant: Mutant, whole: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
  """A copy of its own. Two files of one size and second would share what Python compiles of them:
  the mutant's finds none."""
  path = copied(whole, folder) / 'norms' / mutant.file
  text = path.read_text()
  if mutant.old not in text:
    sys.exit(f'{mutant.name}: does not apply: its line has changed')
  for compiled in (path.parent / '__pycache__').glob(f'{path.stem}.*'):
    compiled.unlink()
  path.write_text(text.replace(mutant.old, mutant.new))
  return folder


def _unbroken(folder: pathlib.Path, mutants: Sequence[Mutant]) -> None:
  """The tests that are to kill pass without any mutant, else the script ends."""
  wanted = sorted({(files(m), m.tests) for m in mutants})
  runs = []
  for where, group in itertools.groupby(wanted, lambda pair: pair[0]):
    tests = [named for _, named in group]
    for some in (tests[i : i + 20] for i in range(0, len(tests), 20)):  # side by side, too
      options = ('-q', '-k', ' or '.join(some), *where)
      runs.append(forks.Run(f'unbroken {len(runs)}', folder, options))
  for _, outcome in forks.outcomes(runs, os.cpu_count() or 1):
    if outcome.status:
      sys.exit(f'the tests fail without any mutant:\n{outcome.output[-2000:]}')


def fate(outcome: forks.Outcome) -> str:
  """What became of a mutant."""
  # 1: a test failed; anything else but 0 is an error of this script's, such as no test of the name.
  other = f'status {outcome.status}: {outcome.output[-500:]}'
  return {0: 'SURVIVED', 1: 'killed'}.get(outcome.status, other)


def _by(outcome: forks.Outcome) -> str:
  """The test that failed, as pytest's summary names it."""
  failed = re.search(r'^FAILED \S*?::(.*?)(?: - .*)?$', outcome.output, re.M)
  return f', by {failed[1]}' if failed else ''


def main(mutants: Sequence[Mutant]) -> int:
  """Tries each; 0 where all are killed."""
  forks.preload()
  killed = 0
  with tempfile.TemporaryDirectory() as name:
    place = pathlib.Path(name)
    whole = copied(ROOT, place / 'unbroken')
    _unbroken(whole, mutants)  # and leaves compiled files, which the copies take with them
    runs = (
      forks.Run(m.name, _applied(m, whole, place / str(i)), ('-x', '-q', '-k', m.tests, *files(m)))
      for i, m in enumerate(mutants)
    )
    for run, outcome in forks.outcomes(runs, os.cpu_count() or 1):
      found = fate(outcome)
      killed += found == 'killed'
      print(f'{found:9} {outcome.seconds:5.1f} s  {run.name}{_by(outcome)}', flush=True)
      shutil.rmtree(run.folder)
  print(f'{killed} of {len(mutants)} killed')
  return int(killed < len(mutants))


if __name__ == '__main__':
  wanted = sys.argv[1:] or ['']
  sys.exit(main([m for m in MUTANTS if any(part in m.name for part in wanted)]))
