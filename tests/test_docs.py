"""docs/: the code of its pages runs, and the site builds with a page for every public name."""

import pathlib
import re
import shlex
import subprocess
import sys
import types
import zlib

import jax
import jax.numpy as jnp
import pytest

import norms
from norms import catalogue, lab
from norms.lab import config_keys, statistics, study, sweep
from norms.lab.report import studies
from norms.lab.statistics import claims
import norms.linen
import norms.nnx

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / 'docs'
PAGES = {path.stem: path.read_text() for path in sorted(DOCS.glob('*.md'))}
WITH_CODE = [name for name, text in PAGES.items() if '```python' in text]
OTHERS = ('README.md', 'CONTRIBUTING.md', 'results/README.md')
COMMANDS = {
  line.partition('#')[0].strip()
  for text in (*PAGES.values(), *((ROOT / name).read_text() for name in OTHERS))
  for block in re.findall(r'```sh\n(.*?)```', text, re.DOTALL)
  for line in block.replace('\\\n', '').splitlines()
  if 'train.py' in line
}  # fmt: skip


def _blocks(name):
  found = re.findall(r'^( *)```python\n(.*?)^ *```', PAGES[name], re.DOTALL | re.MULTILINE)
  return [re.sub(rf'^{indent}', '', block, flags=re.MULTILINE) for indent, block in found]


def run(name) -> dict:
  """The names that the blocks of a page define, run one after the other as one module."""
  module = types.ModuleType(f'docs_{name}')  # dataclasses look their module up
  sys.modules[module.__name__] = module
  for block in _blocks(name):
    exec(compile(block, f'docs/{name}.md', 'exec'), vars(module))
  return vars(module)


def test_most_pages_show_code():
  assert {'index', 'flax', 'in_your_model', 'own_norm', 'own_study', 'reading_reports'} <= set(
    WITH_CODE
  )


SLOW = ('two_studies',)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW))
    for name in WITH_CODE
    if name != 'in_your_model'
  ],
)
def test_the_code_of_a_page_runs(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(sweep, 'devices', lambda: jax.local_devices()[:1])  # as on a reader's CPU
  assert run(name)


def test_norms_work_in_models_as_the_page_shows():
  names = run('in_your_model')
  x = names['x']
  assert names['y'].shape == (4, *x.shape[1:])
  assert jnp.isfinite(names['gradients']['scale']).all()
  variables = names['attention'].init(jax.random.key(0), x[0])
  assert {'query_norm', 'key_norm'} <= set(variables['params'])


@pytest.mark.parametrize(
  'command', sorted(COMMANDS), ids=lambda line: f'{zlib.crc32(line.encode()):x}'
)
def test_commands_name_files_and_keys_that_exist(command):
  given = dict(
    part.removeprefix('--').partition('=')[::2] for part in shlex.split(command) if part[:2] == '--'
  )
  assert (ROOT / given.pop('config').partition(':')[0]).is_file()
  known = config_keys.names(study.defaults())
  for flag in given:
    key = flag.removeprefix('config.')
    options = any(key.startswith(f'{name}.') for name in known if name.endswith('_options'))
    assert flag in ('workdir', 'dry_run', 'only', 'scheduler') or key in known or options, flag


def test_the_table_of_studies_is_that_of_the_committed_reports(monkeypatch):
  monkeypatch.chdir(ROOT)
  page, results = pathlib.Path('results/README.md'), pathlib.Path('results')
  section = '\n'.join([
    *studies.table(results, page.parent), '', *studies.gallery(results, page.parent)
  ])  # fmt: skip
  assert studies.insert_section(page.read_text(), section) == page.read_text()
  assert studies.index(results) == (results / 'index.html').read_text()


def test_every_norm_says_when_it_is_used(monkeypatch):
  monkeypatch.syspath_prepend(str(DOCS))
  import norm_notes

  wanted = {name for name, row in norms.NORMS.items() if row.kind != 'none'}
  assert set(norm_notes.WHEN) == wanted and set(norm_notes.FORMULA) < wanted
  assert min(len(text.split()) for text in norm_notes.WHEN.values()) >= 10


def test_a_figure_shows_what_shares_statistics(monkeypatch):
  """What docs/figures.py finds by differentiation is what the norms are defined by."""
  monkeypatch.syspath_prepend(str(DOCS))
  import figures

  example, row, column, channel = figures.WATCHED
  for name, where in {
    'batch': (..., channel),
    'layer': (example, row, column),
    'instance': (example, ..., channel),
    'group': (example, ..., slice(2, 4)),
    'dyt': figures.WATCHED,
  }.items():
    _, _, depends = figures.outcome(norms.NORMS[name])
    expected = jnp.zeros(figures.SHAPE, bool).at[where].set(True)
    assert (depends == expected).all(), name


def public_names() -> list[str]:
  """Of the library and its modules, and what users of the lab are promised."""
  found = getattr(norms, '__all__', None) or [
    name for name, value in vars(norms).items() if not isinstance(value, types.ModuleType)
  ]
  names = [f'norms.{n}' for n in found if n[0] != '_' and n not in ('linen', 'nnx', 'Any')]
  names += [f'norms.{m}.{n}' for m in ('linen', 'nnx') for n in (*catalogue.CLASSES, 'module')]
  names += [f'norms.lab.statistics.{name}' for name in statistics.__all__ if name != 'CLAIMS']
  names += [f'{rule.__module__}.{rule.__name__}' for rule in claims.RULES.values()]
  names += [f'norms.lab.{name}' for name in lab.__all__ if name != 'figure']
  names += [f'norms.lab.figure.{name}' for name in lab.figure.__all__]
  return [*names, 'norms.lab.records.load', 'norms.lab.study.defaults']


def text_of(html: str) -> str:
  """What a reader sees."""
  return ' '.join(re.sub(r'<[^>]+>', ' ', html).split())


def entries(site: pathlib.Path) -> dict[str, str]:
  """What stands under each Python name that the site's inventory has."""
  content = (site / 'objects.inv').read_bytes().split(b'\n', 4)[4]  # after four lines of text
  pages = {path.name: path.read_text() for path in (site / 'generated').glob('*.html')}
  found = {}
  for line in zlib.decompress(content).decode().splitlines():
    name, kind, _, uri, _ = line.split(maxsplit=4)
    if kind.startswith('py:') and kind != 'py:module':
      entry = pages[pathlib.Path(uri.partition('#')[0]).name].partition(f'id="{name}"')[2]
      found[name] = text_of(entry.partition('</dt>')[2].partition('</dd>')[0])
  return found


@pytest.mark.slow
def test_the_site_builds_and_has_a_page_for_every_public_name(tmp_path):
  pytest.importorskip('sphinx', reason='needs the extra docs')
  build = [sys.executable, '-m', 'sphinx', '-W', '-q', '-b', 'html', str(DOCS), str(tmp_path)]
  done = subprocess.run(build, capture_output=True, text=True, cwd=ROOT)
  assert done.returncode == 0, done.stderr[-2000:]
  found = entries(tmp_path)
  for name in public_names():
    assert name in found, f'{name} has no page'
    assert len(found[name].split()) >= 4, f'{name} has no line on its page: {found[name]!r}'
  for name, row in norms.NORMS.items():
    if row.kind == 'none':
      continue
    page = (tmp_path / 'generated' / 'norms' / f'{name}.html').read_text()
    formula = text_of(page.partition('>formula<')[2].partition('</pre>')[0])
    assert ' = ' in formula, f'{name} has no formula: {formula}'
    assert f'{name}.png' in page and 'When to use it' in page
    timed = (ROOT / 'results/benchmarks/library.txt').read_text().count(f'\n{name} ')
    assert ('in a compiled loop' in page) == (timed > 0), f'{name}: its times are not on its page'
  keys = text_of((tmp_path / 'config_keys.html').read_text())
  for name, meaning in config_keys.STUDY.items():
    assert name in keys and ' '.join(meaning.split()[:4]) in keys, name
