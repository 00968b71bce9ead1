"""What the writer changes under the lease: the log, accounts, rooms; and who has the lease."""
