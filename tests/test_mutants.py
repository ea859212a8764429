"""tests/mutants.py tells what survives from what is killed."""

import pathlib
import re
import subprocess
import sys

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
