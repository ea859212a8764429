"""The classes of norms.nnx."""
