"""Flax linen modules: Flax's own under Flax's names, fields and variables, in place of Flax's.

What differs from flax.linen, and why, is in each class's docstring; one thing holds for all:
entries that a mask leaves out are 0 before the affine, where Flax normalises them all the same.
"""

from norms.linen.batch import BatchNorm as BatchNorm
from norms.linen.kernels import SpectralNorm as SpectralNorm
from norms.linen.kernels import WeightNorm as WeightNorm
from norms.linen.sample import GroupNorm as GroupNorm
from norms.linen.sample import InstanceNorm as InstanceNorm
from norms.linen.sample import LayerNorm as LayerNorm
from norms.linen.sample import RMSNorm as RMSNorm
