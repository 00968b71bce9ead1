"""The one error that decoders of hostile octets may raise."""


class ProtocolError(Exception):
    """Octets from outside break the protocol; the message names the reason in a few fixed words."""
