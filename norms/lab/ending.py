"""How a program that runs the lab ends when it is told to: Ctrl-C and SIGTERM."""

import _thread
import os
import signal
import sys
import threading
import types

DROPPING = ('__del__', '_xla_gc_callback')  # functions in which Python drops what is raised
LATER = 0.05  # seconds after which it is raised then
PATIENCE = 8  # seconds in which what runs may end in order after SIGTERM
_heard: list[int] = []  # signals, the first first


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
    _heard.append(signal.SIGTERM)
    raise Terminated

  def interrupt(_, frame: types.FrameType | None) -> None:
    _heard.append(signal.SIGINT)
    if not _drops(frame):
      raise KeyboardInterrupt
    again = threading.Timer(LATER, _thread.interrupt_main)
    again.daemon = True
    again.start()

  signal.signal(signal.SIGTERM, terminate)
  if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as by nohup
    signal.signal(signal.SIGINT, interrupt)


def status(error: BaseException, said: str) -> int:
  """The exit status where a signal is why an error arose, as a shell reports it; else 0.

  Libraries of C make another error of what is raised while they call Python. said: what Ctrl-C
  puts on stderr.
  """
  kinds = {Terminated: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}
  number = kinds.get(type(error)) or next(iter(_heard), 0)
  if number == signal.SIGINT:
    print(said, file=sys.stderr)
  return number and 128 + number


def _drops(frame: types.FrameType | None) -> bool:
  while frame is not None:
    if frame.f_code.co_name in DROPPING:
      return True
    frame = frame.f_back
  return False
