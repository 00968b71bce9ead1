"""Pure decisions: sequencer, sessions, accounts. No I/O, no clock, no randomness."""
