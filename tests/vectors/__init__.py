"""Golden vectors of the protocol, for this program and for others; octets are in hex. See make.py."""
