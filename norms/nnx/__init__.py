"""Flax nnx modules: Flax's own under Flax's names, arguments and variables, in place of Flax's.

What differs from flax.nnx, and why, is in each class's docstring; one thing holds for all:
entries that a mask leaves out are 0 before the affine, where Flax normalises them all the same.
"""

from norms.nnx.batch import BatchNorm as BatchNorm
from norms.nnx.kernels import SpectralNorm as SpectralNorm
from norms.nnx.kernels import WeightNorm as WeightNorm
from norms.nnx.sample import GroupNorm as GroupNorm
from norms.nnx.sample import InstanceNorm as InstanceNorm
from norms.nnx.sample import LayerNorm as LayerNorm
from norms.nnx.sample import RMSNorm as RMSNorm
