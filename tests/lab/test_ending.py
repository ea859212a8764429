"""Promises of Ctrl-C: it is heard wherever it comes, and never takes the shape of another error."""

import subprocess
import sys

import pytest

BEGIN = """
import os, signal, sys, time
from norms.lab import ending
signal.signal(signal.SIGINT, signal.default_int_handler)
ending.in_order('stopped')
def press():
  os.kill(os.getpid(), signal.SIGINT)
  sum(range(1000))
"""
DROPPED = """
class Dropped:
  def __del__(self):
    press()
try:
  Dropped()
  time.sleep(30)
except KeyboardInterrupt as error:
  sys.exit(ending.status(error, 'stopped'))
"""
ANOTHER = """
try:
  try:
    press()
  except KeyboardInterrupt:
    raise ValueError('Invalid bounding box')
except ValueError as error:
  sys.exit(ending.status(error, 'stopped'))
"""
NONE = "sys.exit(ending.status(ValueError('mine'), 'stopped'))"


@pytest.mark.parametrize(
  ('script', 'status', 'said'),
  [(DROPPED, 130, 'stopped\n'), (ANOTHER, 130, 'stopped\n'), (NONE, 0, '')],
  ids=['where Python drops it', 'where C makes another error of it', 'without it'],
)
def test_an_interrupt_is_heard(script, status, said):
  ended = subprocess.run(
    [sys.executable, '-c', BEGIN + script], capture_output=True, text=True, timeout=60
  )
  assert (ended.returncode, ended.stderr) == (status, said)
