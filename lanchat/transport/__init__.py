"""TLS and UDP connections, and the driver that feeds a client core."""
