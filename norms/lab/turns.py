"""The turns of trials that replay another program's draws."""

from collections.abc import Iterable
import dataclasses

from norms.lab.trial import Trial, digest


def assign_replay_order(trials: Iterable[Trial]) -> tuple[Trial, ...]:
  """The trials, replayed ones with their turn: those of one seed draw from one generator."""
  trials = tuple(trials)
  lines: dict[int | None, list[str]] = {}
  for each in trials:
    if each.replay:
      lines.setdefault(each.seed, []).append(each.hash)
  return tuple(
    dataclasses.replace(t, turn=_turn(t.hash, lines[t.seed])) if t.replay else t for t in trials
  )


def _turn(hash: str, line: list[str]) -> str:
  # With a hash of all that share the generator: in other company a trial draws other numbers.
  return f'{line.index(hash)} of {digest(",".join(line))}'
