"""The words of committed pages: what a reader stumbles over is on none of them."""

import json
import pathlib
import re

import pytest

from norms.lab.statistics import ranges, words

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [*ROOT.glob('results/*/re*/report.md'), ROOT / 'results/README.md', ROOT / 'README.md']
THINGS = 'seeds|trials|values|settings|nets|claims|pairs|points|steps|epochs|examples'


@pytest.mark.parametrize('words', [
  r'(less|more|better|worse) by [+-]',
  r'[-+]{2}\d',
  rf'\b1 ({THINGS})\b',
  r'separable|statistics running|beats us|up to the value',
  r'\d[.]0N\b',
  r'\bnone (reaches|comes down|norm)|than none\b|norm none\b',
  r'reaches (\d[.]\d+) instead of \1',
  r'(Yes|No|Not decided): [^\n]*: (supported|refuted|undecided)[ ,]',
])  # fmt: skip
def test_no_page_has_what_a_reader_stumbles_over(words):
  assert len(PAGES) > 10
  found = [
    (page.parent.parent.name, match[0])
    for page in PAGES
    for match in re.finditer(words, page.read_text())
  ]
  assert not found


@pytest.mark.parametrize(('value', 'text'), [
  (0.97584, '0.9758'), (0.0, '0.0000'), (-0.00098, '-0.00098'), (2.4e-4, '0.00024'),
  (-5.999e-5, '-0.00006'), (3.4571e-9, '3.457e-09'), (float('inf'), 'not finite'),
])  # fmt: skip
def test_a_small_difference_is_written_without_an_exponent(value, text):
  assert words.score(value) == text


@pytest.mark.parametrize(('value', 'text'), [
  (64, '64'), (0.000428, '0.000428'), (95812.3, '95800'), (1.5e7, '1.5e+07'), ('adam', 'adam'),
])  # fmt: skip
def test_a_number_below_a_million_is_written_without_an_exponent(value, text):
  assert words.number(value) == text


def test_where_a_norm_trains_is_told_in_words():
  told = [ranges.trained_over('init_scale', values) for values in ([], [1.0], [0.1, 1.0, 10.0])]
  assert told == [
    'at no initial scale',
    'only at initial scale 1',
    'over 2.0 decades (0.1 to 10) of initial scale',
  ]


def test_every_study_says_what_it_cost_and_has_a_figure_beside_its_answer():
  for file in ROOT.glob('results/*/re*/summary.json'):
    summary = json.loads(file.read_text())
    assert ' of computing on 2 cores' in summary['cost'], file
    answer, _, rest = (file.parent / 'report.md').read_text().partition('## Verdicts')
    figure = f']({summary["figure"]})'
    assert figure in answer and figure not in rest, file


@pytest.mark.parametrize(('axis', 'value', 'text'), [
  ('model_options.features', 1, '1 hidden feature'),
  ('model_options.features', 8, '8 hidden features'),
  ('model_options.features', [8, 8], 'hidden features 8 and 8'),
  ('batch_size', 8, 'batch size 8'), ('epochs', 10, '10 epochs'),
  ('learning_rate', {'to': 0.1}, 'learning rate up to 0.1'),
])  # fmt: skip
def test_a_place_is_told_as_a_count_where_it_is_one(axis, value, text):
  assert words.place({axis: value}) == text
