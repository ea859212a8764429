"""A plugin of pytest: which functions of norms.lab each test calls, as JSON in NORMS_CALLS."""

import json
import os
import pathlib
import sys

import pytest

import norms

ROOT = f'{pathlib.Path(norms.__file__).parent}{os.sep}'
FOUND: dict[str, set[str]] = {}  # of a test, or of a file whose fixtures are shared
_open: list[set[str]] = []


def _note(frame, event, _):
  code = frame.f_code
  if event == 'call' and _open and code.co_filename.startswith(ROOT):
    # What stands inside a function, such as a comprehension, is the function's.
    _open[-1].add(f'{code.co_filename[len(ROOT) :]}:{code.co_qualname.split(".<locals>")[0]}')


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
  """All that happens for a test is the test's."""
  _open.append(FOUND.setdefault(item.nodeid, set()))
  sys.setprofile(_note)
  try:
    return (yield)
  finally:
    sys.setprofile(None)
    _open.pop()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
  """What tests share is made in the first of them, and is every test's of its file."""
  shared = fixturedef.scope != 'function'
  if shared:
    _open.append(FOUND.setdefault(request.node.nodeid.split('::')[0], set()))
  try:
    return (yield)
  finally:
    if shared:
      _open.pop()


def pytest_sessionfinish():
  """Writes what was found."""
  tests = {
    test: sorted(calls | FOUND.get(test.split('::')[0], set()))
    for test, calls in FOUND.items() if '::' in test
  }  # fmt: skip
  pathlib.Path(os.environ['NORMS_CALLS']).write_text(json.dumps(tests))
