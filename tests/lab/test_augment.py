"""Promises of augmentation: each image its own draw, by the key and the name; traced."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from norms.lab import trial
from norms.lab.data import augment

KEY = jax.random.key(3)


def images(n=32, shape=(12, 10, 2)):
  """No zero among them, so that padding shows."""
  return 1 + np.arange(n * np.prod(shape), dtype=np.float32).reshape(n, *shape)


def windows(image):
  """Every crop of the image padded by 4."""
  height, width, _ = image.shape
  padded = np.pad(image, ((4, 4), (4, 4), (0, 0)))
  return {
    (i, j): padded[i : i + height, j : j + width].tobytes() for i in range(9) for j in range(9)
  }


def test_pad_crop_is_a_window_of_the_padded_image():
  x = images(600, (6, 5, 1))
  made = np.asarray(augment.pad_crop(KEY, x))
  corners = []
  for image, cropped in zip(x, made, strict=True):
    found = [at for at, window in windows(image).items() if window == cropped.tobytes()]
    assert len(found) == 1
    corners += found
  # Each of nine shifts both ways: 600 draws miss one of the 18 with odds of 18 (8/9)^600 = 4e-30.
  for axis in (0, 1):
    counts = np.bincount([corner[axis] for corner in corners], minlength=9)
    assert len(counts) == 9 and counts.min() > 0
    # Chi square, 8 degrees of freedom: above 40 with odds of 3e-6; the key is fixed.
    assert np.sum((counts - 600 / 9) ** 2) / (600 / 9) < 40
  down, right = np.transpose(corners)
  assert abs(np.corrcoef(down, right)[0, 1]) < 0.2  # independent: 0.2 is five deviations


def test_flip_mirrors_half_of_them_left_to_right():
  x = images(600)
  made = np.asarray(augment.flip(KEY, x))
  same = np.array([np.array_equal(a, b) for a, b in zip(made, x, strict=True)])
  mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(made, x, strict=True)])
  assert np.all(same ^ mirrored)
  assert abs(np.sum(same) - 300) < 61  # five deviations


def test_draws_do_not_depend_on_the_others():
  """pad_crop's windows are the same with and without flip before it."""
  x = images()
  alone = augment.augment(('pad_crop',), KEY, x)
  both = augment.augment(('pad_crop', 'flip'), KEY, x)
  flipped = jnp.where(jnp.all(both == alone, (1, 2, 3), keepdims=True), both, both[:, :, ::-1])
  chex.assert_trees_all_equal(flipped, alone)


def test_none_is_nothing_and_another_key_another_draw():
  x = images()
  assert augment.augment((), KEY, x) is x
  first, again, other = (
    augment.augment(('pad_crop', 'flip'), key, x) for key in (KEY, KEY, jax.random.key(4))
  )
  chex.assert_trees_all_equal(first, again)
  assert not np.array_equal(first, other)


def test_traced_and_mapped_over_keys():
  """One compilation for all keys; under vmap the same draws as alone."""
  chex.clear_trace_counter()
  x = images()

  @jax.jit
  @chex.assert_max_traces(n=1)
  def made(key):
    return augment.augment(('pad_crop', 'flip'), key, x)

  keys = jax.random.split(KEY, 3)
  alone = [made(key) for key in keys]
  chex.assert_trees_all_equal(jax.vmap(made)(keys), jnp.stack(alone))


@pytest.mark.parametrize('dtype', [jnp.bfloat16, jnp.float32])
def test_shape_and_dtype_stay(dtype):
  x = jnp.asarray(images(), dtype)
  made = augment.augment(('pad_crop', 'flip'), KEY, x)
  chex.assert_trees_all_equal_shapes_and_dtypes(made, x)


def test_a_wrong_name_or_layout_gets_one_line():
  with pytest.raises(ValueError, match="augment='flop' is not known: did you mean 'flip'"):
    augment.augment(('flop',), KEY, images())
  with pytest.raises(ValueError, match="set config.data.layout='image'"):
    augment.augment(('flip',), KEY, images().reshape(32, -1))


def test_the_trials_names_are_these():
  assert tuple(augment.AUGMENTATIONS) == trial.AUGMENTATIONS
