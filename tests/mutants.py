"""Breaks the library and the lab one line at a time and asks the tests to notice.

    python tests/mutants.py [part of a mutant's name ...]

Each mutant is applied to a copy of the library in a temporary folder, and the tests named beside
it run there. A survivor is a missing test: exit status 1.
"""

from concurrent import futures
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Mutant(NamedTuple):
  """`old` becomes `new` in a file of the library; `tests` is what pytest -k gets."""

  name: str
  file: str
  old: str
  new: str
  tests: str


MUTANTS = (
  Mutant(
    'epsilon outside the root', 'moments.py',
    'rstd = lax.rsqrt(guarded)',
    'rstd = 1 / (jnp.sqrt(var) + r.epsilon)',
    'batch-formula-unit',
  ),
  Mutant(
    'N - 1 for N', 'moments.py',
    'var = reduction.mean(r, count, reduction.square(x))',
    'var = reduction.mean(r, count - 1, reduction.square(x))',
    'batch-formula-unit',
  ),
  Mutant(
    'mask ignored by the count', 'reduction.py',
    'jnp.broadcast_to(True if mask is None else mask, x.shape)',
    'jnp.broadcast_to(True, x.shape)',
    'batch-mask-oracle',
  ),
  Mutant(
    'mask ignored by the statistics', 'moments.py',
    '  x = keep(mask, x).astype(compute_dtype(x))\n',
    '  x = x.astype(compute_dtype(x))\n',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the variance', 'moments.py',
    'x = keep(mask, x - mean)',
    'x = x - mean',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the value', 'core.py',
    'd, k = keep(mask, d if k is None else d - k), None',
    'd, k = d if k is None else d - k, None',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the tangent', 'core.py',
    'dx = keep(mask, dx.astype(compute_dtype(x)))',
    'dx = dx.astype(compute_dtype(x))',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the mean in the tangent', 'core.py',
    'keep(mask, dz + of_1) +',
    'keep(mask, dz) + of_1 +',
    'batch-mask',
  ),
  Mutant(
    'mask by multiplication', 'reduction.py',
    'jnp.where(mask, a, jnp.zeros_like(a))',
    'jnp.where(mask, a, 0 * a)',
    'batch-mask-nothing-leaks',
  ),
  Mutant(
    'an empty mask moves the running statistics', 'running.py',
    'jnp.where(n > 0, new, old)',
    'jnp.where(True, new, old)',
    'batch-state-empty-batch',
  ),
  Mutant(
    'one empty feature moves its running statistics', 'running.py',
    'jnp.where(n > 0, new, old)',
    'jnp.where(jnp.any(n > 0), new, old)',
    'batch-two-axes-state',
  ),
  Mutant(
    'swapped momentum', 'running.py',
    'kept, gained, count = momentum, 1 - momentum, running.count',
    'kept, gained, count = 1 - momentum, momentum, running.count',
    'batch-state-update',
  ),
  Mutant(
    'unweighted synchronisation', 'reduction.py',
    'return total(r, present.astype(compute_dtype(x.real)))',
    'return jnp.sum(present.astype(compute_dtype(x.real)), r.axes, keepdims=True) * r.devices',
    'batch-devices-vmap',
  ),
  Mutant(
    'no synchronisation of the backward pass', 'core.py',
    'jax.tree.map(functools.partial(reduction.over_devices, r), own)',
    'jax.tree.map(lambda a: a * r.devices, own)',
    'batch-devices-vmap',
  ),
  Mutant(
    'statistics in bfloat16', 'reduction.py',
    'return jnp.promote_types(x.dtype, jnp.float32)',
    'return x.dtype',
    'batch-formula-bfloat16',
  ),
  Mutant(
    'running statistics in the batch\'s dtype', 'running.py',
    'jnp.where(n > 0, new, old).astype(old.dtype)',
    'jnp.where(n > 0, new, old).astype(new.dtype)',
    'batch-state-carry',
  ),
  Mutant(
    'dropped <dx>', 'core.py',
    'scaled(-mean_t)',
    'scaled(-0 * mean_t)',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped y <y dx>', 'core.py',
    '(0.0 if dscale is None else dscale) + scaled(-mean_yt)',
    '(0.0 if dscale is None else dscale) + scaled(-0 * mean_yt)',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped dscale', 'core.py',
    '(0.0 if dscale is None else dscale) + scaled(-mean_yt)',
    'scaled(-mean_yt)',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped dbias', 'core.py',
    'of_1 + covariance.along(dbias, own)',
    'of_1',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped dbias under a mask', 'core.py',
    ' + covariance.along(dbias, x.shape)',
    '',
    'batch-mask',
  ),
  Mutant(
    'sums not over the deviation', 'core.py',
    'jnp.where(by.rstd == 0, 0, a / by.std)',
    'jnp.where(by.rstd == 0, 0, a)',
    'batch-gradient-unit',
  ),
  Mutant(
    'no end to a sum over no deviation', 'core.py',
    'jnp.where(by.rstd == 0, 0, a / by.std)',
    'a / by.std',
    'test_no_gradient_where_the_variance_overflows',
  ),
  Mutant(
    'dropped scale before dx', 'core.py',
    '_slope(by.rstd, scale) * dx',
    'by.rstd * dx',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped mean tangent', 'core.py',
    'else mean_t / rstd',
    'else 0 * mean_t',
    'state-gradient',
  ),
  Mutant(
    'dropped variance tangent', 'core.py',
    'Moments(dmean, 2 * mean_yt / rstd / rstd',
    'Moments(dmean, 0 * mean_yt',
    'state-gradient',
  ),
  Mutant(
    'rounding left in the mean', 'moments.py',
    '_below(largest**0.5, reduction.mean(r, count, x) / unit)',
    '0 * mean',
    'batch-formula-offset',
  ),
  Mutant(
    'one pass for the variance', 'moments.py',
    'var = reduction.mean(r, count, reduction.square(x)) / unit**2',
    'var = reduction.mean(r, count, reduction.square(x + mean)) - reduction.square(mean)',
    'batch-formula-offset',
  ),
  Mutant(
    'squares that are not scaled', 'reduction.py',
    '-max(0, math.ceil(',
    '-min(0, math.ceil(',
    'test_magnitudes_of_many_entries',
  ),
  Mutant(
    'overflow of the square', 'moments.py',
    '_below(largest**0.5, reduction.mean(r, count, x) / unit)',
    'reduction.mean(r, count, x) / unit',
    'no-nan-largest',
  ),
  Mutant(
    'no conjugate', 'core.py',
    '(jnp.conj(y) * v).real',
    '(y * v).real',
    'batch-dtype-complex',
  ),
  Mutant(
    'one pass where it loses digits', 'moments.py',
    'mean * mean <= 4 * var',
    'mean * mean <= 4000 * var',
    'test_both_sides',
  ),
  Mutant(
    'overflow of one pass', 'moments.py',
    ' & jnp.isfinite(var)',
    '',
    'test_a_sum_of_squares',
  ),
  Mutant(
    'drift of one pass forgotten', 'core.py',
    '- k * of_y\n',
    '\n',
    'test_covariance and gradient-unit',
  ),
  Mutant(
    'shift forgotten by the sum', 'covariance.py',
    'lax.cond(jnp.all(shift == 0)',
    'lax.cond(jnp.all(shift == shift)',
    'test_covariance and gradient-offset',
  ),
  Mutant(
    'few entries in one chain', 'covariance.py',
    'if not _staged(a.shape, axes):',
    'if True:',
    'test_few_entries',
  ),
  Mutant(
    'few cotangents in one chain', 'covariance.py',
    'if not _staged(shape, axes):',
    'if True:',
    'test_few_entries',
  ),
  Mutant(
    'many entries in two stages', 'covariance.py',
    'math.prod(shape) < FEW and',
    'True and',
    'test_many_entries',
  ),
  Mutant(
    'stages in bfloat16', 'covariance.py',
    'b.astype(compute_dtype(b))',
    'b',
    'test_few_entries',
  ),
  Mutant(
    'a group of one channel', 'reduction.py',
    'return pooled(r, jnp.sum(a, r.axes, keepdims=True))',
    'return jnp.sum(a, r.axes, keepdims=True)',
    'group-formula-unit',
  ),
  Mutant(
    'y kept as well as x', 'core.py',
    'recompute = reduction.recompute',
    'recompute = lambda f: f',
    'batch-memory',
  ),
  Mutant(
    'centred root mean square', 'sample.py',
    'center=False, ',
    '',
    'rms-formula-unit',
  ),
  Mutant(
    'output in float32', 'core.py',
    '.astype(affine_dtype(x, scale, bias))',
    '',
    'batch-dtype-output',
  ),
  Mutant(
    'evaluation by the batch', 'batch.py',
    '  if not training:',
    '  if not training and batch_stats is None:',
    'batch-state-evaluation',
  ),
  Mutant(
    'weight norm by the mean square', 'kernels.py',
    'jnp.where(_alive(v, axes), length, 0) / math.sqrt(n)',
    'jnp.where(_alive(v, axes), length, 0)',
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
    'core.keep(mask, scaled - moments.mean), unit, moments.mean',
    'scaled, unit, 0 * moments.mean',
    'switchable-formula-offset',
  ),
  Mutant(
    'a gradient through the running corrections', 'renorm.py',
    'return lax.stop_gradient(r), lax.stop_gradient(d)',
    'return r, d',
    'batch-renorm-gradient-unit',
  ),
  Mutant(
    'z under the mask moved by the correction', 'renorm.py',
    '  if mask is not None:\n    z = jnp.where',
    '  if False:\n    z = jnp.where',
    'batch-renorm-mask',
  ),
  Mutant(
    'ghosts that share running statistics', 'running.py',
    'return lax.scan(step, batch_stats, each)[0]',
    'return update(batch_stats, core.Moments(*(m[0] for m in each)), momentum=momentum)',
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
    'channels = jnp.maximum(jnp.sum(seen, features, keepdims=True), 1)',
    'channels = jnp.maximum(jnp.sum(seen | True, features, keepdims=True), 1)',
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
    'jnp.abs(more) /',
    'more /',
    'test_a_learnt_epsilon',
  ),
  Mutant(
    'learnt epsilon: no end to an empty channel', 'response.py',
    'jnp.abs(more) / jnp.where(square == 0, 1, square)',
    'jnp.abs(more) / square',
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
    'jnp.where(_alive(v, axes), length, 0)',
    'jnp.where(True, length, 0)',
    'test_a_zero_kernel',
  ),
  Mutant(
    'kernels by fan-out', 'lab/training.py',
    'math.prod(kernel.shape[:-1])',
    'kernel.shape[-1]',
    'test_init_scale_is_times',
  ),
  Mutant(
    'one scale for all kernels', 'lab/training.py',
    "hyper['head' if path == paths[-1] else 'scale']",
    "hyper['scale']",
    'test_the_last_kernel',
  ),
  Mutant(
    'weight norm starts with lengths of 1', 'lab/training.py',
    "if last == 'scale' and kernel is not None",
    "if last == 'none' and kernel is not None",
    'test_weight_norm_starts',
  ),
  Mutant(
    'one order for all epochs', 'lab/program.py',
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
    'each epoch its first batch alone', 'lab/program.py',
    'lax.dynamic_slice_in_dim(order, done * size, size)',
    'lax.dynamic_slice_in_dim(order, 0 * done, size)',
    'test_an_epochs_curves',
  ),
  Mutant(
    "a family's batch sizes in another order", 'lab/program.py',
    'for size in sizes]',
    'for size in reversed(sizes)]',
    'test_compiled_with_other',
  ),
  Mutant(
    'the last step that diverged', 'lab/training.py',
    'first = (diverged_at < 0) & ~jnp.isfinite(loss)',
    'first = ~jnp.isfinite(loss)',
    'test_a_diverged_lane',
  ),
  Mutant(
    "an epoch's last loss for its mean", 'lab/training.py',
    'lambda a, b: a + b / steps',
    'lambda a, b: b',
    'test_an_epochs_curves',
  ),
  Mutant(
    "an epoch's last loss for its first", 'lab/training.py',
    "jnp.where(step == begun, seen['minibatch_loss'], first)",
    "seen['minibatch_loss']",
    'test_an_epochs_curves',
  ),
  Mutant(
    'the square of the gradient norm', 'lab/training.py',
    'return jnp.sqrt(jnp.sum(squares)), step + 1',
    'return jnp.sum(squares), step + 1',
    'test_the_norm_of_the_gradient',
  ),
  Mutant(
    'gradients of one device', 'lab/training.py',
    'grads, new = jax.lax.pmean((grads, new), axis_name)',
    'new = jax.lax.pmean(new, axis_name)',
    'test_pmap_of_the_step',
  ),
  Mutant(
    "one vector's updates for another", 'lab/optimizer.py',
    '    start += leaf.size\n  return',
    '  return',
    'test_gathered or test_parameters_are_updated',
  ),
  Mutant(
    'loss: no maximum taken out', 'lab/loss.py',
    'shifted = logits - jnp.max(logits, -1, keepdims=True)',
    'shifted = logits',
    'test_logits_beyond',
  ),
  Mutant(
    'loss: a slope for each example', 'lab/loss.py',
    '(exp / total - at_label) / len(labels)',
    'exp / total - at_label',
    'test_it_is_optaxs',
  ),
  Mutant(
    'judged by running statistics', 'lab/evaluation.py',
    'jnp.stack(a), stats, rest)',
    'jnp.stack(a), rest, rest)',
    'test_exact_statistics',
  ),
  Mutant(
    'pooled variance without the means', 'lab/evaluation.py',
    'whole[path] += average(jnp.square(flat[mean] - whole[mean]))',
    'whole[path] += 0',
    'test_pooled_statistics or test_batches_change',
  ),
  Mutant(
    'batches pooled without counts', 'lab/evaluation.py',
    'jnp.full(len(a), a.shape[1] / len(x))',
    'jnp.full(len(a), 1 / len(made) / len(a))',
    'test_batches_change',
  ),
  Mutant(
    "a normal's quantile for Student's", 'lab/statistics/intervals.py',
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
    'trained without a falling loss', 'lab/statistics/intervals.py',
    'p_value < 1e-3 and last_loss <= 0.99 * first_loss',
    'p_value < 1e-3',
    'test_not_trained',
  ),
  Mutant(
    'trained at chance', 'lab/statistics/intervals.py',
    'p_value < 1e-3',
    'p_value < 0.5',
    'test_trained',
  ),
  Mutant(
    'no correction for many pairs', 'lab/statistics/rules.py',
    'level = 1 - 0.05 / len(pairs)',
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
    "return table.groupby(level='seed').mean()",
    'return table',
    'test_a_seed_counts_once',
  ),
)  # fmt: skip


LIBRARY = ('norms', 'further_norms', 'covariance')
LAB = ('training', 'evaluation', 'optimizer', 'loss', 'statistics', 'workers')


def _copy(folder: pathlib.Path) -> None:
  for name in ('norms', 'tests', 'configs'):
    ignored = shutil.ignore_patterns('__pycache__')
    shutil.copytree(ROOT / name, folder / name, ignore=ignored)
  shutil.copy(ROOT / 'pyproject.toml', folder)


def files(mutant: Mutant) -> tuple[str, ...]:
  """Where the tests that are to kill it are."""
  lab = mutant.file.startswith('lab/')
  return tuple(f'tests/{"lab/" * lab}test_{name}.py' for name in (LAB if lab else LIBRARY))


def _run(folder: pathlib.Path, tests: str, where: tuple[str, ...]) -> subprocess.CompletedProcess:
  """pytest on the copy, in one process: most mutants are a matter of one quick test."""
  options = ['-x', '-q', '-n', '0', '-p', 'no:cacheprovider', '-k', tests]
  environment = {**os.environ, 'PYTHONPATH': str(folder)}
  return subprocess.run(
    [sys.executable, '-m', 'pytest', *options, *where],
    cwd=folder,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )


def _try(folder: pathlib.Path, mutant: Mutant) -> str:
  path = folder / 'norms' / mutant.file
  text = path.read_text()
  if mutant.old not in text:
    return 'does not apply: its line has changed'
  path.write_text(text.replace(mutant.old, mutant.new))
  try:
    found = _run(folder, mutant.tests, files(mutant))
  finally:
    path.write_text(text)
  # 1: a test failed; anything else but 0 is an error of this script's, such as no test of the name.
  return {0: 'SURVIVED', 1: 'killed'}.get(found.returncode, found.stdout[-500:])


def _unbroken(folder: pathlib.Path, mutants) -> None:
  """The tests that are to kill pass without any mutant, else the script ends."""
  for where in dict.fromkeys(map(files, mutants)):
    every = ' or '.join(sorted({m.tests for m in mutants if files(m) == where}))
    found = _run(folder, every, where)
    if found.returncode:
      sys.exit(f'the tests fail without any mutant:\n{found.stdout[-2000:]}')


def main(wanted) -> int:
  mutants = [m for m in MUTANTS if not wanted or any(part in m.name for part in wanted)]
  with tempfile.TemporaryDirectory() as name, futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    copies: queue.SimpleQueue[pathlib.Path] = queue.SimpleQueue()
    for i in range(os.cpu_count() or 1):
      folder = pathlib.Path(name) / str(i)
      _copy(folder)
      copies.put(folder)
    _unbroken(folder, mutants)

    def fate(mutant: Mutant) -> tuple[str, float]:
      folder, start = copies.get(), time.monotonic()
      try:
        return _try(folder, mutant), time.monotonic() - start
      finally:
        copies.put(folder)

    fates = []
    for mutant, (found, seconds) in zip(mutants, pool.map(fate, mutants), strict=True):
      fates.append(found)
      print(f'{found:9} {seconds:5.1f} s  {mutant.name}', flush=True)
  print(f'{fates.count("killed")} of {len(mutants)} killed')
  return int(fates.count('killed') < len(mutants))


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
