"""Sphinx extension: pages that follow from the code, and sections of the project's own documents.

Before anything is read it writes docs/generated/ (which git ignores): a page per norm from its row,
the tables of config keys and columns, the differences from Flax, and the reference of public names.
"""

import importlib.util
import inspect
import pathlib
import re

import column_pages
from docutils.parsers.rst import directives
import norm_pages
import reference
from sphinx.util.docutils import SphinxDirective

import norms
from norms import catalogue
from norms.lab import config_keys, study
from norms.lab.peers import differences
import norms.linen

DOCS = pathlib.Path(__file__).parent
ROOT = DOCS.parent
GENERATED = DOCS / 'generated'


def generate(app=None) -> None:
  """Writes every page of docs/generated/; a page that is as it was keeps its date."""
  (GENERATED / 'norms').mkdir(parents=True, exist_ok=True)
  rows = [row for row in norms.NORMS.values() if row.kind != 'none']
  for row in rows:
    put(f'norms/{row.name}.md', norm_pages.page(row, GENERATED / 'norms'))
  put('norms/index.md', norm_pages.index(rows))
  put('config_keys.inc', config_pages())
  put('columns.inc', column_pages.tables())
  put('flax_arguments.inc', flax_table())
  put('studies.md', studies())
  for name, text in reference.pages().items():
    put(f'{name}.md', text)


def put(name: str, text: str) -> None:
  """Writes a page, if it is another than the one that is there."""
  path = GENERATED / name
  if not path.exists() or path.read_text() != text:
    path.write_text(text)


def config_pages() -> str:
  """The tables of keys: of a study, and of both kinds of comparison with other libraries."""
  parts = [
    ('Keys of a study', study.defaults(), config_keys.STUDY),
    ('Keys of configs/parity.py', config('parity'), config_keys.PARITY),
    ('Keys of configs/parity_drift.py', config('parity_drift'), config_keys.PARITY_DRIFT),
  ]
  found = []
  for title, values, meanings in parts:
    given = 'default' if values is parts[0][1] else 'value there'
    lines = [f'## {title}', '', f'| key | type | {given} | meaning |', '| --- | --- | --- | --- |']
    for key in config_keys.keys(values, meanings):
      default = repr(key.default).replace('|', '\\|')
      lines.append(f'| `{key.name}` | {key.kind} | `{default}` | {key.meaning} |')
    found.append('\n'.join(lines))
  axes = ', '.join(f'`{name}`' for name in config_keys.axes())
  found[0] += f'\n\n`sweep` has a key for each of these: {axes}.'
  return '\n\n'.join(found) + '\n'


def config(name: str):
  """What configs/<name>.py gives."""
  spec = importlib.util.spec_from_file_location(f'config_{name}', ROOT / 'configs' / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config()


def flax_table() -> str:
  """Flax's class, ours, the arguments that only ours takes, and the known differences."""
  import flax.linen
  import flax.nnx

  lines = [
    '| Flax | ours | arguments | ours only | known differences of Flax |',
    '|' + ' --- |' * 5,
  ]
  for library, theirs, ours in (('linen', flax.linen, norms.linen), ('nnx', flax.nnx, norms.nnx)):
    for name, row in catalogue.CLASSES.items():
      if not hasattr(theirs, name):
        continue
      before, after = (
        {k: p.default for k, p in _arguments(getattr(module, name)) if k != 'self'}
        for module in (theirs, ours)
      )
      assert set(before) <= set(after) | {'kwargs'}, f'{name} lacks arguments of Flax'
      more = ', '.join(f'`{k}`' for k in after if k not in before) or 'none'
      pair = (library, row.name)
      known = [table.get(pair, '') for table in (differences.VARIANCE, differences.CASTS,
                                                 differences.STATE)]  # fmt: skip
      others = [
        k for k in before if before[k] != after.get(k) and isinstance(before[k], int | float)
      ]
      same = 'all, with the same defaults' if not others else f'all; other defaults: {others}'
      lines.append(
        f'| `flax.{library}.{name}` | {{py:obj}}`norms.{library}.{name}` | {same} | {more} | '
        f'{"; ".join(filter(None, known)) or "none known"} |'
      )
  return '\n'.join(lines) + '\n'


def _arguments(made):
  """Of __init__: nnx's metaclass hides its signature."""
  return inspect.signature(made.__init__).parameters.items()


def studies() -> str:
  """results/README.md with its figures; reports are no part of the site: links become paths."""
  text = (ROOT / 'results' / 'README.md').read_text().replace('# Results', '# Results so far', 1)
  text = re.sub(r'(!\[.*?\]\()', r'\1../../results/', text)
  return re.sub(r'(?<!!)\[([^\]]*)\]\(([^)]*)\)', r'\1 (`results/\2`)', text)


class Section(SphinxDirective):
  """`{section} FILE` with the title as content: a section of a document of the project."""

  required_arguments = 1
  has_content = True
  option_spec = {'if-present': directives.flag}

  def run(self):
    """The section's text without its heading, as if it stood here."""
    path, title = ROOT / self.arguments[0], '\n'.join(self.content).strip()
    self.env.note_dependency(str(path))
    _, heading, rest = path.read_text().partition(f'\n## {title}\n')
    if not heading:
      if 'if-present' in self.options:
        return []
      raise self.error(f'{path.name} has no section "## {title}"')
    text = re.split(r'\n## ', rest)[0].strip()
    if text[0].islower():  # the first sentence goes on from the heading
      text = f'{title} {text}'
    return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app):
  """Registers what conf.py names."""
  app.add_directive('section', Section)
  app.connect('builder-inited', generate)
  reference.setup(app)
  return {'parallel_read_safe': True}
