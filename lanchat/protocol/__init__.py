"""Pure protocol code: no I/O, no clock, no randomness; imports nothing of ours outside this package."""
