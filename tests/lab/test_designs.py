"""Designs: drawn points are the same for a seed, lie in their ranges, and are axes of a study."""

import math

import numpy as np
import pytest
import small

from norms.lab import grid, records, study, sweep, written

RANGES = (grid.loguniform('config.learning_rate', 1e-3, 1), grid.uniform('init_scale', 1, 3))
DESIGNS = {'random': grid.random, 'sobol': grid.sobol}


@pytest.mark.parametrize('name', DESIGNS)
def test_points_depend_on_the_seed_alone(name):
  draw = DESIGNS[name]
  points = draw(RANGES, 16, seed=1)
  assert points == draw(RANGES, 16, seed=1) != draw(RANGES, 16, seed=2)
  assert points[:5] == draw(RANGES, 5, seed=1)
  assert len({point['learning_rate'] for point in points}) == 16
  assert all(1e-3 <= p['learning_rate'] <= 1 and 1 <= p['init_scale'] <= 3 for p in points)


def test_the_draws_are_those_of_every_machine():
  """Python promises the numbers of random.Random, and Sobol's are exact."""
  (point,) = grid.random(RANGES, 1, seed=1)
  assert point == {'learning_rate': 0.00252984, 'init_scale': 2.69487}
  assert grid.sobol(RANGES, 2, seed=1)[1] == {'learning_rate': 0.0800005, 'init_scale': 1.69487}


@pytest.mark.parametrize('name', DESIGNS)
def test_every_decade_is_as_likely_on_a_scale_of_logs(name):
  points = DESIGNS[name](RANGES, 1024, seed=3)
  decades = np.floor(np.log10([point['learning_rate'] for point in points]))
  counts = np.unique(decades, return_counts=True)[1]
  sigma = math.sqrt(1024 * (1 / 3) * (2 / 3))
  assert len(counts) == 3 and abs(counts - 1024 / 3).max() < (4 * sigma if name == 'random' else 3)


def test_sobol_fills_every_cell_where_random_leaves_some_empty():
  """256 points in 16 x 16 cells: one each, to the edges that the offset moves into the cells."""
  filled = {}
  for name, draw in DESIGNS.items():
    points = draw((grid.uniform('a', 0, 1), grid.uniform('b', 0, 1)), 256, seed=5)
    filled[name] = len({(int(16 * p['a']), int(16 * p['b'])) for p in points})
  assert filled['sobol'] > 1.2 * filled['random']


def test_sweeps_and_whole_numbers_can_be_drawn():
  parts = [grid.sweep('norm', ('none', 'batch')), grid.loguniform('batch_size', 16, 64, whole=True)]
  points = grid.random(parts, 40)
  assert {point['norm'] for point in points} == {'none', 'batch'}
  assert all(type(p['batch_size']) is int and 16 <= p['batch_size'] <= 64 for p in points)


def test_a_design_goes_into_a_product():
  starts = grid.random(RANGES, 4, seed=1)
  points = grid.product([grid.sweep('norm', ('none', 'batch')), starts, grid.sweep('seed', (0, 1))])
  made = study.from_config(small.config(), get_hyper=lambda hyper: points)
  assert len(made.trials) == 16 and made.drawn == ('learning_rate', 'init_scale')
  assert len(made.axes['init_scale']) == 4


@pytest.mark.parametrize(
  ('make', 'says'),
  [
    (lambda: grid.loguniform('a', 0, 1), "hyper.loguniform('a', 0, 1): give two numbers, 0 < low"),
    (lambda: grid.uniform('a', 1, 1), 'low < high'),
    (lambda: grid.uniform('a', 'x', 1), 'give two numbers'),
    (lambda: grid.random(RANGES, 0), 'n=0'),
    (lambda: grid.sobol(RANGES, 2.5), 'n=2.5'),
    (lambda: grid.random([[]], 3), 'without values'),
    (lambda: grid.product(RANGES), 'hyper.product got a range of learning_rate: give it to'),
    (lambda: grid.zipit(['ab']), "hyper.zipit got 'ab'"),
    (lambda: grid.chainit([3]), 'hyper.chainit got 3'),
    (lambda: grid.sweep('seed', 3), "hyper.sweep('seed', 3): give a tuple, as in (3,)"),
  ],
)
def test_a_design_that_cannot_be_gets_one_line(make, says):
  with pytest.raises(ValueError, match='.') as error:
    make()
  assert says in str(error.value) and '\n' not in str(error.value)


def test_ranges_of_values():
  assert written.log(1e-3, 1, 4) == (0.001, 0.01, 0.1, 1.0)
  np.testing.assert_allclose(written.log(1e-3, 1, 9), np.geomspace(1e-3, 1, 9), rtol=1e-11)
  assert written.log(100, 1, 3) == (100.0, 10.0, 1.0)
  assert written.lin(0, 1, 5) == (0.0, 0.25, 0.5, 0.75, 1.0)
  assert written.log(2, 8, 1) == (2.0,) and written.lin(2, 8, 2) == (2.0, 8.0)


@pytest.mark.parametrize(
  ('text', 'values'),
  [
    ('1,4', (1, 4)),
    ('0.1', (0.1,)),
    ('batch,layer', ('batch', 'layer')),
    ('batch, mine.own:Norm', ('batch', 'mine.own:Norm')),
    ("('batch','layer')", ('batch', 'layer')),
    ('(8,),(8,16)', ((8,), (8, 16))),
    ('None,0.5', (None, 0.5)),
    ('none,1,true,False', ('none', 1, True, False)),
    ('log(1e-2, 1, 3)', (0.01, 0.1, 1.0)),
    ('0.5,log(1e-2,1,3),lin(2,3,2)', (0.5, 0.01, 0.1, 1.0, 2.0, 3.0)),
    ('logistic,log', ('logistic', 'log')),
    ("{'a': 1},{'a': 2}", ({'a': 1}, {'a': 2})),
    ('', ()),
  ],
)
def test_values_as_they_are_written(text, values):
  found = written.values(text)
  assert found == values and list(map(type, found)) == list(map(type, values))


@pytest.mark.parametrize(
  ('text', 'says'),
  [
    ('log(1,2)', 'log(1,2) has 2 numbers: write log(low, high, how many)'),
    ('log(0,1,9)', 'two positive numbers'),
    ('log(1,10,2.5)', 'how many'),
    ('lin(a,1,2)', "lin('a', 1, 2)"),
    ('log(1,2,3', 'bracket that is not closed'),
  ],
)
def test_a_range_that_cannot_be_gets_one_line(text, says):
  with pytest.raises(ValueError, match='.') as error:
    written.values(text)
  assert says in str(error.value) and '\n' not in str(error.value)


def test_ranges_in_a_config():
  config = small.config()
  config.sweep.learning_rate = ('log(1e-2, 1, 3)',)
  config.sweep.init_scale = study.lin(1, 2, 2)
  made = study.from_config(config)
  assert made.axes == {'init_scale': (1.0, 2.0), 'learning_rate': (0.01, 0.1, 1.0)}


def test_drawn_axes_are_axes_of_the_records(tmp_path):
  """Though each point has values of its own, by which one axis follows from the other."""
  made = study.from_config(
    small.config(epochs=1),
    get_hyper=lambda hyper: hyper.random(
      [hyper.loguniform('learning_rate', 0.01, 0.1), hyper.loguniform('init_scale', 0.5, 2)], 3
    ),
  )
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed and len(frame) == 6
  expected = ['init_scale', 'learning_rate']
  assert frame.attrs['axes'] == records.load(tmp_path).attrs['axes'] == expected
  assert sweep.results(made, tmp_path).attrs['axes'] == expected
