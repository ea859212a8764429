"""What the process imports from which workers are forked, and nobody else does."""

import pathlib
import sys
import tempfile

from norms.lab.runner import workers as workers  # which takes seconds, once and not in each worker
from norms.lab.store import durable

_shown = sys.excepthook


def _hook(kind, error, traceback) -> None:
  # A driver that is killed while it starts a worker has nobody who should read of it.
  if kind is not EOFError:
    _shown(kind, error, traceback)


sys.excepthook = _hook
# A driver that was killed just when this process began has left the folder of its socket.
durable.clear(pathlib.Path(tempfile.gettempdir()))
