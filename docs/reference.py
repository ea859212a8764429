"""The reference pages: every public name, in the groups in which a reader looks for it."""

import inspect
import re
import types

import norms
from norms import catalogue, lab
from norms.lab import statistics
from norms.lab.statistics import claims

# What a norm or study of yours may rely on, beside the names of norms, norms.linen and norms.nnx.
OWN_NORMS = {
  'norms.core': (
    'normalize',
    'affine_dtype',
    'canonical_axes',
    'compute_dtype',
    'expand_param',
    'inexact',
  ),
  'norms.reduction': ('affine', 'recompute'),
  'norms.row': ('Row', 'Parameter'),
  'norms.catalogue': ('find',),
}
LAB = {
  'norms.lab': [name for name in lab.__all__ if name not in ('figure', 'report')],
  'norms.lab.figure': tuple(lab.figure.__all__),
  'norms.lab.records': ('load', 'provenance', 'unused'),
  'norms.lab.study': ('defaults', 'from_config', 'Study'),
  'norms.lab.trial': ('Trial',),
  'norms.lab.grid': ('sweep', 'fixed', 'product', 'zipit', 'chainit'),
  'norms.lab.sweep': ('pending', 'run', 'results'),
  'norms.lab.models': ('factory', 'Norm'),
  'norms.lab.models.mlp': ('mlp',),
  'norms.lab.models.cnn': ('cnn',),
  'norms.lab.models.resnet': ('resnet',),
  'norms.lab.models.vit': ('vit',),
  'norms.lab.models.decoder': ('decoder',),
  'norms.lab.data': ('load', 'sizes'),
  'norms.lab.report': ('of_run', 'write', 'terminal'),
  'norms.lab.session': ('describe',),
  'norms.lab.timed': ('load',),
}

REPORT = """.. py:function:: report(frame, study, workdir=None, *, helper=None)

   Writes the page of a study, as :py:obj:`norms.lab.report.of_run`."""

NORMS = """.. py:data:: NORMS

   The catalogue: from the name that a config uses to the norm's :py:obj:`Row <norms.row.Row>`, from
   which its modules, its pages and its tests follow. It cannot be changed; a row of your own is
   named as ``package.module:object``."""


def public(module) -> list[str]:
  """What a module promises: its __all__, or all names but modules and those with an underscore."""
  named = getattr(module, '__all__', None)
  if named is None:
    named = [n for n, v in vars(module).items() if not isinstance(v, types.ModuleType)]
  return sorted(n for n in named if not n.startswith('_') and n not in ('linen', 'nnx', 'Any'))


def pages() -> dict[str, str]:
  """Page by name, as Markdown."""
  functions = [name for name in public(norms) if callable(getattr(norms, name))]
  ours = [row.function.__name__ for row in norms.NORMS.values() if row.function]
  helpers = [name for name in functions if name not in ours]
  classes = list(catalogue.CLASSES)
  return {
    'api_norms': page(
      'norms', 'norms', 'Pure functions. `import norms` loads jax, and nothing of the lab.',
      ('The catalogue', [NORMS]),
      ('Norms', [member('norms', name) for name in ours]),
      ('Statistics, gains and switches', [member('norms', name) for name in helpers]),
      ('For a norm of your own', [member(m, n) for m, names in OWN_NORMS.items() for n in names]),
    ),
    'api_linen': modules('linen', classes),
    'api_nnx': modules('nnx', classes),
    'api_lab': page(
      'norms.lab', 'norms.lab', 'Plain data at both ends: a config goes in, a frame comes out.',
      *((module, [member(module, name) for name in names]) for module, names in LAB.items()),
      ('The page of a study', [REPORT]),
      ('norms.lab.statistics',
       [member('norms.lab.statistics', name) for name in statistics.__all__ if name != 'CLAIMS']),
      ('Claims', [*map(claim, claims.RULES.items())]),
    ),
  }  # fmt: skip


def modules(library: str, classes: list[str]) -> str:
  """The page of norms.linen or norms.nnx."""
  members = [f'.. autoclass:: norms.{library}.{name}\n   :members: __call__' for name in classes]
  about = (
    "Modules: Flax's own under Flax's names, and the catalogue's other norms in the same style. "
    f'See [](../flax.md) for what differs from `flax.{library}`.'
  )
  makers = [f'.. autofunction:: norms.{library}.module']
  return page(f'norms.{library}', f'norms.{library}', about, ('A row\'s class', makers),
              ('Classes', members))  # fmt: skip


def page(title: str, module: str, about: str, *groups) -> str:
  """A page with a heading per group of entries."""
  parts = [f'# {title}', about]
  for heading, entries in groups:
    body = '\n\n'.join(entries)
    parts += [f'## {heading}', f'```{{eval-rst}}\n.. py:currentmodule:: {module}\n\n{body}\n```']
  return '\n\n'.join(parts) + '\n'


def member(module: str, name: str) -> str:
  """The entry of a function, a class or a constant."""
  value = getattr(__import__(module, fromlist=[name]), name)
  kind = 'class' if isinstance(value, type) else 'function' if callable(value) else 'data'
  return f'.. auto{kind}:: {module}.{name}'


def claim(item) -> str:
  """The entry of a rule, which a config knows under a short name."""
  name, rule = item
  return f'.. autofunction:: {rule.__module__}.{rule.__name__}'


def as_text(app, what, name, obj, options, lines) -> None:
  """Escapes what reStructuredText reads: docstrings are plain text with code in backticks."""
  if 'The function:' in lines:  # a list of arguments follows
    lines.insert(lines.index('The function:') + 1, '')
  for i, line in enumerate(lines):
    parts = re.split(r'(`[^`]*`)', line)
    lines[i] = ''.join(
      p if p[:1] == '`' else re.sub(r'([*|\\]|_(?!\w))', r'\\\1', p) for p in parts
    )


def signature(app, what, name, obj, options, given, returns):
  """Signatures without the addresses of objects and Flax's own last fields."""
  if given is None:
    return None
  if what == 'class' and given == '(*args, **kwargs)':  # nnx's metaclass hides the real one
    given = re.sub(r'\(self, ', '(', str(inspect.signature(obj.__init__)))
    given = re.sub(r": '[^']*'| -> .*$", '', given)
  short = re.sub(r', parent=<[^>]*>+|, name=None(?=\))', '', given)
  short = re.sub(r"<(?:function|class) '?(?:[\w.]*\.)?(\w+)'?(?: at 0x\w+)?>", r'\1', short)
  return re.sub(r'<([\w. ]+?)( object)? at 0x\w+>', r'\1', short), returns


def setup(app) -> None:
  """Connects both to autodoc; before napoleon reads the docstring."""
  app.connect('autodoc-process-docstring', as_text, priority=400)
  app.connect('autodoc-process-signature', signature)
