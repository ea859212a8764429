"""Prints what our norms and Flax's exchange on a mesh of eight virtual devices, place by place."""

import itertools
import os

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import flax
import jax

from tests.collectives import programs


def _each(costs) -> str:
  """A cell of the table: exchanges of all passes, what is gathered and what is temporary."""
  whole, passes = costs[0], '+'.join(str(cost.exchanges) for cost in costs[1:])
  gathered = f'{whole.counts["all-gather"]} of {whole.gathered:,}' if whole.gathered else ''
  return f'{whole.exchanges:3} ({passes}) {gathered:>14}{whole.temporary:12,}'


def _tried(measure, *given) -> str:
  try:
    return _each(measure(*given))
  except Exception as error:  # JAX's own, of shardings, is of no narrower class
    return f'raises {type(error).__name__}'


def _over_meshes(*given):
  return programs.step(*given), *programs.halves(*given)


def _over_a_name(*given):
  forward, whole = programs.named(*given)
  return whole, forward


_LINE = '{:9}{:16}' + '{:>36}' * 3


def main():
  """Prints the tables."""
  jax.config.update('jax_num_cpu_devices', 8)
  kind = jax.devices()[0].device_kind
  print(f'jax {jax.__version__}, flax {flax.__version__}, {jax.device_count()} x {kind}')
  print('exchanges of a step (forward + backward), all-gathers of bytes, temporary bytes')
  print(_LINE.format('', '', 'ours', 'Flax, use_fast_variance=False', 'Flax'))
  for name, place in programs.PLACES.items():
    print(f'\n{name}: {place.shape}, split {place.spec}, mesh {place.sizes}')
    for norm in programs.MODULES:
      for kind in ('Auto', 'Explicit'):
        cells = (_tried(_over_meshes, each, norm, place, kind) for each in programs.LIBRARIES)
        print(_LINE.format(norm, kind, *cells), flush=True)
  print(f'\nover a named axis of shard_map: {programs.CUBE}, of a step (forward)')
  for norm in programs.MODULES:
    for check, of_params in itertools.product((True, False), repeat=2):
      what = f'{"checked" if check else "unchecked"}{"" if of_params else ", x"}'
      cells = (_tried(_over_a_name, each, norm, check, of_params) for each in programs.LIBRARIES)
      print(_LINE.format(norm, what, *cells), flush=True)


if __name__ == '__main__':
  main()
