"""Whole models, a training step each: with our norms against Flax's, and without any.

A step is a forward pass, its gradient and plain SGD, compiled by itself (not in a loop: XLA:CPU's
convolutions are slow in one). Its variants take turns in one process, each once a round, in a
random order. The persistent cache of compilations is off.
"""

from collections.abc import Iterable
import contextlib
import statistics
from typing import Any

import jax.numpy as jnp
import numpy as np

from tests.benchmarks.nets import NETS, measure
from tests.benchmarks.timing import geometric_mean

ROUNDS, REPEATS = 41, 3
TORCH_ROUNDS = 11  # it takes no part in the ratios
DTYPES = jnp.float32, jnp.bfloat16
LIKELY = 1.02  # a step's interval must not lie wholly above it
CLEAR, MUCH = 0.95, 0.2  # a step's median must be below, where norms take so much of it
BUILT = 1.1  # trace, lower and compile together
TEMPORARY = 0.9  # geometric mean of temporary bytes


def run(*, tiny: bool, only: Iterable[str] = ()) -> dict[str, Any]:
  """Prints a row per model and dtype, then what holds; all figures."""
  unknown = set(only) - set(NETS)
  if unknown:
    raise SystemExit(f'--only: no model {sorted(unknown)}: choose from {", ".join(NETS)}')
  measure.without_cache()
  rounds, repeats = (1, 1) if tiny else (ROUNDS, REPEATS)
  print(f'a training step, median of {rounds} rounds; norms: what a step without them takes less')
  print('  [95% interval of the median of the ratios by round, by order statistics]')
  print(f'trace, lower, compile: the least of {repeats}; temporary: what the program allocates')
  print("PyTorch: eager, after the others' rounds, on as many threads as it chooses\n")
  print(f'{"":18}{"ours ms":>9}{"Flax ms":>9}{"none ms":>9}{"norms":>7}  '
        f'{"ours/Flax":22}{"trace+lower+compile s: ours, Flax":>40}{"ratio":>7}'
        f'{"MB: ours":>10}{"Flax":>7}{"ratio":>7}{"torch ms":>10}')  # fmt: skip
  rows = []
  for name in only or NETS:
    # A tiny run is for the code, most of which is the same in both.
    for dtype in DTYPES if name == 'lm1b' or not tiny else DTYPES[:1]:
      found = measure.measure(NETS[name], dtype, tiny=tiny, rounds=rounds, repeats=repeats)
      kind = jnp.dtype(dtype).name
      rows.append({'model': name, 'dtype': kind} | found)
      rows[-1]['milliseconds']['torch'] = _torch(name, kind, min(rounds, TORCH_ROUNDS), tiny)
      print(_row(rows[-1]), flush=True)
  return {'rounds': rounds, 'repeats': repeats, 'rows': rows, 'verdicts': _summary(rows)}


def _row(row: dict[str, Any]) -> str:
  ms, build, temporary = (row[key] for key in ('milliseconds', 'build_seconds', 'temporary_bytes'))
  stages = ', '.join(
    '+'.join(f'{build[who][stage]:.2f}' for stage in measure.STAGES) for who in ('ours', 'flax')
  )
  torch = 'n/a' if ms['torch'] is None else f'{ms["torch"]:.1f}'
  return (
    f'{row["model"]:9}{row["dtype"]:9}{ms["ours"]:9.1f}{ms["flax"]:9.1f}{ms["none"]:9.1f}'
    f'{row["norms_share"]:7.1%}  {_interval(row):22}{stages:>40}{row["build_ratio"]:7.2f}'
    f'{temporary["ours"] / 1e6:10.2f}{temporary["flax"] / 1e6:7.2f}{row["temporary_ratio"]:7.2f}'
    f'{torch:>10}'
  )


def _interval(row: dict[str, Any]) -> str:
  ratio = row['step_ratio']
  return f'{ratio["median"]:.3f} [{ratio["low"]:.3f}, {ratio["high"]:.3f}]'


def _summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
  """Prints each bar and whether it holds."""
  verdicts = []

  def judge(what: str, found: str, bar: str, holds: bool) -> None:
    verdicts.append({'what': what, 'found': found, 'bar': bar, 'holds': holds})
    print(f'{"holds" if holds else "refuted":8} {what:34}{found:24} {bar}')

  print()
  for row in rows:
    name, ratio = f'{row["model"]} {row["dtype"]}', row['step_ratio']
    judge(f'{name}: step', _interval(row), f'not wholly above {LIKELY}', ratio['low'] <= LIKELY)
    if row['norms_share'] >= MUCH:
      bar = f'median below {CLEAR}, norms being {row["norms_share"]:.0%} of a step'
      judge(f'{name}: step', f'{ratio["median"]:.3f}', bar, ratio['median'] < CLEAR)
    built = row['build_ratio']
    judge(f'{name}: build', f'{built:.3f}', f'at most {BUILT}', built <= BUILT)
  mean = geometric_mean(row['temporary_ratio'] for row in rows)
  judge('temporary bytes, geometric mean', f'{mean:.3f}', f'at most {TEMPORARY}', mean <= TEMPORARY)
  refuted = sum(not verdict['holds'] for verdict in verdicts)
  print(f'{len(verdicts) - refuted} of {len(verdicts)} hold')
  for key, text in (('step_ratio', 'step'), ('build_ratio', 'trace, lower and compile')):
    values = [row[key]['median'] if key == 'step_ratio' else row[key] for row in rows]
    print(f'{text}: ours/Flax {geometric_mean(values):.3f} (geometric mean over rows)')
  return verdicts


def _torch(name: str, dtype: str, rounds: int, tiny: bool) -> float | None:
  """Milliseconds of PyTorch's step, by itself: its threads wait for work while another's run."""
  with contextlib.suppress(ImportError):
    from tests.benchmarks.nets import torch_nets

    call = torch_nets.step(name, dtype, tiny)
    if call is not None:
      seconds = measure.in_turns({'torch': call}, rounds, np.random.default_rng(0))
      return statistics.median(seconds['torch']) * 1e3
  return None
