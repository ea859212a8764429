"""The page in a real browser: nothing fails, tables sort and filter, dark, narrow, by keyboard."""

import pathlib

import browsers
import pytest
from test_page import CLAIMS
from test_report import PROVENANCE, records, study

from norms.lab import report, statistics

RESULTS = pathlib.Path(__file__).parents[2] / 'results'
pytestmark = pytest.mark.slow  # a browser starts

FOCUSED = """
const e = document.activeElement;
return e === document.body ? null : [...document.querySelectorAll("*")].indexOf(e);
"""
REACHABLE = """
const all = [...document.querySelectorAll("*")];
return all.filter((e) => e.matches("a[href], button, input, select, summary, [tabindex]"))
  .filter((e) => e.checkVisibility()).map((e) => all.indexOf(e));
"""


@pytest.fixture(scope='module')
def browser():
  with browsers.started() as driver:
    yield driver


@pytest.fixture(scope='module')
def page(browser, tmp_path_factory):
  """A small study's page; the browser is asked for first, so that without one nothing is drawn."""
  folder = tmp_path_factory.mktemp('report')
  return report.write(records(seeds=5), study(claims=CLAIMS), PROVENANCE, folder)


def choose(browser, table, column, wanted):
  """Sets the filter of a column, as a reader does."""
  control = browser.find_element('css selector', f'#{table} [aria-label="Show lines by {column}"]')
  control.send_keys(wanted)


def lines(browser, table):
  """The cells of the lines that are seen, and what is said of their number."""
  script = """
  const table = document.getElementById(arguments[0]);
  const rows = [...table.tBodies[0].rows].filter((row) => row.checkVisibility());
  const said = table.parentElement.previousElementSibling.querySelector("output");
  return [rows.map((row) => [...row.cells].map((c) => c.textContent.trim())), said?.textContent];
  """
  return browser.execute_script(script, table)


def test_nothing_fails_and_nothing_is_fetched(browser, page):
  browser.get_log('browser')
  for dark in (False, True):
    browsers.show(browser, page, dark=dark)
    browser.find_element('id', 'theme').click()
    assert browser.get_log('browser') == []
    assert browser.execute_script('return performance.getEntriesByType("resource").length') == 0
    browser.execute_script('localStorage.clear()')


def test_filters_show_the_lines_of_their_columns_and_count_them(browser, page):
  browsers.show(browser, page)
  assert lines(browser, 'cells')[1] == '18 of 18 lines'
  choose(browser, 'cells', 'norm', 'layer')
  choose(browser, 'cells', 'batch size', '64')
  shown, said = lines(browser, 'cells')
  assert said == '3 of 18 lines' and [row[:2] for row in shown] == [['layer', '64']] * 3
  choose(browser, 'trials', 'test accuracy', '>0.9')
  shown, said = lines(browser, 'trials')
  frame = records(seeds=5)
  most = frame[(frame['epoch'] == 4) & (frame['test_accuracy'].round(4) > 0.9)]
  assert {row[-1] for row in shown} == set(most['trial']) and said.startswith(f'{len(most)} of 90')


def test_a_title_sorts_its_column_both_ways(browser, page):
  browsers.show(browser, page)
  script = """
  return [...document.querySelectorAll("#trials thead button")]
    .find((b) => b.textContent === "test accuracy")
  """
  title = browser.execute_script(script)
  for way, backwards in (('ascending', False), ('descending', True)):
    title.send_keys('\ue007')  # Enter: a button is one by keyboard, too
    assert title.find_element('xpath', '..').get_attribute('aria-sort') == way
    column = [float(row[4]) for row in lines(browser, 'trials')[0]]
    assert column == sorted(column, reverse=backwards) and column[0] != column[-1]


@pytest.mark.parametrize('dark', [False, True])
def test_every_text_can_be_read(dark, browser, page):
  browsers.show(browser, page, dark=dark)
  seen = browsers.contrasts(browser)
  assert 'supported' in seen and 'test accuracy' in seen and len(seen) > 100
  assert {text: value for text, value in seen.items() if value < 4.5} == {}
  paper = browser.execute_script('return getComputedStyle(document.body).backgroundColor')
  assert (browsers._luminance(paper) < 0.1) == dark


def test_a_phone_scrolls_in_one_direction(browser, page):
  browsers.show(browser, page, width=390, height=844)
  size = 'return [document.documentElement.scrollWidth, window.innerWidth]'
  assert browser.execute_script(size) == [390, 390]


def test_committed_pages_fail_nowhere_and_fit_a_phone(browser):
  pages = [RESULTS / 'index.html', *RESULTS.glob('*/re*/index.html')]
  assert len(pages) == 13
  for file in pages:
    browsers.show(browser, file, width=390, height=844)
    size = 'return [document.documentElement.scrollWidth, window.innerWidth]'
    assert browser.execute_script(size) == [390, 390], file
    assert browser.get_log('browser') == [], file


def test_question_answer_and_figure_are_seen_at_once(browser, page):
  browsers.show(browser, page)
  script = 'return document.querySelector(arguments[0]).getBoundingClientRect().bottom'
  assert browser.execute_script(script, '#answer svg') <= 900
  assert 0 < browser.execute_script(script, 'h1') < browser.execute_script(script, '.answer')


def test_the_keyboard_reaches_all_that_can_be_used(browser, page):
  browsers.show(browser, page)
  reached = []
  wanted = browser.execute_script(REACHABLE)
  for _ in range(len(wanted) + 5):
    browser.switch_to.active_element.send_keys('\ue004')  # Tab
    if (now := browser.execute_script(FOCUSED)) is None or now in reached:
      break
    reached.append(now)
  assert set(wanted) <= set(reached)
  browsers.show(browser, page)
  browser.find_element('tag name', 'body').send_keys('\ue004')
  skip = browser.switch_to.active_element
  assert skip.text == 'Skip to the answer' and skip.is_displayed()
  skip.send_keys('\ue007')
  assert browser.current_url.endswith('#answer')


def test_a_screen_reader_hears_the_finding_of_a_figure(browser, page):
  browsers.show(browser, page)
  tree = browser.execute_cdp_cmd('Accessibility.getFullAXTree', {})['nodes']
  named = [
    node['name']['value']
    for node in tree
    if node.get('role', {}).get('value') in ('image', 'img', 'figure') and 'name' in node
  ]
  verdict = statistics.verdicts(records(seeds=5), CLAIMS)[1]
  finding = verdict.sentence.partition(': supported')[0]
  assert any(name.startswith(f'Test accuracy of every seed. {finding}') for name in named)


FIGURE = """
const card = [...document.querySelectorAll(".card")]
  .find((c) => c.querySelector("h3").textContent === arguments[0]);
"""


def told(browser):
  """What stands beside the pointer, '' where nothing does."""
  return browser.execute_script('return tip.hidden ? "" : tip.textContent')


def test_the_pointer_is_told_the_value_and_the_trial_of_a_point(browser, page):
  browsers.show(browser, page)
  script = """
  card.scrollIntoView({ block: "center", behavior: "instant" });
  const svg = card.querySelector("svg"), mark = svg.querySelectorAll("[data-entry='2'] use")[1];
  const box = mark.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
  """
  x, y = browser.execute_script(FIGURE + script, 'Test accuracy of every seed')
  move = {'type': 'mouseMoved', 'x': x, 'y': y}
  browser.execute_cdp_cmd('Input.dispatchMouseEvent', move)
  frame = records(seeds=5)
  usual = frame[(frame['norm'] == 'batch') & (frame['batch_size'] == 64) & (frame['epoch'] == 4)]
  second = usual[(usual['init_scale'] == 1) & (usual['seed'] == 1)].iloc[0]
  assert told(browser) == f'batch; seed 1: {second.test_accuracy:.4f}, trial {second.trial}'
  browser.execute_cdp_cmd('Input.dispatchMouseEvent', move | {'x': 5, 'y': y})
  assert told(browser) == ''


@pytest.mark.parametrize('by', ['pointer', 'keyboard'])
def test_an_entry_of_the_legend_hides_its_norm(by, browser, page):
  browsers.show(browser, page)
  press = {
    'pointer': 'card.querySelector("[data-key=\'1\']").dispatchEvent(new MouseEvent("click"))',
    'keyboard': 'card.querySelectorAll(".keys button")[1].focus()',
  }
  left = """
  const seen = (e) => getComputedStyle(e).visibility === "visible";
  const parts = (i) => [...card.querySelectorAll(`[data-entry="${i}"]`)];
  return [0, 1, 2].map((i) => parts(i).filter(seen).length);
  """
  before = browser.execute_script(FIGURE + left, 'Training curves')
  for hides in (True, False):
    browser.execute_script(FIGURE + press[by], 'Training curves')
    if by == 'keyboard':
      button = browser.switch_to.active_element
      assert button.text == 'no norm' and button.is_displayed()
      button.send_keys(' ')
      assert button.get_attribute('aria-pressed') == str(not hides).lower()
    now = browser.execute_script(FIGURE + left, 'Training curves')
    assert min(before) > 0 and now == [before[0], 0 if hides else before[1], before[2]]


def test_arrows_go_from_point_to_point(browser, page):
  browsers.show(browser, page)
  browser.execute_script(FIGURE + 'card.querySelector(".drawing").focus()', 'Training curves')
  heard = []
  for _ in range(3):
    browser.switch_to.active_element.send_keys('\ue014')  # to the right
    heard.append(told(browser).partition(':')[0])
  assert heard == [f'layer; epoch {epoch}' for epoch in range(3)]
  live = browser.execute_script('return tip.tagName')
  assert live == 'OUTPUT'  # of which a screen reader says what changes
