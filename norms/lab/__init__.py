"""The lab: one config in, one report out; see norms/lab/sweep.py for the loop."""
