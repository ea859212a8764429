"""A comparison's verdicts beside its records, and their numbers as a sentence prints them."""

import decimal
import json
import pathlib
import re

import pandas as pd

RESULTS = pathlib.Path(__file__).parents[2] / 'results'
NUMBER = re.compile(r'(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w^])')
REASON = re.compile(r'\(known limit: [^)]*\)')  # whose numbers are words


def read(study):
  """The records beside a report, and its verdicts."""
  folder = RESULTS / study / 'report'
  verdicts = json.loads((folder / 'summary.json').read_text())['verdicts']
  return pd.read_parquet(folder / 'records.parquet'), verdicts


def said(sentence, numbers, names):
  """Holds a sentence to its numbers, all and in order, and to the names that it must have."""
  printed = NUMBER.findall(REASON.sub('', sentence))
  assert len(printed) == len(numbers), (printed, numbers)
  for text, value in zip(printed, numbers, strict=True):
    number = decimal.Decimal(text)
    last = number.as_tuple().exponent  # the place of the last digit that is printed
    if last == 0 and not float(value).is_integer():
      last = max(0, number.adjusted() - 2)  # 95812.3 as 95800, to three digits
    assert abs(float(text) - value) <= 10.0**last / 2 * (1 + 1e-6), (text, value, sentence)
  for name in names:
    assert name in sentence, (name, sentence)
