"""Pure formats: what octets and texts mean, for both sides. No I/O, no clock, no randomness."""
