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
    half = 10.0 ** decimal.Decimal(text).as_tuple().exponent / 2
    assert abs(float(text) - value) <= half * (1 + 1e-6), (text, value, sentence)
  for name in names:
    assert name in sentence, (name, sentence)
