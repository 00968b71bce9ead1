"""Errors of what comes from outside."""


class ProtocolError(Exception):
    """Octets from outside break the protocol; the message names the reason in a few fixed words."""


class TooLong(ProtocolError):
    """A text or its octets are above a bound."""
