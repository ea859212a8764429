"""The lab's CNN trained by TensorFlow on arrays that are handed to it, in a process of its own.

python -m norms.lab.peers.tensorflow_loop IN.npz OUT.npz; Keras runs on TensorFlow here, which one
process cannot have beside Keras on JAX. See `train` for what the files hold.
"""

import os
import sys
from typing import Any

os.environ['KERAS_BACKEND'] = 'tensorflow'
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

MOST = 2000  # examples evaluated at once


class Net:
  """Convolutions with norm, ReLU and max pooling; dense layers with ReLU; a linear one.

  Built from initial values by the names of the lab's CNN: layer_0/kernel, norm_0/scale, ...
  """

  def __init__(self, initial, family: str, momentum: float, epsilon: float):
    self.variables = {name: tf.Variable(value) for name, value in initial.items()}
    self.family, self.depth = family, sum(name.endswith('/kernel') for name in initial)
    self.norms = {}
    if family != 'weight':
      make = {
        'batch': lambda: keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon),
        'layer': lambda: keras.layers.LayerNormalization(epsilon=epsilon),
        'layer (H,W,C)': lambda: keras.layers.GroupNormalization(1, epsilon=epsilon),
      }[family]
      self.norms = {f'norm_{i}': make() for i in range(self.depth) if f'norm_{i}/scale' in initial}

  def build(self, x) -> None:
    """Makes the norms' own variables, and puts them under the lab's names."""
    self(x, training=False)
    for name, norm in self.norms.items():
      self.variables |= {f'{name}/scale': norm.gamma.value, f'{name}/bias': norm.beta.value}

  def kernel(self, i: int):
    """The kernel of a layer, of the length that weight norm gives it."""
    v = self.variables[f'layer_{i}/kernel']
    if self.family != 'weight':
      return v
    # Keras has no weight norm: the same formula by TensorFlow's own l2_normalize.
    length = self.variables[f'WeightNorm_{i}/layer_{i}/kernel/scale']
    return tf.nn.l2_normalize(v, range(v.shape.rank - 1), epsilon=1e-12) * length

  def __call__(self, x, training: bool):
    for i in range(self.depth):
      kernel, bias = self.kernel(i), self.variables[f'layer_{i}/bias']
      if kernel.shape.rank == 4:
        x = tf.nn.conv2d(x, kernel, 1, 'SAME') + bias
        norm = self.norms.get(f'norm_{i}')
        more = {'training': training} if self.family == 'batch' else {}
        x = tf.nn.relu(x if norm is None else norm(x, **more))
        x = tf.nn.max_pool2d(x, 2, 2, 'VALID')
        continue
      # From the last convolution to the first dense layer.
      x = tf.reshape(x, [len(x), -1]) if x.shape.rank == 4 else x
      x = tf.matmul(x, kernel) + bias
      x = tf.nn.relu(x) if i < self.depth - 1 else x
    return x


def train(arrays) -> dict[str, np.ndarray]:
  """Curves by epoch, from epoch 0 on, and the watched parameters after each step, from step 0 on.

  given: family, initial/<name>, order (epochs, steps, batch), x, y, test_x, test_y, learning_rate,
  momentum (of the optimiser), kept (of running statistics), epsilon, watched (names).
  """
  initial = {name[8:]: arrays[name] for name in arrays if name.startswith('initial/')}
  net = Net(initial, str(arrays['family']), float(arrays['kept']), float(arrays['epsilon']))
  x, y = tf.constant(arrays['x']), tf.constant(arrays['y'])
  net.build(x[:1])
  step, watched = _step(net, arrays), [net.variables[name] for name in arrays['watched']]
  losses, values, scores = [], [_values(watched)], [_accuracy(net, arrays)]
  for epoch in arrays['order']:
    for rows in epoch:
      losses.append(float(step(tf.gather(x, rows), tf.gather(y, rows))))
      values.append(_values(watched))
    scores.append(_accuracy(net, arrays))
  return {'loss': np.array(losses), 'watched': np.array(values), 'test_accuracy': np.array(scores)}


def _step(net: Net, arrays):
  """One step of gradient descent with momentum; the loss before it."""
  rates = float(arrays['learning_rate']), float(arrays['momentum'])
  optimizer = tf.compat.v1.train.MomentumOptimizer(*rates)

  @tf.function
  def step(x, y):
    with tf.GradientTape() as tape:
      logits = net(x, training=True)
      loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    variables = list(net.variables.values())
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  return step


def _values(variables) -> np.ndarray:
  return np.concatenate([v.numpy() for v in variables])


def _accuracy(net: Net, arrays) -> float:
  hits = 0
  for i in range(0, len(arrays['test_y']), MOST):
    logits = net(tf.constant(arrays['test_x'][i : i + MOST]), training=False)
    hits += int(np.sum(np.argmax(logits.numpy(), -1) == arrays['test_y'][i : i + MOST]))
  return hits / len(arrays['test_y'])


if __name__ == '__main__':
  with np.load(sys.argv[1]) as handed:
    found: Any = train(dict(handed))  # Any: savez has an option that is no array
  np.savez(sys.argv[2], **found)
