"""A page per norm from its row: formula, when to use it, figure, facts, cost."""

import inspect
import pathlib
import re
import textwrap

import figures
import norm_notes

BENCHMARKS = pathlib.Path(__file__).parents[1] / 'results' / 'benchmarks'
# What the committed benchmarks say of a norm: (file, what it is, its columns).
MEASURED = (
  ('memory', 'arrays kept for the backward pass', ('dtype', 'ours', 'Flax')),
  (
    'library',
    'milliseconds for value and gradient, in a compiled loop',
    ('shape', 'dtype', 'ours', 'Flax', 'Flax / ours'),
  ),
)


def page(row, folder: pathlib.Path) -> str:
  """Formula, when to use it, figure, facts and cost of one norm."""
  function = row.function.__name__
  caption = figures.draw(row, folder / f'{row.name}.png')
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
    f'For its backward pass it keeps {figures.kept(row):.2f} arrays of the size of the input, '
    'counted when this page was built, for shape (64, 14, 14, 32) in float32. 1.00 is one array '
    'like the input; the rest are statistics and parameters.'
  ]
  for file, title, columns in MEASURED:
    text = (BENCHMARKS / f'{file}.txt').read_text()
    lines = re.findall(rf'^{row.name} +((?:\(.*?\) +)?)(\w+) +([\d. ]+)%?$', text, re.MULTILINE)
    if not lines:
      continue
    command, when = text.splitlines()[:2]
    table = [f'| {" | ".join(columns)} |', '|' + ' --- |' * len(columns)]
    for shape, dtype, numbers in lines:
      values = numbers.split()[: len(columns) - (2 if shape else 1)]
      table.append(f'| {" | ".join([*filter(None, [shape.strip()]), dtype, *values])} |')
    parts.append(
      f'Measured by `{command}` ({when.replace("+changes", " with changes")}), {title}:\n\n'
      + '\n'.join(table)
    )
  if len(parts) == 1:
    parts.append('No committed benchmark measures its time.')
  return '\n\n'.join(parts)


def index(rows) -> str:
  """All norms in one table, and the pages' list."""
  lines = ['| norm | in a config | what it does |', '| --- | --- | --- |']
  for row in rows:
    lines.append(f'| [{row.class_name}]({row.name}.md) | `{row.name}` | {summary(row.function)} |')
  names = '\n'.join(row.name for row in rows)
  return (
    '# The norms\n\nA page each: formula, when to use it, what it shares, what it costs.\n\n'
    + '\n'.join(lines) + f'\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n'
  )  # fmt: skip
