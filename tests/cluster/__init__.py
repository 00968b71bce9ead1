"""A Galera cluster of three nodes in network namespaces, and what becomes of a chat on it (`make cluster`)."""
