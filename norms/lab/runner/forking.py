"""What the process imports from which workers are forked, and nobody else does."""

import sys

from norms.lab.runner import workers as workers  # which takes seconds, once and not in each worker

_shown = sys.excepthook


def _hook(kind, error, traceback) -> None:
  # A driver that is killed while it starts a worker has nobody who should read of it.
  if kind is not EOFError:
    _shown(kind, error, traceback)


sys.excepthook = _hook
