"""Studies of no effect, and intervals of a mean that is known: how often the lab's statistics err.

    python -m tests.simulations [part ...] [number of studies, by default 4000]

prints the table of docs/statistics.md. Parts are claims, which takes ten minutes a line, winner,
coverage, cells and reference; by default all.
"""
