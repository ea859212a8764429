"""How a program that runs the lab ends when it is told to: Ctrl-C and SIGTERM."""

import os
import signal
import sys
import threading

PATIENCE = 8  # seconds in which what runs may end in order after SIGTERM


class Terminated(BaseException):
  """SIGTERM: this process is to end, soon."""


def in_order(said: str) -> None:
  """From here on Ctrl-C and SIGTERM are exceptions, by which what was started ends, too.

  said: what SIGTERM puts on stderr.
  """

  def terminate(*_) -> None:
    # Of what cannot end before its next epoch that epoch is lost, and nothing that was finished.
    last = threading.Timer(PATIENCE, os._exit, (128 + signal.SIGTERM,))
    # It must not keep a process alive that ends in order.
    last.daemon = True
    last.start()
    print(said, file=sys.stderr, flush=True)
    raise Terminated

  signal.signal(signal.SIGTERM, terminate)
  if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as by nohup
    signal.signal(signal.SIGINT, signal.default_int_handler)
