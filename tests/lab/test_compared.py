"""--compare=A,B: what changed from one results folder of a study to another."""

import pytest
from test_report import PROVENANCE, records, study

from norms.lab import report, reporting, two_studies
from norms.lab.report import compared

CLAIMS = (
  ('beats', {'norm': 'batch', 'than': 'none'}),
  ('trains', {'norm': 'layer', 'asks': 'Does layer norm train?'}),
)


def changed():
  """Layer norm lost at one scale, batch norm ahead at another, and a batch size of its own."""
  frame = records(batches=(4, 128), seeds=5)
  frame['trial'] = 'new ' + frame['trial']
  shared = records(batches=(4,), seeds=5)[['norm', 'batch_size', 'init_scale', 'seed', 'trial']]
  same = shared.drop_duplicates().set_index(['norm', 'batch_size', 'init_scale', 'seed'])['trial']
  own = frame.set_index(['norm', 'batch_size', 'init_scale', 'seed']).index.map(same)
  frame['trial'] = [
    old if isinstance(old, str) else new for old, new in zip(own, frame['trial'], strict=True)
  ]
  lost = (frame['norm'] == 'layer') & (frame['init_scale'] == 100) & (frame['epoch'] > 0)
  frame.loc[lost, 'test_accuracy'] = 0.1 + 0.001 * frame['seed']
  frame.loc[lost, 'trained'] = False
  ahead = (frame['norm'] == 'batch') & (frame['init_scale'] == 1) & (frame['epoch'] > 0)
  frame.loc[ahead, 'test_accuracy'] += 0.05 + 0.001 * (frame['seed'] % 2)
  own = (frame['batch_size'] == 128) & (frame['seed'] == 4)
  return frame[~own].assign(learning_rate=0.2)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
  before, after = (tmp_path_factory.mktemp(name) for name in ('before', 'after'))
  for folder, frame in ((before, records(seeds=5)), (after, changed())):
    frame.attrs['axes'] = ['batch_size', 'init_scale']
    report.write(frame, study(claims=CLAIMS), PROVENANCE, folder / 'report')
  return before, after


@pytest.fixture(scope='module')
def told(folders):
  return reporting.compared(','.join(map(str, folders)))


def block(text, title):
  """The lines of the table below a title."""
  (found,) = [each for each in text.split('\n\n') if each.startswith(title)]
  lines = found.splitlines()
  heads = ('setting', 'measurement', 'claim')
  return lines[next(i for i, line in enumerate(lines) if line.startswith(heads)) + 1 :]


def test_settings_that_differ_are_listed(told):
  lines = [line.split() for line in block(told, 'Settings that differ')]
  assert lines == [
    ['batch', 'size', '4,', '64', '4,', '128'],
    ['learning', 'rate', '0.1', '0.2'],
  ]


def test_outcomes_that_moved_are_named_with_their_interval_and_way(told):
  lines = block(told, 'Norms and settings whose outcome moved')
  moved = {line.partition(' norm')[0].split()[-1] + line.split()[-1]: line for line in lines}
  assert set(moved) == {'layerworse', 'batchbetter'}
  assert 'initial scale 100' in moved['layerworse'] and 'initial scale 1 ' in moved['batchbetter']
  assert '+0.0' in moved['batchbetter'] and '-0.7' in moved['layerworse']
  ends = []
  for frame in (records(seeds=5), changed()):
    at = frame[(frame['norm'] == 'layer') & (frame['init_scale'] == 100) & (frame['epoch'] == 4)]
    ends.append(f'{at[at["batch_size"] == 4]["test_accuracy"].mean():.4f}')
  assert ' '.join(ends) in ' '.join(moved['layerworse'].split())


def test_outcomes_are_counted(told):
  said = 'Of 9 norms and settings that both have, 1 better and 1 worse beyond the interval, 7'
  assert said in told


def test_what_one_side_has_alone_is_named(told):
  lines = block(told, 'Norms and settings of one side alone')
  assert sum('batch size 64' in line and line.endswith('only before') for line in lines) == 9
  assert sum('batch size 128' in line and line.endswith('only after') for line in lines) == 9
  assert '45 are in both, 45 before alone and 36 after alone.' in told


def test_verdicts_that_changed_are_listed(told):
  (line,) = block(told, 'Verdicts that changed')
  assert line.startswith('trains: Does layer norm train?')
  assert line.split()[-2:] == ['supported', 'refuted'] and '1 verdict changed.' in told


def test_it_is_a_small_page_too(folders, told):
  text = (folders[1] / 'comparison.md').read_text()
  assert text.startswith(f'# {folders[0]} and {folders[1]} compared\n')
  assert '| trains: Does layer norm train? | supported | refuted |' in text
  assert told.split('\n\n')[-2] in text


def test_a_folder_and_itself_differ_in_nothing(folders):
  text = reporting.compared(f'{folders[0]},{folders[0]}')
  assert len(text.split('\n\n')) == 2 and 'none beyond the interval' in text
  assert '90 are in both, 0 before alone and 0 after alone' in text and '0 verdicts changed' in text


def test_without_a_report_no_verdicts_are_compared():
  sides = [compared.Side(name, records(seeds=5), None) for name in 'ab']
  changes = two_studies.compare(sides[0].frame, sides[1].frame)
  assert 'a and b has no report' not in compared.summary(*sides, changes)
  assert 'a and b have no report, and so no verdicts to compare.' in compared.summary(
    *sides, changes
  )


@pytest.mark.parametrize(
  ('given', 'said'),
  [
    ('one', "compare='one': name two results folders, as in results/a,results/b"),
    ('one,two', "compare='one' is no folder: name one that a study wrote"),
    ('tests,docs', "compare='tests' has no records: run the study first"),
  ],
)
def test_bad_input_is_one_line(command, given, said):
  done = command(f'--compare={given}')
  assert done.returncode == 2 and done.stderr == f'train.py: {said}\n' and done.stdout == ''
