"""What is written for XLA on CPUs.

A small net spends most of a step, and of its compilation, on what XLA:CPU does with a few numbers
at a time. `compiler` has the options that programs are compiled with, `compact` makes one kernel of
a function of few numbers, `loss` has its own derivative, `gathering` updates all scales and biases
as one vector, and `convolution`, `patches` and `pooling` are written as products and sums that
XLA:CPU runs fast.

Each stands beside its plain formula, which a program traced under `norms.plain_formulas` has, and
every program of a process with NORMS_PLAIN_FORMULAS=1: the same figures to rounding. Compact
functions and patches are for CPUs alone, which is known when a program is lowered; so are options,
which is known when it is compiled. The rest serves every backend.
"""
