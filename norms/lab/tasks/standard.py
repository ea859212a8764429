"""The tasks that the lab has: classification, regression and next-token prediction."""

import dataclasses

import jax
import jax.numpy as jnp

from norms.lab import statistics
from norms.lab.columns import TEST_ACCURACY, TEST_GAINED, TEST_LOST, TRAIN_LOSS
from norms.lab.data import Split
from norms.lab.tasks.metrics import METRICS, cross_entropies, errors
from norms.lab.tasks.task import RIGHT, Task
from norms.lab.xla_cpu.loss import cross_entropy


@dataclasses.dataclass(frozen=True)
class Classification(Task):
  """Classes from logits z (n, C): L = -log softmax(z)_c for class c, with the accuracy.

  With label smoothing s, training minimises the cross entropy against the target
  q_j = (1 - s) [j = c] + s / C, so that dL/dz = softmax(z) - q; what is recorded of a split is
  the loss without it, so that values of s can be compared.

  A trial trained if its test accuracy beats guessing, and that of the same net before training
  (`norms.lab.statistics.trained`).

  Attributes:
    smoothing: s, from 0 to below 1.

  Szegedy et al. 2016, arXiv:1512.00567
  """

  smoothing: float = 0.0
  metrics = {'accuracy': METRICS['accuracy']}
  primary = 'accuracy'

  def __post_init__(self):
    number = isinstance(self.smoothing, int | float) and not isinstance(self.smoothing, bool)
    if not (number and 0 <= self.smoothing < 1):
      raise ValueError(
        f'task_options.smoothing={self.smoothing!r}: use a number from 0 to below 1, such as 0.1'
      )

  def check(self, sizes):
    require(sizes, 'classification', ('classes',))

  def loss(self, outputs, targets):
    return cross_entropies(outputs, targets)

  def mean_loss(self, outputs, targets):
    return cross_entropy(outputs, targets)  # with its own derivative, which is faster on CPUs

  def objective(self, outputs, targets):
    if not self.smoothing:
      return self.mean_loss(outputs, targets)
    uniform = -jnp.mean(jax.nn.log_softmax(outputs))  # against 1/C each
    return (1 - self.smoothing) * self.mean_loss(outputs, targets) + self.smoothing * uniform

  def trivial(self, targets, outputs):
    """The logs of the classes' shares, a count of one added to each."""
    return log_frequencies(targets, outputs)

  def evidence(self, outputs, targets, train_targets):
    """Which examples are right."""
    return {RIGHT: jnp.argmax(outputs, -1) == targets}

  def trained(self, rows, data):
    """Better than guessing and than before training, on the test split; the loss is finite."""
    gained, lost = (int(rows[name][-1]) for name in (TEST_GAINED, TEST_LOST))
    accuracy, loss = float(rows[TEST_ACCURACY][-1]), float(rows[TRAIN_LOSS][-1])
    return statistics.trained(accuracy, len(data.test.y), data.chance, gained, lost, loss)


@dataclasses.dataclass(frozen=True)
class Regression(Task):
  """Numbers: L = mean_k (output_k - target_k)^2, with R^2.

  A trial trained if its squared errors on the test examples are below those of the mean of the
  training targets (see `Task.trained`).
  """

  metrics = {'r2': METRICS['r2']}
  primary = 'r2'

  def check(self, sizes):
    require(sizes, 'regression', ('floats',))

  def loss(self, outputs, targets):
    return jnp.mean(jnp.square(errors(outputs, targets)), -1)

  def trivial(self, targets, outputs):
    """The mean of the training targets."""
    return jnp.mean(targets.reshape(len(targets), -1), 0)


@dataclasses.dataclass(frozen=True)
class NextToken(Task):
  """Each token from those before it: of tokens t (n, length), the network is given t[:, :-1] and
  returns logits (n, length - 1, vocabulary) for t[:, 1:].

  L = mean over positions of -log softmax(z)_t, the loss per token in nats, with the perplexity,
  which is exp of its mean. Of the data the inputs are read, and no targets.

  A trial trained if its loss on the test sequences is below that of the frequencies of tokens in
  the training targets (see `Task.trained`), where a count of one is added to each token's.
  """

  metrics = {'perplexity': METRICS['perplexity']}
  primary = 'loss'

  def check(self, sizes):
    if not sizes.vocabulary:
      raise ValueError(
        'task=next_token needs tokens as inputs, whole numbers (examples, length): '
        'use other data, or another config.task'
      )
    if sizes.shape[0] < 2:
      raise ValueError('task=next_token: sequences of one token have no next one: use longer ones')

  def outputs(self, sizes):
    return sizes.vocabulary

  def output_shape(self, sizes):
    return (sizes.shape[0] - 1, sizes.vocabulary)

  def examples(self, split):
    return Split(split.x[:, :-1], split.x[:, 1:])

  def loss(self, outputs, targets):
    return jnp.mean(cross_entropies(outputs, targets), -1)

  def trivial(self, targets, outputs):
    """The logs of the tokens' frequencies, a count of one added to each."""
    return log_frequencies(targets, outputs)


def log_frequencies(targets, size: int) -> jax.Array:
  """log((count + 1) / (total + size)) of each whole number below size."""
  counts = jnp.bincount(jnp.ravel(targets), length=size) + 1
  return jnp.log(counts / jnp.sum(counts))


def require(sizes, task: str, kinds: tuple[str, ...]) -> None:
  """ValueError of one line unless the targets are of a kind that the task takes."""
  if sizes.kind not in kinds:
    fits = {'classes': 'classification', 'floats': 'regression', 'sequences': 'next_token'}
    raise ValueError(
      f'task={task} needs targets that are {kinds[0]}, and those of the data are {sizes.kind}: '
      f'use --config.task={fits[sizes.kind]}, '
      f'or --config.data.kind={kinds[0]} if they can be read so'
    )
