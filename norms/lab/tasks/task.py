"""What a task says: the loss, what a network is judged by, and when it counts as trained."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from norms.lab import statistics
from norms.lab.columns import ANY, POSITIVE, SUMMARY, TRIVIAL_LOSS, Column
from norms.lab.data import Data, Sizes, Split

SPLITS = ('train', 'validation', 'test')


class Metric(NamedTuple):
  """A function of (outputs, targets) of a split, and the row of its columns.

  The function returns a number for each example, whose mean is recorded, or one for all of them.
  """

  function: Callable[[jax.Array, jax.Array], jax.Array]
  better: str = ''  # norms.lab.columns.HIGHER or LOWER; '' where neither is better
  limits: tuple[float, float] = ANY  # of its values
  label: str = ''  # in words; '': its name with spaces

  def __call__(self, outputs, targets) -> jax.Array:
    """One number for the split."""
    value = self.function(outputs, targets)
    return value if value.ndim == 0 else jnp.mean(value)

  def columns(self, name: str) -> list[Column]:
    """The rows of its columns, one of each split."""
    own: dict[str, Any] = {'better': self.better, 'limits': self.limits}
    label = self.label or name.replace('_', ' ')
    return [Column(f'{split}_{name}', label=f'{split} {label}', **own) for split in SPLITS]


class Task:
  """A task. One of your own is derived from this class; config.task_options are its arguments.

  It must have `loss` and `trivial`; all else has a default. `outputs` is what the network returns
  of n examples, (n, *output_shape(sizes)), and `targets` the n targets.

  Attributes:
    metrics: what is measured of each split beside the loss, by the end of the column's name.
    primary: the metric by which tables and "best" compare norms; 'loss' or a name of `metrics`.
  """

  metrics: Mapping[str, Metric] = {}
  primary: str = 'loss'

  def check(self, sizes: Sizes) -> None:
    """Raises a ValueError of one line where the data do not fit the task."""

  def outputs(self, sizes: Sizes) -> int:
    """The size of the network's last layer, which its factory is given as `classes`."""
    return sizes.classes

  def output_shape(self, sizes: Sizes) -> tuple[int, ...]:
    """The shape of what the network must return of one example."""
    return (self.outputs(sizes),)

  def examples(self, split: Split) -> Split:
    """What the network is given, and what it is to say, of a split of the data."""
    return split

  def loss(self, outputs, targets) -> jax.Array:
    """The loss of each example: (n,). Its mean over a split is recorded."""
    raise NotImplementedError(f'{type(self).__name__} has no loss')

  def mean_loss(self, outputs, targets) -> jax.Array:
    """The mean loss, which is recorded as train_loss, validation_loss and test_loss."""
    return jnp.mean(self.loss(outputs, targets))

  def objective(self, outputs, targets) -> jax.Array:
    """What training minimises, of one batch; recorded as minibatch_loss."""
    return self.mean_loss(outputs, targets)

  def trivial(self, targets, outputs: int) -> jax.Array:
    """The best outputs of a predictor that has seen the training targets and sees no input.

    They are the same for every example: of a shape that broadcasts to the network's outputs, whose
    last axis has the size `outputs`.
    """
    raise NotImplementedError(f'{type(self).__name__} has no trivial predictor')

  def evidence(self, outputs, targets, train_targets) -> dict[str, jax.Array]:
    """What `trained` needs of the test examples: by how much each one's loss is below the trivial
    predictor's, as mean and standard deviation, and that predictor's own loss.

    All are numbers, but for `right` (n,), whether each example is right: of it the counts of those
    that changed since before training are recorded, as test_gained and test_lost.
    """
    same = jnp.broadcast_to(self.trivial(train_targets, outputs.shape[-1]), outputs.shape)
    trivial_loss = self.loss(same, targets)
    gain = trivial_loss - self.loss(outputs, targets)
    deviation = jnp.std(gain, ddof=1)  # of a single example NaN, which is no evidence
    return {
      TRIVIAL_LOSS: jnp.mean(trivial_loss), 'gain': jnp.mean(gain), 'gain_deviation': deviation,
    }  # fmt: skip

  def trained(self, rows: Mapping[str, np.ndarray], data: Data) -> bool:
    """Whether a trial learnt something, from its measurements by epoch: it is better than the
    trivial predictor, by a one-sided paired t-test on the test examples at p < 0.001."""
    gain, deviation = (float(rows[name][-1]) for name in EVIDENCE)
    finite = bool(np.isfinite(rows['train_loss'][-1]))
    return finite and statistics.above_zero(gain, deviation, len(data.test.y))


TRIVIAL_LOSS_ROW = Column(
  TRIVIAL_LOSS, label='test loss of the trivial predictor', limits=POSITIVE, shown=SUMMARY
)
EVIDENCE = ('gain', 'gain_deviation')  # which `trained` reads and no record keeps
RIGHT = 'right'  # of each test example; counts stand in its place
