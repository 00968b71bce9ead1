"""Single datagrams: sealed ones of the relay with their replay window, and the probe."""
