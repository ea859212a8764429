"""Figures of the sweep, and how every figure of a report is made.

`against_axis`, `curves`, `by_batch` and `heat_maps` draw accuracies and losses; `scales` fits
axes, `sheets` lays panels out, `drawing` is a figure with its words, and `writing` makes files of
it. Which of them a study gets is in `report/which_figures.py`; figures of probes, of a reference
and of timing stand beside their tables.
"""
