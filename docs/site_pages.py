"""Sphinx extension: pages that follow from the code, and sections of the project's own documents.

Before anything is read it writes docs/generated/ (which git ignores): a page per norm from its row,
the table of config keys, the differences from Flax, and the reference of public names.
"""

import importlib.util
import inspect
import pathlib
import re
import textwrap

from docutils.parsers.rst import directives
import figures
import norm_notes
import reference
from sphinx.util.docutils import SphinxDirective

import norms
from norms import catalogue
import norms.linen
from norms.lab import config_keys, study
from norms.lab.peers import differences

DOCS = pathlib.Path(__file__).parent
ROOT = DOCS.parent
GENERATED = DOCS / 'generated'
BENCHMARKS = ROOT / 'results' / 'benchmarks'


def generate(app=None) -> None:
  """Writes every page of docs/generated/; a page that is as it was keeps its date."""
  (GENERATED / 'norms').mkdir(parents=True, exist_ok=True)
  rows = [row for row in norms.NORMS.values() if row.kind != 'none']
  for row in rows:
    put(f'norms/{row.name}.md', norm_page(row))
  put('norms/index.md', norms_index(rows))
  put('config_keys.inc', config_pages())
  put('flax_arguments.inc', flax_table())
  put('studies.md', studies())
  for name, text in reference.pages().items():
    put(f'{name}.md', text)


def put(name: str, text: str) -> None:
  """Writes a page, if it is another than the one that is there."""
  path = GENERATED / name
  if not path.exists() or path.read_text() != text:
    path.write_text(text)


def norm_page(row) -> str:
  """Formula, when to use it, figure, facts and cost of one norm."""
  function = row.function.__name__
  caption = figures.draw(row, GENERATED / 'norms' / f'{row.name}.png')
  learnt = ', '.join(
    f'`{name}`' + ('' if parameter.used else f' (with `use_{name}=True`)')
    for name, parameter in row.parameters.items()
  )
  # Written by hand, as Flax's are: their parameters are not in the row.
  learnt = {'weight': '`scale`, the length of each output feature'}.get(row.name, learnt)
  facts = {
    'function': f'{{py:obj}}`norms.{function}`',
    'modules': f'{{py:obj}}`norms.linen.{row.class_name}`, {{py:obj}}`norms.nnx.{row.class_name}`',
    'in a config': f"`config.norm = '{row.name}'`",
    'acts on': 'activations' if row.kind == 'activation' else 'the kernel of a layer that it wraps',
    'learns': learnt or 'nothing',
    'keeps for evaluation': _kept_statistics(row),
    'groups': 'their number must divide the channels' if row.groups else '',
    'takes a mask': 'yes' if 'mask' in inspect.signature(row.function).parameters else 'no',
    'paper': linked(row.paper),
  }
  table = ['| | |', '| --- | --- |', *(f'| {k} | {v} |' for k, v in facts.items() if v)]
  return '\n\n'.join([
    f'# {row.class_name}',
    summary(row.function),
    f'```{{code-block}} text\n:caption: formula\n\n{formula(row)}\n```',
    f'## When to use it\n\n{textwrap.dedent(norm_notes.WHEN[row.name]).strip()}',
    f'```{{figure}} {row.name}.png\n:alt: {row.class_name}\n\n{caption}\n```',
    '## Facts\n\n' + '\n'.join(table),
    f'## Cost\n\n{cost(row)}',
  ]) + '\n'  # fmt: skip


def _kept_statistics(row) -> str:
  if row.name == 'spectral':
    return '`u` and `sigma` of each kernel, in the collection `batch_stats`'
  names = ' and '.join(f'`{name}`' for name in row.keeps)
  return f'running {names}, in the collection `batch_stats`' if row.state else 'nothing'


def summary(function) -> str:
  """The first line of its docstring."""
  return inspect.getdoc(function).partition('\n')[0]


def formula(row) -> str:
  """From the notes; or the paragraphs of the function's docstring that hold an equation."""
  if row.name in norm_notes.FORMULA:
    return textwrap.dedent(norm_notes.FORMULA[row.name]).strip()
  text = re.split(r'\n(?:Args|Returns|Raises):', inspect.getdoc(row.function))[0]
  first, *others = text.strip().split('\n\n')
  equations = [part for part in others if ' = ' in part] or [first.partition(': ')[2]]
  return '\n\n'.join(equations).replace('`', '')


def linked(paper: str) -> str:
  """The source with its address; '' where there is none."""
  if not paper:
    return 'no single one'
  link = re.sub(r'arXiv:(\S+)', r'[arXiv:\1](https://arxiv.org/abs/\1)', paper)
  return re.sub(r'doi:(\S+)', r'[doi:\1](https://doi.org/\1)', link)


def cost(row) -> str:
  """What was counted and what was measured; nothing where there is no figure."""
  if row.kind == 'kernel':
    return (
      'It works on the kernel once per step, whatever the size of the batch; in evaluation the '
      'normalised kernel does not change. No committed benchmark measures it.'
    )
  parts = [
    f'For its backward pass it keeps {figures.kept(row):.2f} arrays of the input\'s size, counted '
    'when this page was built, for an input of shape (64, 14, 14, 32) in float32 (1.00 is one array '
    'like the input; what is beyond it are statistics).'
  ]
  for file, title, columns in (
    ('memory', 'arrays kept', ('dtype', 'ours', 'Flax')),
    ('library', 'milliseconds', ('shape', 'dtype', 'ours', 'Flax', 'Flax / ours')),
  ):
    text = (BENCHMARKS / f'{file}.txt').read_text()
    lines = re.findall(rf'^{row.name} +((?:\(.*?\) +)?)(\w+) +([\d. ]+)$', text, re.MULTILINE)
    if not lines:
      continue
    command, when = text.splitlines()[:2]
    table = [f'| {" | ".join(columns)} |', '|' + ' --- |' * len(columns)]
    for shape, dtype, numbers in lines:
      values = numbers.split()[: len(columns) - (2 if shape else 1)]
      table.append(f'| {" | ".join([*filter(None, [shape.strip()]), dtype, *values])} |')
    parts.append(
      f'Measured by `{command}` ({when.replace("+changes", " with changes")}), {title} of value and '
      'gradient:\n\n' + '\n'.join(table)
    )
  if len(parts) == 1:
    parts.append('No committed benchmark measures its time.')
  return '\n\n'.join(parts)


def norms_index(rows) -> str:
  """All norms in one table, and the pages' list."""
  lines = ['| norm | in a config | what it does |', '| --- | --- | --- |']
  for row in rows:
    lines.append(f'| [{row.class_name}]({row.name}.md) | `{row.name}` | {summary(row.function)} |')
  names = '\n'.join(row.name for row in rows)
  return (
    '# The norms\n\nA page each: formula, when to use it, what it shares, what it costs.\n\n'
    + '\n'.join(lines) + f'\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n'
  )  # fmt: skip


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
  axes = ', '.join(f'`{name}`' for name in study.AXES)
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

  lines = ['| Flax | ours | arguments | ours only | known differences of Flax |', '|' + ' --- |' * 5]
  for library, theirs, ours in (('linen', flax.linen, norms.linen), ('nnx', flax.nnx, norms.nnx)):
    for name, row in catalogue.CLASSES.items():
      if not hasattr(theirs, name):
        continue
      before, after = (
        {k: p.default for k, p in inspect.signature(getattr(m, name)).parameters.items()}
        for m in (theirs, ours)
      )
      assert set(before) <= set(after) | {'kwargs'}, f'{name} lacks arguments of Flax'
      more = ', '.join(f'`{k}`' for k in after if k not in before) or 'none'
      pair = (library, row.name)
      known = [table.get(pair, '') for table in (differences.VARIANCE, differences.CASTS,
                                                 differences.STATE)]  # fmt: skip
      others = [k for k in before if before[k] != after.get(k) and isinstance(before[k], int | float)]
      same = 'all, with the same defaults' if not others else f'all; other defaults: {others}'
      lines.append(
        f'| `flax.{library}.{name}` | {{py:obj}}`norms.{library}.{name}` | {same} | {more} | '
        f'{"; ".join(filter(None, known)) or "none known"} |'
      )
  return '\n'.join(lines) + '\n'


def studies() -> str:
  """results/README.md, with its figures, and its links as paths: reports are no part of the site."""
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
