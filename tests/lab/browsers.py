"""The system's Chromium without a window, driven by selenium (extra `browser`)."""

import base64
from collections.abc import Iterator
import contextlib
import os
import pathlib
import shutil
from typing import Any

import pytest

PROGRAMS = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
# The colour of each text and of what it lies on, as the page has set them: [text, colours].
TEXTS = """
const clear = (colour) => /^rgba\\(.*, 0\\)$|^transparent$/.test(colour);
const under = (element) => {
  for (let e = element; e; e = e.parentElement)
    if (!clear(getComputedStyle(e).backgroundColor)) return getComputedStyle(e).backgroundColor;
  return "rgb(255, 255, 255)";
};
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
while (walk.nextNode()) {
  const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
  if (!text || element.closest("svg, script, style") || !element.checkVisibility()) continue;
  found.push([text, getComputedStyle(element).color, under(element)]);
}
for (const text of document.querySelectorAll("svg text")) {
  const ink = getComputedStyle(text).fill, own = ["rgb(16, 16, 16)", "rgb(254, 254, 254)"];
  // Those two are the numbers of a heat map, on the colours of its cells.
  if (!own.includes(ink)) found.push([text.textContent.trim(), ink, under(text)]);
}
return found;
"""


@contextlib.contextmanager
def started() -> Iterator[Any]:
  """A driver; a test without a browser is skipped, and says what is missing."""
  webdriver = pytest.importorskip(
    'selenium.webdriver', reason='selenium is not installed: pip install -e ".[browser]"'
  )
  program = next(filter(None, map(shutil.which, PROGRAMS)), None)
  driver = shutil.which('chromedriver')
  if program is None or driver is None:
    pytest.skip('Chromium or its chromedriver is not installed: apt install chromium-driver')
  options = webdriver.ChromeOptions()
  options.binary_location = program
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
  for argument in ('--headless=new', '--disable-gpu', '--hide-scrollbars'):
    options.add_argument(argument)
  if os.geteuid() == 0:  # as in containers, where Chromium has no sandbox
    options.add_argument('--no-sandbox')
  browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
  try:
    yield browser
  finally:
    browser.quit()


def show(
  browser: Any, page: pathlib.Path, *, width: int = 1280, height: int = 900, dark: bool = False
) -> None:
  """Opens a page at a size, for a reader whose system is light or dark."""
  size = {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': width < 600}
  theme = {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}
  browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
  browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [theme]})
  browser.get(page.resolve().as_uri())


def screenshot(browser: Any, file: pathlib.Path) -> None:
  """Writes what is seen as PNG."""
  shot = browser.execute_cdp_cmd('Page.captureScreenshot', {})
  file.write_bytes(base64.b64decode(shot['data']))


def contrasts(browser: Any) -> dict[str, float]:
  """{text: its contrast with what it lies on}, by WCAG 2.2, of all that is seen."""
  return {text: _contrast(ink, paper) for text, ink, paper in browser.execute_script(TEXTS)}


def _contrast(*colours: str) -> float:
  dark, light = sorted(map(_luminance, colours))
  return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
  """Relative luminance of 'rgb(r, g, b)'; https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
  parts = [float(part) / 255 for part in colour[colour.index('(') + 1 : -1].split(',')[:3]]
  linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
