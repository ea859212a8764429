"""What is written for XLA on CPUs.

A small net spends most of a step, and of its compilation, on what XLA:CPU does with a few numbers
at a time. `compiler` has the options that programs are compiled with, `compact` makes one kernel of
a function of few numbers, `loss` has its own derivative, and `convolution`, `patches` and `pooling`
are written as products and sums that XLA:CPU runs fast.
"""
