"""Promise 10: a program is the same whatever machine lowers it.

For CUDA and TPU here, on a CPU, nothing is in it that only a CPU would gain from.
"""

import collections
import re

import jax

from promises import export

# What another machine would run for nothing; programs for a CPU once held it.
_PECULIAR = ('case', 'if', 'optimization_barrier')


def _operations(text):
  return collections.Counter(re.findall(r'stablehlo\.(\w+)', text))


def _sums(found):
  """A CPU takes some sums as products of matrices, which are its alone: see norms/xla_cpu.py."""
  return found['reduce'] + found['dot_general']


def check_lowering(row):
  """Of value and gradient, small and large: no branch, no barrier, and no sum more than a CPU's."""
  for size in export.SIZES[export.kind(row)][::2]:
    described = export.described_case(row, export.shape_at(row, size))
    traced = jax.jit(export.pulled(row)).trace(*described, {})
    texts = [traced.lower(lowering_platforms=(p,)).as_text() for p in export.PLATFORMS]
    cpu, cuda, tpu = map(_operations, texts)
    for name, found, text in (('cuda', cuda, texts[1]), ('tpu', tpu, texts[2])):
      held = {operation: found[operation] for operation in _PECULIAR if found[operation]}
      assert not held, f'a program for {name} of {size} holds {held}'
      assert _sums(found) <= _sums(cpu), f'{name}, {size}: more sums than on a CPU'
      assert 'inlineable' not in text, f"a program for {name} of {size} holds a call of a CPU's"
    assert _sums(cuda) == _sums(tpu), f'{size}: as many sums on both'


PROMISES = (('lowering', check_lowering, lambda row: True),)
