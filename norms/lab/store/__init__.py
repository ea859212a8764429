"""How records are kept on disk, below `norms.lab.records`, which writes and loads them.

`durable` writes a file whole or not at all, `checked` gives it a sha256 of its own, `stored` is the
index by which known files need not be opened, `packed` makes large files of small ones, and
`united` makes one frame of them all.
"""
