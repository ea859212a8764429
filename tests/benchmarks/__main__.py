"""Runs the benchmarks named on the command line, or all."""

import argparse
import os

# Before numerical libraries start: as many threads for every side as the machine has cores.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

from tests.benchmarks import cnn, lab, library, memory  # noqa: E402

BENCHMARKS = {'cnn': cnn.run, 'lab': lab.run, 'library': library.run, 'memory': memory.run}


def main() -> None:
  """Parses and runs."""
  parser = argparse.ArgumentParser(prog='python -m tests.benchmarks')
  parser.add_argument('names', nargs='*', choices=[[], *BENCHMARKS], default=[])
  parser.add_argument('--tiny', action='store_true', help='the code once, at a tiny size')
  given = parser.parse_args()
  for name in given.names or BENCHMARKS:
    BENCHMARKS[name](tiny=given.tiny)


if __name__ == '__main__':
  main()
