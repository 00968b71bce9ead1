"""A server from its start to its end, and one that stands by for it."""
