"""The client core: what a client decides, without I/O, clock or randomness."""
