"""The profile on disk: local copy of the log, outbox, device key, pinned servers."""
