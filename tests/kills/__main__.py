"""Kills studies again and again, by chance, and sees that nothing is lost, doubled or left.

    python -m tests.kills [how many kills] [seed] [side by side] > results/reliability/kills.txt

Victim, signal and moment are drawn by the seed. The next start goes on in the same folder, and is
itself killed; every so many kills a study may run to its end, and is held to a run that nobody
disturbed. SIGTERM ends it: what was begun gets to its end, and is counted.
"""

from collections.abc import Iterable
import json
import signal
import subprocess
import sys
import time

import pandas as pd

from norms.lab.runner.provenance import provenance
from tests.kills.rounds import Kill
from tests.kills.starts import ROOT


def main(count: int = 500, seed: int = 0, at_once: int = 1) -> int:
  """Prints what was killed and what came of it; 1 where anything was wrong."""
  begun = time.monotonic()
  lanes = [
    subprocess.Popen(
      [sys.executable, '-m', 'tests.kills.lane', str(count // at_once), str(seed + i)],
      cwd=ROOT, text=True, stdout=subprocess.PIPE,
    )
    for i in range(at_once)
  ]  # fmt: skip
  signal.signal(signal.SIGTERM, lambda *_: [lane.terminate() for lane in lanes])
  said = [json.loads(line) for lane in lanes for line in lane.communicate()[0].splitlines()]
  kills = [Kill(*rest) for what, *rest in said if what == 'kill']
  ends = pd.DataFrame([rest for what, *rest in said if what == 'end'],
                      columns=['study', 'trials', 'wrong'])  # fmt: skip
  told = provenance('')
  versions = ', '.join(f'{name} {version}' for name, version in told['versions'].items())
  print('python -m tests.kills', count, seed, at_once)
  print(f'{told["started"]}, commit {told["commit"]}, {told["device"]}, {told["cores"]} cores')
  print(f'{versions}\n')
  print(f'{len(kills)} kills in {time.monotonic() - begun:.0f} s, {at_once} side by side')
  for name, group in ends.groupby('study'):
    print(f'  {name}: {len(group)} studies got to their end, {group["trials"].sum()} trials')
  wrong = [line for lines in ends['wrong'] for line in lines]
  print(f'\n{table(kills)}\n')
  print(f'{len(wrong)} promises broken' + ''.join(f'\n  {line}' for line in wrong))
  failed = any(lane.returncode for lane in lanes)
  return 1 if wrong or failed or len(kills) < count // at_once * at_once else 0


def table(kills: Iterable[Kill]) -> str:
  """A row for each victim and signal: when, how the driver ended, how long the longest end took."""
  frame = pd.DataFrame(kills)
  rows = []
  for (victim, name), group in frame.groupby(['victim', 'signal'], sort=False):
    moments = group['moment'].value_counts()
    statuses = group['status'].value_counts().sort_index()
    rows.append({
      'victim': victim, 'signal': name, 'kills': len(group),
      **{moment: moments.get(moment, 0) for moment in sorted(frame['moment'].unique())},
      "driver's status": ', '.join(f'{status}: {n}' for status, n in statuses.items()),
      'longest end, s': '' if group['seconds'].isna().all() else f'{group["seconds"].max():.1f}',
    })  # fmt: skip
  shown = pd.DataFrame(rows).sort_values(['victim', 'signal'])
  return shown.to_string(index=False)


if __name__ == '__main__':
  sys.exit(main(*map(int, sys.argv[1:])))
