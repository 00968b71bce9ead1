"""The client core: rooms, outbox, link, all without I/O."""
