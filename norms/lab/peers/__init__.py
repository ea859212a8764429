"""The same norm in other libraries, all on NumPy arrays: PEERS[peer][norm](case) -> Result.

A peer's library is imported when one of its norms is first called, so the table itself needs none
of them. Activations are (examples, height, width, features), scale and bias (features,); kernels
are (inputs, features), scale is their length. Every option is optional: left out, the library's
own default holds.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import importlib
import importlib.util
import types

import numpy as np

from norms.lab import trial
from norms.lab.peers.case import Case as Case
from norms.lab.peers.case import Result as Result

ACTIVATION = ('batch', 'layer', 'rms', 'group', 'instance')
KERNEL = ('weight', 'spectral')
OURS = 'norms'


@dataclasses.dataclass(frozen=True)
class Library:
  """A library: what it is called, what must be importable, what runs its functions."""

  title: str
  needs: tuple[str, ...]
  module: str  # beside this file
  framework: str  # 'jax', 'pytorch' or 'tensorflow': it differentiates and optimises
  norms: tuple[str, ...]

  def load(self) -> types.ModuleType:
    """The file with its norms, each a function by its name here; it imports the library."""
    return importlib.import_module(f'norms.lab.peers.{self.module}')

  def runs_on(self) -> types.ModuleType:
    """The file that differentiates and optimises its functions."""
    return importlib.import_module(f'norms.lab.peers.on_{self.framework}')


LIBRARIES: Mapping[str, Library] = {
  OURS: Library('norms', (), 'ours', 'jax', ACTIVATION + KERNEL),
  'linen': Library('Flax linen', ('flax',), 'linen', 'jax', ACTIVATION + KERNEL),
  'nnx': Library('Flax nnx', ('flax',), 'nnx', 'jax', ACTIVATION + KERNEL),
  'keras': Library('Keras on JAX', ('keras',), 'keras', 'jax', (*ACTIVATION, 'spectral')),
  'haiku': Library('Haiku', ('haiku',), 'haiku', 'jax', (*ACTIVATION, 'spectral')),
  'equinox': Library('Equinox', ('equinox',), 'equinox', 'jax', ACTIVATION + KERNEL),
  'pytorch': Library('PyTorch', ('torch',), 'pytorch', 'pytorch', ACTIVATION + KERNEL),
  'tensorflow': Library(
    'TensorFlow', ('tensorflow',), 'tensorflow', 'tensorflow',
    ('batch', 'layer', 'group', 'instance', 'weight'),
  ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Peer:
  """One norm of one library."""

  library: str
  norm: str

  def __call__(self, case: Case, **options) -> Result:
    """The output, and the gradients of <cotangent, output>, in the dtypes that it gives them.

    Options: epsilon; groups (group norm); steps (spectral norm: of power iteration).
    """
    library = LIBRARIES[self.library]
    return library.runs_on().evaluate(getattr(library.load(), self.norm), case, options)

  def train(self, case: Case, target: np.ndarray, updates: int, **options) -> dict[str, np.ndarray]:
    """x, scale and bias after some updates by gradient descent with momentum towards a target.

    The loss is half the squared distance from it, summed over the features and averaged over the
    rest; the learning rate is 0.1 and the momentum 0.9, by the framework's own optimiser.
    """
    library = LIBRARIES[self.library]
    return library.runs_on().train(
      getattr(library.load(), self.norm), case, target, updates, options
    )

  def running(self, batches: Iterable[np.ndarray], **options) -> dict[str, np.ndarray]:
    """Batch norm's statistics for evaluation, 'mean' and 'var', after these batches.

    Option: momentum, the share of the old that is kept, whatever the library calls by that name.
    """
    stats = LIBRARIES[self.library].load().running(batches, **options)
    return {name: np.asarray(a, np.float64).ravel() for name, a in stats.items()}


PEERS: Mapping[str, Mapping[str, Peer]] = types.MappingProxyType(
  {name: {norm: Peer(name, norm) for norm in lib.norms} for name, lib in LIBRARIES.items()}
)


def installed(library: str) -> bool:
  """Whether the packages of a library can be imported."""
  trial.one_of('peer', library, LIBRARIES)
  # find_spec imports nothing: TensorFlow alone would take seconds.
  return all(importlib.util.find_spec(name) is not None for name in LIBRARIES[library].needs)


def absent(libraries: Iterable[str]) -> str:
  """One line on the libraries that are not installed, with the command that mends it; or ''."""
  titles = [LIBRARIES[name].title for name in libraries if not installed(name)]
  if not titles:
    return ''
  return f'left out, not installed: {", ".join(titles)}: pip install -e ".[peers]"'
