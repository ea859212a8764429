"""Promise 10: a program does not depend on the machine that lowers it.

Lowered on this CPU for CUDA and TPU, it holds nothing that is of use on a CPU only.
"""

import collections
import re

import jax

from promises import export

# Operations that would be of no use on other platforms; programs for CPUs once held them.
_PECULIAR = ('case', 'if', 'optimization_barrier')


def _operations(text):
  return collections.Counter(re.findall(r'stablehlo\.(\w+)', text))


def _sums(found):
  """The number of sums; on a CPU some are products of matrices, as norms/_src/xla_cpu.py says."""
  return found['reduce'] + found['dot_general']


def check_lowering(row):
  """Value and gradient, small and large, have no branch, no barrier and no more sums than a CPU."""
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
