"""The page of a run that is not finished: there from the first results on, and never torn."""

import math
import time

import invented
import pytest
from test_page import Tables

from norms.lab import live, records, study
from norms.lab.report import live as page


@pytest.fixture(scope='module')
def asked():
  made = study.defaults()
  made.name, made.question = 'waits', 'Is it <done>?'
  made.sweep.norm, made.sweep.batch_size, made.sweep.seed = ('none', 'batch'), (32, 64), (0, 1, 2)
  return study.from_config(made, command='python train.py --config=mine.py')


def tile(made, workdir, trials):
  """Leaves a file of records as a run does."""
  frame = invented.records(made)
  own = frame[frame['trial'].isin({trial.hash for trial in trials})]
  records.prepare(workdir)
  records.write(workdir, trials, own, {'command': made.command}, axes=['batch_size'])


def test_it_says_what_is_done_what_is_missing_and_how_long_it_takes(asked):
  frame = invented.records(asked)
  done = frame['trial'].isin([trial.hash for trial in asked.trials if trial.batch_size == 64][:4])
  frame.attrs['axes'] = ['batch_size']  # as sweep.results has it, though only one value is done
  content = page.contents(frame[done], asked)
  text = page.text(content, seconds=200, every=10)
  assert '<h1>Is it &lt;done&gt;?</h1>' in text and 'About 3 min left.' in text
  assert 'Not finished: 4 of 12 trials' in text and 'python train.py --config=mine.py' in text
  assert '<meta http-equiv="refresh" content="10">' in text
  assert '<svg' not in text and 'supported' not in text.partition('</style>')[2]
  found = Tables(text).tables
  assert sum(int(line[2]) for line in found['cells'][1:]) == 4  # seeds of each cell
  head, *lines = found['missing']
  assert head == ['norm', 'batch size', 'trials'] and sum(int(line[2]) for line in lines) == 8
  assert ['no norm', '32', '3'] in lines and ['batch', '32', '3'] in lines
  stopped = page.text(content, seconds=math.nan, every=10, goes_on=False)
  assert 'refresh' not in stopped.partition('</style>')[0] and 'The run was stopped.' in stopped


def wait_for(path, *, least=0):
  """The text of a file that is written later than at a time."""
  for _ in range(200):
    if path.exists() and path.stat().st_mtime_ns > least:
      return path.read_text()
    time.sleep(0.02)
  raise AssertionError(f'{path} was not written')


def test_it_is_there_after_the_first_results_and_says_if_the_run_was_stopped(
  asked, tmp_path, monkeypatch
):
  monkeypatch.setattr(live, 'PAUSE', 0.02)
  monkeypatch.setattr(live, 'SHARE', 100)
  index = tmp_path / 'report' / 'index.html'
  with pytest.raises(KeyboardInterrupt):  # noqa: PT012, SIM117
    with live.Live(asked, tmp_path, every=0.02) as so_far:
      so_far(0, 100)
      time.sleep(0.1)
      assert not index.exists()
      tile(asked, tmp_path, asked.trials[:3])
      so_far(25, 100)
      text = wait_for(index)
      assert 'Not finished: 3 of 12 trials' in text and 'left.' in text
      tile(asked, tmp_path, asked.trials[3:6])
      assert wait_for(index, least=index.stat().st_mtime_ns)
      raise KeyboardInterrupt
  text = index.read_text()
  assert 'Not finished: 6 of 12 trials' in text and 'The run was stopped.' in text
  assert [path.name for path in index.parent.iterdir()] == ['index.html']  # nothing half written


def test_an_older_page_stays_where_nothing_new_is_trained(asked, tmp_path, monkeypatch):
  monkeypatch.setattr(live, 'PAUSE', 0.01)
  tile(asked, tmp_path, asked.trials)
  with live.Live(asked, tmp_path):
    time.sleep(0.1)
  assert not (tmp_path / 'report').exists()


def test_a_process_that_is_told_nothing_writes_no_page(asked, tmp_path, monkeypatch):
  """It helps another one, whose report would give way to its page."""
  monkeypatch.setattr(live, 'PAUSE', 0.01)
  with live.Live(asked, tmp_path, every=0.01):
    tile(asked, tmp_path, asked.trials[:1])
    time.sleep(0.3)
  assert not (tmp_path / 'report').exists()


def test_what_is_wrong_with_the_page_ends_no_run(asked, tmp_path, monkeypatch):
  monkeypatch.setattr(live, 'PAUSE', 0.01)
  (tmp_path / 'report').write_text('a file where a folder should be')
  with live.Live(asked, tmp_path, every=0.01) as so_far:
    so_far(0, 100)
    tile(asked, tmp_path, asked.trials[:1])
    time.sleep(0.2)


def test_pages_take_a_twentieth_of_the_time_at_most(asked, tmp_path, monkeypatch):
  """After a page that took a second of the processor nothing is written for twenty."""
  waited = []

  class Ended:
    def wait(self, seconds):
      waited.append(seconds)
      return len(waited) > 2

  watch = live.Live(asked, tmp_path, every=10)
  watch(0, 100)
  tile(asked, tmp_path, asked.trials[:1])
  times = iter([0.0, 1.0, 1.0, 1.1])
  monkeypatch.setattr(live.time, 'thread_time', lambda: next(times))
  monkeypatch.setattr(watch, '_write', lambda: None)
  watch._ended = Ended()
  watch._watch()
  assert waited == pytest.approx([live.PAUSE, 20, 10])


def test_the_time_left_is_that_of_the_rest_at_the_speed_so_far(asked, tmp_path):
  watch = live.Live(asked, tmp_path)
  assert math.isnan(watch._left())
  watch._begun = time.monotonic() - 30
  watch(25, 100)
  assert watch._left() == pytest.approx(90, abs=2)
