"""Tasks: what a network is trained for, what it is judged by, and when it counts as trained.

`task` has the base class, from which one of your own is derived; `standard` has the lab's three,
and `metrics` what can be measured beside them.
"""

from collections.abc import Mapping
import inspect

import jax

from norms import catalogue
from norms.lab import columns, trial
from norms.lab import data as data_sets
from norms.lab.data import Data, Sizes, Split
from norms.lab.tasks.metrics import METRICS
from norms.lab.tasks.standard import Classification, NextToken, Regression
from norms.lab.tasks.task import EVIDENCE, RIGHT, TRIVIAL_LOSS_ROW, Metric, Task
from norms.lab.values import check_takes

__all__ = [
  'EVIDENCE', 'METRICS', 'RIGHT', 'TASKS', 'Classification', 'Metric', 'NextToken', 'Regression',
  'Task', 'all_metrics', 'check_outputs', 'examples', 'metric', 'of', 'outputs', 'rows', 'score',
  'shapes',
]  # fmt: skip

NEEDED = ('loss', 'trivial')  # of one of your own
TASKS: Mapping[str, type[Task]] = {
  'classification': Classification, 'regression': Regression, 'next_token': NextToken,
}  # fmt: skip


def of(static: trial.Trial) -> Task:
  """The task of a trial.

  Raises:
    ValueError: one line, at an unknown name or option, or at what is no task.
  """
  name, options = static.task, dict(static.task_options)
  make = catalogue.load(name, 'task') if ':' in name else TASKS[trial.one_of('task', name, TASKS)]
  if not (inspect.isclass(make) and issubclass(make, Task)):
    raise ValueError(f'task {name!r} is no task: derive a class from norms.lab.tasks.Task')
  parameters = inspect.signature(make).parameters
  if options and not any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
    for option in options:
      trial.one_of(
        f'option of task {name}', option, list(parameters) or ['none: it has no options']
      )
  check_takes(f'task {name!r}', make, **options)
  return make(**options)


def all_metrics(static: trial.Trial) -> dict[str, Metric]:
  """What is measured of each split beside the loss: the task's metrics, and those of the config.

  Raises:
    ValueError: one line, at an unknown metric, or one whose columns there are already.
  """
  found = dict(of(static).metrics)
  for name in static.metrics:
    end, added = metric(name)
    if end in found or (':' in name and f'test_{end}' in {row.name for row in columns.COLUMNS}):
      raise ValueError(f'metric {name!r}: there is a column test_{end} already: drop or rename it')
    found[end] = added
  return found


def metric(name: str) -> tuple[str, Metric]:
  """The end of the columns' names, and the metric, of METRICS or of package.module:object."""
  if ':' not in name:
    return name, METRICS[trial.one_of('metric', name, METRICS)]
  found = catalogue.load(name, 'metric')
  if not callable(found):
    raise ValueError(f'metric {name!r} is no function of (outputs, targets), nor a Metric of one')
  return name.partition(':')[2], found if isinstance(found, Metric) else Metric(found)


def rows(static: trial.Trial) -> list[columns.Column]:
  """The rows of the columns that a trial's task adds to those of norms.lab.columns.

  Of the task's own metrics those of the test split are in the tables of norms.
  """
  own, found = set(of(static).metrics), [TRIVIAL_LOSS_ROW]
  for name, each in all_metrics(static).items():
    for row in each.columns(name):
      table = name in own and row.name.startswith('test_')
      found.append(row._replace(shown=columns.TABLE) if table else row)
  known = {row.name for row in columns.COLUMNS}
  return [] if static.task == trial.TASKS[0] and not static.metrics else [
    row for row in found if row.name not in known
  ]  # fmt: skip


def outputs(static: trial.Trial) -> int:
  """The size of the last layer of a trial's network; ValueError where data and task do not fit."""
  task, sizes = of(static), data_sets.sizes(static.data)
  if ':' in static.task:
    _check_own(static.task, task)
  task.check(sizes)
  return task.outputs(sizes)


def _check_own(name: str, task: Task) -> None:
  """ValueError of one line unless a task of a user's has all methods, of the usual arguments."""
  for method, function in inspect.getmembers(Task, inspect.isfunction):
    if method in NEEDED and getattr(type(task), method) is function:
      raise ValueError(f'task {name!r} has no {method}: define it')
    _, *arguments = inspect.signature(function).parameters
    check_takes(f'{method} of task {name!r}', getattr(task, method), *arguments)


def examples(task: Task, data: Data) -> Data:
  """The data as the network sees them."""
  held_out = None if data.validation is None else task.examples(data.validation)
  return Data(task.examples(data.train), task.examples(data.test), held_out)


def shapes(task: Task, sizes: Sizes, count: int) -> Split:
  """The shapes and dtypes of what the network is given and is to say, of so many examples."""
  x = jax.ShapeDtypeStruct((count, *sizes.shape), sizes.dtype)
  dtype = 'float32' if sizes.kind == 'floats' else 'int32'
  y = jax.ShapeDtypeStruct((count, *sizes.target_shape), dtype)
  return jax.eval_shape(task.examples, Split(x, y))


def check_outputs(task: Task, measured: Mapping[str, Metric], sizes: Sizes, count: int, outputs):
  """ValueError of one line unless a network's outputs of so many examples, as a shape, and what the
  task makes of them are of the shapes that the lab needs."""
  split, example = shapes(task, sizes, count), task.output_shape(sizes)
  if outputs.shape != (count, *example):
    axes = 'classes' if len(example) == 1 else 'positions, classes'
    raise ValueError(
      f'the model gives {outputs.shape} for an input of shape {split.x.shape}: give (examples, '
      f'{axes}), here {(count, *example)}'
    )
  loss = jax.eval_shape(task.loss, outputs, split.y)
  if loss.shape != (count,):
    raise ValueError(
      f'the loss of task {type(task).__name__} has the shape {loss.shape} for {count} examples: '
      f'give a number for each, ({count},)'
    )
  for name, each in measured.items():
    check_takes(f'metric {name!r}', each.function, 'outputs', 'targets')
    value = jax.eval_shape(each.function, outputs, split.y)
    if value.shape and value.shape[0] != count:
      raise ValueError(
        f'metric {name} has the shape {value.shape} for {count} examples: give one number, or one '
        'for each'
      )


def score(static: trial.Trial) -> str:
  """The column by which tables and "best" compare norms.

  Raises:
    ValueError: where the task's primary metric is none of its metrics.
  """
  task = of(static)
  trial.one_of(f'primary metric of task {static.task}', task.primary, ['loss', *task.metrics])
  return f'test_{task.primary}'
