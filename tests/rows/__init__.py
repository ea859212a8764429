"""The table's rows, each a norm with a choice of options, its oracle and its claims.

A new norm is one `Row` here; tests/test_norms.py holds it to every promise that applies.
"""

from rows import activations, kernels, standard
from rows.row import SHAPE as SHAPE
from rows.row import Row as Row

ROWS = (*standard.ROWS, *activations.ROWS, *kernels.ROWS)
