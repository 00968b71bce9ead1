"""Sequencer core: no I/O, no clock, no randomness."""
