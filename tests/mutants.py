"""Breaks the library one line at a time and asks the tests to notice.

    python tests/mutants.py [part of a mutant's name ...]

Each mutant is applied to a copy of the library in a temporary folder, and the tests named beside
it run there. A survivor is a missing test: exit status 1.
"""

import os
import pathlib
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
    'epsilon outside the root', 'core.py',
    'lax.rsqrt(guarded) * unit',
    'unit / (jnp.sqrt(var) + r.epsilon * unit)',
    'batch-formula-unit',
  ),
  Mutant(
    'N - 1 for N', 'core.py',
    'square = reduction.mean(r, count, reduction.square(x * unit))',
    'square = reduction.mean(r, count - 1, reduction.square(x * unit))',
    'batch-formula-unit',
  ),
  Mutant(
    'mask ignored by the count', 'reduction.py',
    'jnp.broadcast_to(True if mask is None else mask, x.shape)',
    'jnp.broadcast_to(True, x.shape)',
    'batch-mask-oracle',
  ),
  Mutant(
    'mask ignored by the statistics', 'core.py',
    '  x = keep(mask, x).astype(compute_dtype(x))\n',
    '  x = x.astype(compute_dtype(x))\n',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the variance', 'core.py',
    'x = keep(mask, x - shift)',
    'x = x - shift',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the value', 'core.py',
    'return keep(mask, (x - fit.shift) * fit.rstd - fit.k), 0.0',
    'return (x - fit.shift) * fit.rstd - fit.k, 0.0',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the tangent', 'core.py',
    'keep(mask, dx.astype(compute_dtype(x))) * fit.rstd',
    'dx.astype(compute_dtype(x)) * fit.rstd',
    'batch-mask',
  ),
  Mutant(
    'mask ignored by the mean in the tangent', 'core.py',
    'scale * mean_t if mask is None else jnp.where(mask, scale * mean_t, 0)',
    'scale * mean_t',
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
    'means = [reduction.over_devices(r, a) / jnp',
    'means = [a * r.devices / jnp',
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
    'of_one = scale * mean_t if',
    'of_one = 0 * mean_t if',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped y <y dx>', 'core.py',
    '(0.0 if dscale is None else dscale) - scale * mean_yt',
    '(0.0 if dscale is None else dscale)',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped dscale', 'core.py',
    '(0.0 if dscale is None else dscale) - scale * mean_yt',
    '-scale * mean_yt',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped dbias', 'core.py',
    '((0.0 if dbias is None else dbias) - of_one - k * of_y)',
    '(-of_one - k * of_y)',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped scale before dx', 'core.py',
    'dz = scale * t +',
    'dz = t +',
    'batch-gradient-unit',
  ),
  Mutant(
    'dropped mean tangent', 'core.py',
    'Moments(mean_t / fit.rstd, dvar',
    'Moments(0 * mean_t, dvar',
    'state-gradient',
  ),
  Mutant(
    'dropped variance tangent', 'core.py',
    'dvar = 2 * mean_yt / jnp.square(fit.rstd)',
    'dvar = 0 * mean_yt',
    'state-gradient',
  ),
  Mutant(
    'rounding left in the mean', 'core.py',
    'drift = reduction.mean(r, count, x) if r.refine else drift',
    'drift = 0 * shift',
    'batch-formula-offset',
  ),
  Mutant(
    'one pass for the variance', 'core.py',
    'square = reduction.mean(r, count, reduction.square(x * unit))',
    'square = reduction.mean(r, count, reduction.square((x + shift) * unit))'
    ' - reduction.square(shift * unit)',
    'batch-formula-offset',
  ),
  Mutant(
    'overflow of the square', 'core.py',
    'over = jnp.isinf(square)',
    'over = jnp.zeros_like(square, bool)',
    'no-nan-largest',
  ),
  Mutant(
    'no conjugate', 'core.py',
    '(jnp.conj(q) * t).real',
    '(q * t).real',
    'batch-dtype-complex',
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
    'return z.astype(affine_dtype(x, scale, bias))',
    'return z',
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
    'length / math.sqrt(n), None',
    'length, None',
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
    'weight norm: gradient at a zero kernel', 'kernels.py',
    'None, alive, axes=axes',
    'None, None, axes=axes',
    'test_a_zero_kernel',
  ),
)  # fmt: skip


def _copy(folder: pathlib.Path) -> None:
  for name in ('norms', 'tests'):
    ignored = shutil.ignore_patterns('__pycache__', 'lab')
    shutil.copytree(ROOT / name, folder / name, ignore=ignored)
  shutil.copy(ROOT / 'pyproject.toml', folder)


def _run(folder: pathlib.Path, tests: str) -> subprocess.CompletedProcess:
  """pytest on the copy; -m '' since a slow test may be the one that kills."""
  command = [
    sys.executable,
    '-m',
    'pytest',
    '-x',
    '-q',
    '-n',
    '0',
    '-p',
    'no:cacheprovider',
    '-k',
    tests,
  ]
  files = ['tests/test_norms.py', 'tests/test_further_norms.py']
  environment = {**os.environ, 'PYTHONPATH': str(folder)}
  return subprocess.run(
    command + files, cwd=folder, env=environment, capture_output=True, text=True, check=False
  )


def _try(folder: pathlib.Path, mutant: Mutant) -> str:
  path = folder / 'norms' / mutant.file
  text = path.read_text()
  if mutant.old not in text:
    return 'does not apply: its line has changed'
  path.write_text(text.replace(mutant.old, mutant.new))
  try:
    found = _run(folder, mutant.tests)
  finally:
    path.write_text(text)
  # 1: a test failed; anything else but 0 is an error of this script's, such as no test of the name.
  return {0: 'SURVIVED', 1: 'killed'}.get(found.returncode, found.stdout[-500:])


def main(wanted) -> int:
  mutants = [m for m in MUTANTS if not wanted or any(part in m.name for part in wanted)]
  fates = []
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    _copy(folder)
    every = ' or '.join(sorted({m.tests for m in mutants}))
    unbroken = _run(folder, every)
    if unbroken.returncode:
      print(f'the tests fail without any mutant:\n{unbroken.stdout[-2000:]}')
      return 1
    for mutant in mutants:
      start = time.monotonic()
      fates.append(_try(folder, mutant))
      print(f'{fates[-1]:9} {time.monotonic() - start:5.1f} s  {mutant.name}', flush=True)
  print(f'{fates.count("killed")} of {len(mutants)} killed')
  return int(fates.count('killed') < len(mutants))


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
