"""What was timed of each norm: a file beside the records, which norms.lab.runner.timing writes."""

import json
import os
from typing import Any

from norms.lab import records
from norms.lab.store import durable
from norms.lab.values import Recorded

FILE = 'timing.json'


def load(workdir: str | os.PathLike) -> dict[str, Any]:
  """What was measured, {} where nothing was."""
  path = records.folder(workdir) / FILE
  return json.loads(path.read_text(encoding='utf-8')) if path.exists() else {}


def write(workdir: str | os.PathLike, found: Recorded) -> None:
  """Keeps it; atomic, as records are."""
  path = records.folder(workdir) / FILE
  with durable.replacing(path) as temporary:
    temporary.write_text(json.dumps(found, indent=1) + '\n', encoding='utf-8')
