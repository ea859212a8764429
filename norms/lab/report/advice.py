"""What to do with what was found: which norm to take where, from the verdicts of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
import functools
import math
from typing import NamedTuple

from norms.lab.columns import BATCH_SIZE, INIT_SCALE, LEARNING_RATE, TEST_ACCURACY
from norms.lab.report.naming import AnyVerdict, Claim
from norms.lab.statistics import Verdict, across, tuned, words
from norms.lab.statistics.intervals import VERDICT_FROM
from norms.lab.values import Settings

DECIDED = ('supported', 'refuted')
MOST = 2  # sentences: who reads more than two would read the verdicts
# Of a comparison with other libraries, whose claims have no options.
OF_LIBRARIES = {
  ('gradients', 'supported'): 'a norm of another library can be exchanged for ours, and ours for '
  'it, while a net trains: their gradients agree to rounding',
  ('finite', 'supported'): 'where inputs may be extreme or constant, take ours: it returned no NaN '
  'for finite input',
  ('curves_agree', 'supported'): 'choose the library on other grounds: nets with its norms and '
  'with ours learn the same',
  ('fault_is_visible', 'supported'): 'to check a norm that was ported, compare its scale and bias '
  'after some steps: left untrained, they lie farther off than rounding takes them',
}


class Advice(NamedTuple):
  """A sentence with a gap for the norms that it holds for."""

  text: str  # '{and_}' or '{or_}' is the gap
  norm: str
  claim: str


def sentence(verdicts: Sequence[AnyVerdict], claims: Iterable[Claim] = ()) -> str:
  """At most two sentences on what to do; '' where the verdicts give no ground for any.

  claims: those that the verdicts are of, in the same order.
  """
  found: dict[str, list[str]] = {}
  rules: dict[str, str] = {}
  for each in _all(verdicts, claims):
    norms = found.setdefault(each.text, [])
    norms += [each.norm] * (each.norm not in norms)
    rules.setdefault(each.text, each.claim)
  if not found and any(0 < getattr(each, 'n', 0) < VERDICT_FROM for each in verdicts):
    return f'Run the study with at least {VERDICT_FROM} seeds: fewer describe, and decide nothing.'
  # First what the first claim gives, then what another kind of claim does.
  first, *rest = found or ['']
  rest.sort(key=lambda text: rules[text] == rules[first])
  chosen = [
    text.format(and_=words.listed(found[text]), or_=words.listed(found[text], 'or'))
    for text in [first, *rest][:MOST]
    if text
  ]
  return ' '.join(f'{words.sentence(text)}.' for text in chosen)


def _all(verdicts: Sequence[AnyVerdict], claims: Iterable[Claim]) -> Iterator[Advice]:
  for verdict in verdicts:
    if text := OF_LIBRARIES.get((verdict.claim, verdict.outcome)):
      yield Advice(text, '', verdict.claim)
  for verdict, (claim, stated) in zip(verdicts, claims, strict=False):
    if claim in RULES and isinstance(verdict, Verdict) and verdict.n >= VERDICT_FROM:
      options = across.as_norms(stated) if across.compares_values(stated) else stated
      if said := RULES[claim](verdict, options):
        yield Advice(*said, claim)


Text = tuple[str, str] | None  # a sentence with a gap, and the norm that goes there


def _lead(verdict: Verdict, options: Settings) -> Text:
  norm, than = map(words.norm_name, _sides(verdict, options))
  low, high, kind = verdict.interval
  metric = options.get('metric', TEST_ACCURACY)
  at = _each_tuned(options) if 'tuned' in options else _at(options)
  if verdict.outcome in DECIDED:
    judged = '' if metric == TEST_ACCURACY else f', judged by {words.label(metric)}'
    return f'{at}take {{or_}} rather than {than}{judged}', norm
  if kind != 'interval' or not math.isfinite(low + high):
    return None
  most = words.score(max(abs(low), abs(high)))
  return (
    f'{at}choose between {{and_}} and {than} on other grounds, such as their cost: in '
    f'{words.label(metric)} they differ by at most {most} (95% interval)'
  ), norm


def _range(verdict: Verdict, options: Settings, default: str, large: str = '') -> Text:
  if verdict.outcome not in DECIDED or not verdict.effect:
    return None
  norm, than = map(words.norm_name, _sides(verdict, options))
  axis = words.label(options.get('axis', default))
  return f'where the {axis} is {large}not tuned, take {{or_}} rather than {than}', norm


def _depends_less(verdict: Verdict, options: Settings) -> Text:
  if verdict.outcome not in DECIDED:
    return None
  norm, than = map(words.norm_name, _sides(verdict, options))
  axis, metric = (words.label(options.get(*each)) for each in (
    ('axis', BATCH_SIZE), ('metric', TEST_ACCURACY),
  ))  # fmt: skip
  return (
    f'{_at(options)}where the {axis} changes from run to run, take {{or_}} rather than {than}: its '
    f'{metric} varies less'
  ), norm


def _fails(verdict: Verdict, options: Settings) -> Text:
  if verdict.outcome != 'supported':
    return None
  text = f'{_at(options)}expect nothing of {{and_}}: not one trial trained'
  return text, words.norm_name(options['norm'])


def _rises(verdict: Verdict, options: Settings) -> Text:
  if verdict.outcome not in DECIDED:
    return None
  axis = options.get('axis', BATCH_SIZE)
  size = 'large' if verdict.effect > 0 else 'small'
  # With as many epochs a smaller batch takes more steps, which may be the reason.
  same = ', for as many epochs' if axis == BATCH_SIZE else ''
  text = f'{_at(options)}give {{and_}} a {size} {words.label(axis)}{same}'
  return text, words.norm_name(options['norm'])


RULES: dict[str, Callable[[Verdict, Settings], Text]] = {
  'beats': _lead,
  'survives': _lead,
  'best_against_best': _lead,
  'wider_range': functools.partial(_range, default=INIT_SCALE),
  'higher_limit': functools.partial(_range, default=LEARNING_RATE, large='large or '),
  'depends_less': _depends_less,
  'fails': _fails,
  'rises': _rises,
}


def _sides(verdict: Verdict, options: Settings) -> tuple[str, str]:
  """The two norms, the one that is ahead first."""
  norm, than = options['norm'], options['than']
  return (than, norm) if verdict.effect < 0 else (norm, than)


def _at(options: Settings) -> str:
  return f'at {words.place(at)}, ' if (at := options.get('at')) else ''


def _each_tuned(options: Settings) -> str:
  axes = words.listed(map(words.label, tuned.axes(options['tuned'])))
  return f'each at its own best {axes}, '
