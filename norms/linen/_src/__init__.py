"""The classes of norms.linen."""
