"""CONTRIBUTING.md's worked example of a new norm: its code runs, and keeps every promise."""

import pathlib
import re

import numpy as np
from promises import PROMISES
import pytest

import norms
import norms.linen
import norms.nnx

WHOLE = (pathlib.Path(__file__).parents[1] / 'CONTRIBUTING.md').read_text()
TEXT = WHOLE.partition('\n## A new norm\n')[2].partition('\n## ')[0]
BLOCKS = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)


def _run() -> dict:
  """The names that the blocks define, run one after the other."""
  names = {'__name__': 'contributing'}
  for block in BLOCKS:
    exec(compile(block, 'CONTRIBUTING.md', 'exec'), names)
  return names


EXAMPLE = _run()
ROW, PROMISED = EXAMPLE['ADA_NORM'], EXAMPLE['PROMISED']


def _owed():
  return {
    name: check
    for name, check, applies in PROMISES
    if not name.startswith(('slow-', 'modules-')) and applies(PROMISED)
  }


@pytest.mark.parametrize('promise', _owed())
def test_the_example_keeps_the_promise(promise):
  _owed()[promise](PROMISED)


def test_the_three_agree_to_the_bit(monkeypatch):
  monkeypatch.setattr(norms, 'NORMS', {**norms.NORMS, ROW.name: ROW})
  owed = [check for name, check, _ in PROMISES if name == 'modules-training']
  assert owed
  owed[0](PROMISED)


def test_it_is_as_long_as_promised():
  """One function and one row: no class, and no file but the function's."""
  assert len(BLOCKS) == 4
  assert [line for line in BLOCKS[0].splitlines() if line.startswith(('def ', 'class '))] == [
    'def ada_norm('
  ]
  assert 'def ' not in BLOCKS[1] and 'class ' not in BLOCKS[0] + BLOCKS[1]


def test_its_modules_say_what_they_are():
  for library in (norms.linen, norms.nnx):
    made = library.module(ROW)
    assert made.__name__ == 'AdaNorm' and 'damps what is far from the mean' in made.__doc__


def test_the_lab_trains_it_by_its_dotted_name(tmp_path, monkeypatch):
  (tmp_path / 'mine.py').write_text('"""Of a user."""\n\n' + '\n\n'.join(BLOCKS[:2]))
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.syspath_prepend(pathlib.Path(__file__).parent / 'lab')
  import small

  frame, failed, _ = small.run(small.config(norm=('mine:ADA_NORM',), epochs=1), tmp_path)
  assert not failed
  assert np.isfinite(frame['test_loss']).all() and set(frame['epoch']) == {0, 1}
