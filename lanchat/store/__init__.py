"""The profile on disk: local copy of the log, outbox, device keys, pinned servers, settings."""
