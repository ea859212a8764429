"""Prints how often the statistics err, over studies whose truth is known."""

import sys

from tests.simulations import coverage, studies

SEEDS = (5, 10, 20)


def main(arguments: list[str]) -> None:
  """Prints the table; the number of studies may be given."""
  number = int(arguments[0]) if arguments else 4000
  print(f'{number} studies a line; standard error of 5%: {(0.05 * 0.95 / number) ** 0.5:.2%}')
  print(f'\nno effect, {len(studies.CLAIMS)} claims: any is decided   uncorrected   Holm')
  for noise in list(studies.NOISE)[:2]:
    for seeds in SEEDS[:2]:
      raw, corrected = studies.share_with_a_claim(number, seeds, noise)
      print(f'{noise:26}{seeds:3} seeds{raw:23.1%}{corrected:8.1%}', flush=True)
  print('\nequal norms: the best, chosen on the same seeds, is told from all others')
  for norms in (2, 6):
    share = studies.share_with_a_winner(number, norms, 5, 'normal')
    print(f'{norms} norms{5:22} seeds{share:31.1%}', flush=True)
  print('\n95% interval of a paired difference: holds the mean')
  for noise in studies.NOISE:
    for seeds in SEEDS:
      print(f'{noise:26}{seeds:3} seeds{coverage.coverage(number, seeds, noise):31.1%}', flush=True)
  print(f'\nthe same over {coverage.CELLS} cells              a seed once   stratified by cell')
  for seeds in SEEDS[:2]:
    once, stratified = coverage.over_cells(number, seeds)
    print(f'{"normal":26}{seeds:3} seeds{once:15.1%}{stratified:16.1%}', flush=True)
  print('\na reference that is off by just the margin     reproduced   not reproduced')
  for seeds in SEEDS[:2]:
    within, beyond = coverage.reproduced(number, seeds)
    print(f'{"one run, 10000 examples":26}{seeds:3} seeds{within:18.1%}{beyond:15.1%}', flush=True)


if __name__ == '__main__':
  main(sys.argv[1:])
