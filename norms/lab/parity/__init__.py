"""How other libraries' norms compare with ours: from a config to records.

A config has a kind, and a kind says what its units are: `agreement` (kind 'parity') holds one norm
of one library against ours and against the exact value, `drift` (kind 'parity_drift') trains one
network with it. `from_config` makes the study, `pending` its units that have no record, `run`
measures and records them, `results` are the rows that norms.lab.report.parity reads.

    agreement: cases (what is put in) -> peers (what they make of it), exact (what is right)
               -> measures (rows)
    drift:     training (one network) -> drift (rows)
"""

from norms.lab import peers, trial, values
from norms.lab.parity import agreement, drift
from norms.lab.parity.study import ParityStudy as ParityStudy
from norms.lab.parity.study import describe as describe
from norms.lab.parity.study import pending as pending
from norms.lab.parity.study import results as results
from norms.lab.parity.study import run as run

KINDS = {'parity': agreement, 'parity_drift': drift}


def from_config(config, *, doc: str = '', command: str = '') -> ParityStudy:
  """The study of a ConfigDict; ValueError, one line, at what is wrong in it."""
  plain = config.to_dict()
  values.folder('config.name', plain['name'])
  kind = KINDS[trial.one_of('config.kind', plain['kind'], KINDS)]
  libraries = kind.libraries(plain)
  needed = [name for name in libraries if name in peers.LIBRARIES]
  installed = [name for name in libraries if name not in needed or peers.installed(name)]
  texts = {key: plain[key] for key in ('kind', 'name', 'question', 'expectation')}
  units = tuple(kind.units(plain, installed))
  reference, absent = plain.get('reference', ''), peers.absent(needed)
  notes = {'doc': doc, 'command': command, 'reference': reference, 'absent': absent}
  return ParityStudy(**texts, **notes, units=units)
