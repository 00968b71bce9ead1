"""Threads and tasks beside the event loop: the writer, readers, checks, backups."""
