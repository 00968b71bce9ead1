"""Sockets of the server: TLS, UDP relay, probe and DNS-SD, local ports."""
