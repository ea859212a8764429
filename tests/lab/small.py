"""A config small enough for a test, and ways to run it."""

from norms.lab import study, sweep


def config(**changes):
  """Digits, one hidden layer of 8, two epochs of 5 steps."""
  made = study.defaults()
  made.name = 'small'
  made.model_options = {'features': (8,)}
  made.norm_options = {'group': {'num_groups': 2}}
  made.optimizer_options = {'momentum': 0.9}
  made.learning_rate = 0.05
  made.batch_size, made.epochs = 256, 2
  for key, value in changes.items():
    (made.sweep if key in made.sweep and isinstance(value, tuple) else made)[key] = value
  return made


def run(made, workdir, **options):
  """Runs what is missing; (records of the study, lines of failed groups, groups that ran)."""
  asked = made if isinstance(made, study.Study) else study.from_config(made)
  groups = sweep.pending(asked, workdir)
  failed = sweep.run(asked, groups, workdir, tick=lambda *_: None, **options)
  return sweep.results(asked, workdir), failed, groups
