"""What a user defines to update parameters: optimizers, named in a config by dotted name."""

import optax


def chained(learning_rate, steps, momentum=0.9, clip=1.0):
  """Clips, and takes steps at a rate that warms up to the peak and falls to 0 at the end."""
  shape = optax.warmup_cosine_decay_schedule(0.0, 1.0, steps // 4, steps)
  return optax.chain(
    optax.clip_by_global_norm(clip),
    optax.sgd(lambda step: learning_rate * shape(step), momentum),
  )


def branches(learning_rate, steps):
  """Asks for the value of the rate, which is an input of the program."""
  return optax.sgd(optax.warmup_cosine_decay_schedule(0.0, learning_rate, steps // 4, steps))


def counts(learning_rate, steps):
  """Returns no optimizer."""
  return learning_rate * steps


def breaks(learning_rate, steps):
  """Fails by itself."""
  raise RuntimeError(f'{learning_rate} and {steps}')


NUMBER = 5
