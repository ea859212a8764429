"""What each key of a config means, in one line: train.py --help and the documents read this table.

Types and defaults come from `norms.lab.study.defaults`, so that they stand in one place only.
"""

from collections.abc import Mapping
import textwrap
from typing import NamedTuple

from ml_collections import config_dict

from norms.lab import study

# Keys of a study, as configs/sweep.py has them.
STUDY: Mapping[str, str] = {
  'name': 'the name of the folder in results/',
  'question': 'what the study asks, in one sentence; the report prints it',
  'expectation': 'what you expect before you run it; the report prints it above the verdicts',
  'data.name': 'digits, mnist, fashion_mnist, cifar10, or of your own, as docs/own_data.md says',
  'data.train': 'how many training examples, the first ones; 0: all that remain',
  'data.validation': 'how many examples are held out from the end of the official training split',
  'data.test': 'how many examples of the test split, the first ones; 0: all',
  'data.normalize': 'how inputs are scaled: standardise, unit, mean_image or none',
  'data.layout': "image, flat or flat_channels_first; '' is flat for digits, else as they are",
  'data.source': 'originals, or tfds: as tensorflow-datasets prepares the set, in its own order',
  'data.target': 'of a table of your own, the column to predict; all others are features',
  'data.kind': "of targets: classes, floats or sequences; '': as their dtype says",
  'data.sha256': "of your own data's content, which is part of a trial; '': of what is there now",
  'data.manual_dir': 'the folder of original files, where they should not be downloaded',
  'model': 'mlp, cnn, resnet, vit, decoder, or package.module:factory',
  'model_options': "arguments of the model, such as {'width': 128, 'dropout': 0.1}",
  'norm': 'a name of norms.NORMS, or package.module:object',
  'norm_options': "options by norm, such as {'group': {'num_groups': 8}}",
  'optimizer': 'the name of a factory in optax, or package.module:function',
  'optimizer_options': "arguments of the optimizer, such as {'momentum': 0.9}",
  'learning_rate': 'the step size that the optimizer is given; the peak of the schedule',
  'schedule': 'of the rate over the steps: the name of a function in optax, such as cosine_decay',
  'schedule_options': "its arguments, such as {'warmup_epochs': 2}: lengths are _steps or _epochs",
  'clip_norm': 'the largest length of the gradient of all parameters; None: whatever it is',
  'weight_decay': 'times the parameters, is added to their gradient or as the optimizer has it',
  'decay_mask': 'which parameters decay: kernels or all',
  'batch_size': 'training examples in a step',
  'epochs': 'passes over the training examples, each in a fresh order',
  'init_scale': 'initial kernels: times the usual (He) standard deviation; 1 if neither is given',
  'weight_scale': 'initial kernels: the standard deviation itself, in place of init_scale',
  'head_scale': "the last kernel's own scale, in the measure of the two above; None: the same",
  'seed': 'draws initial kernels and the order of the examples',
  'eval_stats': 'which statistics judge a norm that has running ones: exact or running',
  'eval_examples': 'how many training examples its loss and accuracy are taken on; 0: all',
  'probe': 'on how many training examples the signal and gradient of layers are recorded; 0: none',
  'augment': "changes of the training images: 'pad_crop', 'flip'",
  'task': 'classification, regression, next_token, or package.module:class',
  'task_options': "arguments of the task, such as {'smoothing': 0.1} of classification",
  'metrics': 'what else is measured of each split: names of norms.lab.tasks.METRICS, or your own',
  'patience': 'a trial ends after so many epochs with no better score on validation data; 0: never',
  'devices': 'how many devices share each batch, those of all processes counted',
  'sync_batch_stats': "whether batch statistics are those of all devices; False: each device's own",
  'probes': "functions of one's own that measure after each epoch, as docs/parameters.md says",
  'replay': "numpy_legacy: kernels and batches as NumPy's legacy generator draws them; "
  'numpy_legacy_zeros: running statistics start at 0, too, the variance as well',
  'chunk': 'how many trials are computed at once: 0 chooses, 1 is exact to the bit',
  'sweep': 'per key a tuple of values, whose product is run; () leaves the key as it is',
  'claims': 'what the records are held against: (name, {options}) each',
  'labels': 'what the report calls a norm: {norm: label}',
  'references': "another report's figures, which are shown beside ours",
  'checkpoint': 'minutes between checkpoints, from which a killed or longer study goes on; 0: none',
  'keep': "which parameters are saved: 'final', 'best' (and the final ones), 'epochs'; '': none",
  'timing': 'rounds in which an epoch of each norm is timed after the sweep, in turn; 0: none',
}

# Keys of a comparison with other libraries, as configs/parity.py has them; no key has a default.
PARITY: Mapping[str, str] = {
  'kind': 'parity: one norm of one library at a time is held against ours',
  'name': 'the name of the folder in results/',
  'question': 'what is asked, in one sentence; the report prints it',
  'expectation': 'what you expect; the report prints it above the verdicts',
  'peers': 'the other libraries, by their names in norms.lab.peers',
  'norms': 'the norms that are compared',
  'shape': 'of the input of norms of activations: (examples, height, width, channels)',
  'dense': 'of the kernel of norms of kernels: (inputs, features)',
  'groups': 'of group norm',
  'steps': 'of the optimizer, after which parameters are compared',
  'seed': 'draws the inputs',
  'draws': 'of each named input; their largest errors are averaged',
  'dtypes': 'of the input, for which errors against the exact value are measured',
  'inputs': 'names of norms.lab.parity.cases; (): all',
}

# The same of configs/parity_drift.py, which trains one network with each library's norm.
PARITY_DRIFT: Mapping[str, str] = {
  'kind': 'parity_drift: a network is trained with the norms of each library',
  **{key: PARITY[key] for key in ('name', 'question', 'expectation')},
  'reference': 'what another report found, in words',
  'families': 'the norms that are compared',
  'libraries': 'whose norms are trained with; untrained: ours, gamma and beta left as they are',
  'seeds': 'each gives every library the same initial values and batches',
  **{f'data.{key}': STUDY[f'data.{key}'] for key in ('name', 'layout', 'train', 'manual_dir')},
  'model': 'the network',
  'model_options.channels': 'of each convolution',
  'model_options.dense': 'the width of each dense layer before the last',
  'optimizer': STUDY['optimizer'],
  'optimizer_options.momentum': 'of the optimizer',
  **{key: STUDY[key] for key in ('learning_rate', 'batch_size', 'epochs')},
  'epsilon': 'of all norms of activations',
}


# What --help says of axes beside their names.
SWEEPING = (
  'values of an axis: 0.1,1 or batch,layer or log(1e-3,1,9) or lin(0,1,5); quote brackets, '
  "as in --config.sweep.learning_rate='log(1e-3,1,9)', and tuples are values in "
  "--config.sweep.model_options.features='(64,),(64,64)'",
  'where a config has get_hyper, --config.sweep.KEY gives new values to an axis of a product, '
  'chooses among values that are paired with others, and is refused where KEY is fixed; '
  '--config.KEY=VALUE of an axis is the same with one value; the seed always takes new values',
)


class Key(NamedTuple):
  """A key of a config: its dotted name, its type, its default and what it means."""

  name: str
  kind: str
  default: object
  meaning: str


def keys(config: config_dict.ConfigDict, meanings: Mapping[str, str]) -> list[Key]:
  """Every key of `config` that has a meaning, in the table's order.

  Raises:
    KeyError: where the table names a key that the config has not.
  """
  found = []
  for name, meaning in meanings.items():
    part, last = config, name
    while '.' in last:
      head, _, last = last.partition('.')
      part = part[head]
    found.append(Key(name, _kind(part, last), _default(name, part[last]), meaning))
  return found


def names(config: config_dict.ConfigDict, whole: tuple[str, ...] = ()) -> list[str]:
  """The dotted names of a config's keys; those in `whole` count as one, whatever they hold."""
  found = []
  for key, value in config.items():
    if isinstance(value, config_dict.ConfigDict) and len(value) and key not in whole:
      found += [f'{key}.{name}' for name in names(value)]
    else:
      found.append(key)
  return found


def axes() -> list[str]:
  """What config.sweep takes: the keys of a trial, and options by their dotted names."""
  config = study.defaults()
  # What holds no key yet takes the options of a model, norm or optimizer.
  options = [key for key, value in config.items() if value == config_dict.ConfigDict()]
  examples = {'norm_options': 'norm_options.NORM.OPTION'}
  found = names(config.sweep)
  return [examples.get(key, f'{key}.OPTION') if key in options else key for key in found]


def text() -> str:
  """The keys of a study as aligned lines, for --help."""
  lines = ['keys of a config, as in --config.KEY=VALUE: KEY (type, default): meaning', '']
  for key in keys(study.defaults(), STUDY):
    line = f'{key.name} ({key.kind}, {key.default!r}): {key.meaning}'
    lines += textwrap.wrap(line, 98, initial_indent='  ', subsequent_indent='      ')
  for line in (f'--config.sweep.KEY=A,B takes: {", ".join(axes())}', *SWEEPING):
    lines += textwrap.wrap(line, 98, subsequent_indent='      ')
  return '\n'.join(lines)


def _kind(config: config_dict.ConfigDict, key: str) -> str:
  value = config[key]
  if value is None:
    return f'{config.get_type(key).__name__} or None'
  return 'dict' if isinstance(value, config_dict.ConfigDict) else type(value).__name__


def _default(name: str, value: object) -> object:
  if not isinstance(value, config_dict.ConfigDict):
    return value
  return {} if name == 'sweep' else value.to_dict()  # each of its values is ()
