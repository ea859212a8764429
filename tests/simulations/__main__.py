"""Prints how often the statistics err, over studies whose truth is known."""

import itertools
import sys

import numpy as np

from tests.simulations import coverage, observed, studies, untrained

SEEDS = (5, 10, 20)


def claims(number: int) -> None:
  print(f'no effect, {len(studies.CLAIMS)} claims: any is decided   uncorrected   Holm')
  for noise, seeds in itertools.product(list(studies.NOISE)[:2], SEEDS):
    raw, corrected = studies.share_with_a_claim(number, seeds, noise)
    print(f'{noise:26}{seeds:3} seeds{raw:23.1%}{corrected:8.1%}', flush=True)


def winner(number: int) -> None:
  print('equal norms: the best, chosen on the same seeds, is told from all others')
  for norms in (2, 6):
    share = studies.share_with_a_winner(number, norms, 5, 'normal')
    print(f'{norms} norms{5:22} seeds{share:31.1%}', flush=True)


def intervals(number: int) -> None:
  print('95% interval of a paired difference: holds the mean')
  for noise, seeds in itertools.product(studies.NOISE, SEEDS):
    print(f'{noise:26}{seeds:3} seeds{coverage.coverage(number, seeds, noise):31.1%}', flush=True)


def skewness(number: int) -> None:
  print('skewness of a sample, without its sign      mean                     above 1')
  for seeds in SEEDS[:2]:
    settings = observed.observed(seeds)
    pairs = np.concatenate(settings)
    mean, low, high = observed.mean_and_interval(settings)
    name = f'{len(pairs)} of {len(settings)} settings, here'
    spread = f'({low:.2f} to {high:.2f})'
    print(f'{name:26}{seeds:3} seeds{mean:13.2f} {spread}{np.mean(pairs > 1):14.0%}')
    for noise in studies.NOISE:
      found = observed.invented(number, seeds, noise)
      print(f'{noise:26}{seeds:3} seeds{found.mean():13.2f}{np.mean(found > 1):29.0%}', flush=True)


def cells(number: int) -> None:
  print(f'the same over {coverage.CELLS} cells              a seed once   stratified by cell')
  for seeds in SEEDS[:2]:
    once, stratified = coverage.over_cells(number, seeds)
    print(f'{"normal":26}{seeds:3} seeds{once:15.1%}{stratified:16.1%}', flush=True)


def reference(number: int) -> None:
  print('a reference that is off by just the margin     reproduced   not reproduced')
  for seeds in SEEDS[:2]:
    within, beyond = coverage.reproduced(number, seeds)
    print(f'{"one run, 10000 examples":26}{seeds:3} seeds{within:18.1%}{beyond:15.1%}', flush=True)


def nothing_learnt(number: int) -> None:
  del number  # these nets are trained
  print('nothing learnt    nets   above guessing   above before   trained')
  for norm, found in untrained.count(untrained.study(seeds=50)).items():
    nets, guessing, before, trained = found
    print(f'{norm:16}{nets:6}{guessing:17}{before:15}{trained:10}', flush=True)


PARTS = {
  'coverage': intervals,
  'skewness': skewness,
  'reference': reference,
  'cells': cells,
  'claims': claims,
  'winner': winner,
  'untrained': nothing_learnt,
}


def main(arguments: list[str]) -> None:
  """Prints the parts that are named, or all."""
  number = next((int(word) for word in arguments if word.isdigit()), 4000)
  print(f'{number} studies a line; standard error of 5%: {(0.05 * 0.95 / number) ** 0.5:.2%}')
  for name in [word for word in arguments if not word.isdigit()] or PARTS:
    print()
    PARTS[name](number)


if __name__ == '__main__':
  main(sys.argv[1:])
