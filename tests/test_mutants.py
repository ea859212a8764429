"""tests/mutants.py tells what survives; tests/changes.py changes what can matter."""

import pathlib
import re
import subprocess
import sys

import changes
import pytest

TESTS = pathlib.Path(__file__).resolve().parent
# In a process of its own, as none that has run JAX may be forked. Beside the first mutant stand its
# line unbroken, in other words, and the same with tests that there are none of.
CODE = """
import mutants

broken = mutants.MUTANTS[0]
unbroken = broken._replace(name='planted', new=broken.old.replace('= ', '= 0 + '))
print(mutants.main([broken, unbroken]))
print(mutants.main([unbroken._replace(tests='no such test')]))
"""


@pytest.mark.slow
def test_a_survivor_is_told():
  done = subprocess.run([sys.executable, '-c', CODE], cwd=TESTS, capture_output=True, text=True)
  assert re.search(r'^killed .* epsilon outside the root, by test_promise\[', done.stdout, re.M)
  assert re.search(r'^SURVIVED .* planted$', done.stdout, re.M), done.stdout + done.stderr
  assert '1 of 2 killed\n1\n' in done.stdout
  assert done.returncode == 1 and 'the tests fail without any mutant' in done.stderr


@pytest.mark.parametrize(('source', 'broken'), [
  ('a < b', ['(a <= b)']), ('abs(a) < 1e-9', ['(1.000000001)']),
  ('a > 0.5', ['(a >= 0.5)', '(1.5)']), ('f(1e300)', []),
  ('f(a, b)', ['(f(b, a))']), ('min(a, b)', []), ('(a, b)', ['((b, a))']),
  ('a.isin([b, c])', []), ('a.isin([b, 1])', ['(2)']), ('a in (b, c)', ['(a not in (b, c))']),
  ('a.replace([b, c], 0)', ['(a.replace(0, [b, c]))', '(1)']), ('set((a, b))', []),
  ('Row(a, traits=(b, c))', []), ('Row(a, axes=(b, c))', ['((c, b))']), ('a.min()', ['(a.max)']),
  ('b if a else c', ['(c if a else b)']), ('f(lw=1)', []),
  ('zip(strict=True)', []), ('not a', ['(a)']),
])  # fmt: skip
def test_what_cannot_matter_is_not_drawn(source, broken, tmp_path, monkeypatch):
  monkeypatch.setattr(changes, 'ROOT', tmp_path)
  file = tmp_path / 'norms' / 'one.py'
  file.parent.mkdir()
  file.write_text(f'{source}\n')
  assert [place.new for place in changes.places(file)] == broken
