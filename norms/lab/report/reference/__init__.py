"""The figures of another report that a study names, beside ours.

`comparison` pairs them, and has the table and the sentences; `comparison_figures` draws them.
"""
