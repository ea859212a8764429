"""What a norm costs on a mesh: never more exchanges, gathered arrays or memory than Flax's.

Against Flax's with use_fast_variance=False, the formula that holds at an offset, as ours does.
`python -m tests.collectives` prints the figures, of Flax's default as well.
"""

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
import pytest

from tests.collectives import cost, programs

SLOW = pytest.mark.slow


def test_what_is_counted():
  """Were XLA to print its programs otherwise, nothing would be found, and all else would pass."""
  place = programs.PLACES['positions']
  whole, split = (NamedSharding(place.mesh('Auto'), P(*spec)) for spec in ((), place.spec))
  x = jax.ShapeDtypeStruct(place.shape, jnp.float32, sharding=split)
  known = {
    'one': (lambda x: (jnp.sum(x, (0, 1)), jnp.sum(x * x, (0, 1))), {'all-reduce': 1}, 0),
    'one after the other': (lambda x: jnp.var(x, (0, 1)), {'all-reduce': 2}, 0),
    'the whole of it': (lambda x: x + 1, {'all-gather': 1}, 8 * place.share),
  }
  for name, (f, counts, gathered) in known.items():
    found = cost(jax.jit(f, out_shardings=whole).lower(x).compile())
    assert dict(found.counts) == counts and found.gathered == gathered, f'{name}: {found}'


def _cases(kinds):
  """One norm at one place for one kind of axes: what differs most by default, all of it if slow."""
  for name, place in programs.PLACES.items():
    for norm in programs.MODULES:
      quick = name in ('batch', 'features', 'batch, positions')
      quick |= norm in ('layer', 'rms') and name in ('long sequence', 'heads')
      for kind in ('Auto', 'Explicit'):
        marks = () if quick and kind in kinds else SLOW
        yield pytest.param(norm, place, kind, id=f'{norm}-{name}-{kind}', marks=marks)


def _flaxs(norm, place, kind):
  """None where Flax raises: of an input that has its features split, with Explicit axes."""
  try:
    return programs.step('two passes', norm, place, kind)
  except ValueError:
    assert norm == 'group' and place.spec[-1] and kind == 'Explicit'


@pytest.mark.parametrize('norm, place, kind', list(_cases(('Auto',))))
def test_a_step_needs_no_more_than_flaxs(norm, place, kind):
  """In exchanges and bytes; and no activation is put together for it that Flax leaves apart.

  XLA places what it needs in one of several orders, which differ by 2 KB: 4 KB are allowed.
  """
  ours = programs.step('ours', norm, place, kind)
  theirs = _flaxs(norm, place, kind)
  if theirs is None:
    assert ours.gathered < place.share, ours
    return
  assert ours.gathered < max(place.share, theirs.gathered + 1), f'{ours}\nFlax: {theirs}'
  assert ours.exchanges <= theirs.exchanges, f'{ours}\nFlax: {theirs}'
  assert ours.temporary <= theirs.temporary + 4096, f'{ours}\nFlax: {theirs}'


@pytest.mark.parametrize('norm, place, kind', list(_cases(('Explicit',))))
def test_a_backward_pass_exchanges_once(norm, place, kind):
  """Along each axis of the mesh: XLA adds up along one after the other."""
  _, backward = programs.halves('ours', norm, place, kind)
  assert backward.exchanges <= len(place.sizes), backward


@pytest.mark.parametrize('of_params', [True, False], ids=['all', 'x'])
@pytest.mark.parametrize('check_vma', [True, False], ids=['checked', 'unchecked'])
@pytest.mark.parametrize('norm', programs.MODULES)
def test_over_a_named_axis_each_pass_exchanges_once(norm, check_vma, of_params):
  """Forward as backward; Flax's default does so by giving up the digits of an offset."""
  forward, whole = programs.named('ours', norm, check_vma, of_params)
  assert forward.exchanges <= 1, forward
  assert whole.exchanges - forward.exchanges <= 1, f'{whole}, of which forward {forward}'
