"""Augmentation of a batch of images: pure functions of a key, traced with the step they feed.

Each image draws for itself. What is drawn depends on the key and the augmentation's own name, so
that another one before or after it changes nothing of its draws.
"""

from collections.abc import Callable, Sequence

import jax
from jax import lax
import jax.numpy as jnp

from norms.lab import trial

PAD = 4


def augment(names: Sequence[str], key: jax.Array, x: jax.Array) -> jax.Array:
  """Images x (batch, height, width, channels) after each of the named augmentations, in order.

  Raises:
    ValueError: at an unknown name, or inputs that are not images.
  """
  check(names, x.shape[1:])
  for name in names:
    # The key depends on the name's place in the table, not in `names`: see the top of this file.
    x = AUGMENTATIONS[name](jax.random.fold_in(key, list(AUGMENTATIONS).index(name)), x)
  return x


def check(names: Sequence[str], shape: tuple[int, ...]) -> None:
  """That these augmentations exist, and apply to inputs of this shape.

  Raises:
    ValueError: at the first that does not.
  """
  for name in names:
    trial.one_of('augment', name, AUGMENTATIONS)
    if len(shape) != 3:
      raise ValueError(
        f'augment={name!r} needs images (height, width, channels), not inputs of shape {shape}: '
        "set config.data.layout='image'"
      )


def pad_crop(key: jax.Array, x: jax.Array) -> jax.Array:
  """Each image shifted by up to 4 pixels either way, zeros moving in: padded by 4 on every side,
  then a window of its old size cut out at random. As in He et al., 2016 (arXiv:1512.03385)."""
  padded = jnp.pad(x, ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0)))
  corners = jax.random.randint(key, (len(x), 2), 0, 2 * PAD + 1)

  def window(image: jax.Array, corner: jax.Array) -> jax.Array:
    return lax.dynamic_slice(image, (*corner, 0), x.shape[1:])

  return jax.vmap(window)(padded, corners)


def flip(key: jax.Array, x: jax.Array) -> jax.Array:
  """Each image mirrored left to right with even odds."""
  mirrored = jax.random.bernoulli(key, 0.5, (len(x), 1, 1, 1))
  return jnp.where(mirrored, x[:, :, ::-1], x)


AUGMENTATIONS: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {
  'pad_crop': pad_crop,
  'flip': flip,
}
