"""What a probe recorded of each layer: its signal and its gradient.

`at_start` has the tables and sentences on nets before their first step, `layer_figures` the figures
by depth and against an axis of the sweep.
"""
