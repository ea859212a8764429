"""Studies of no effect, and intervals of a mean that is known: how often the lab's statistics err.

    python -m tests.simulations [number of studies, by default 4000]

prints the table of docs/statistics.md.
"""
