"""Amounts of data in words."""

from lanchat.i18n import _, decimal


def size_text(octets: float) -> str:
    """Octets for a person, in the units of the configuration and the log."""
    for limit, text in ((1 << 30, _("{number} GiB")), (1 << 20, _("{number} MiB"))):
        if octets >= limit:
            return text.format(number=decimal(octets / limit))
    if octets >= 1024:
        return _("{number} KiB").format(number=decimal(octets / 1024))
    return _("{number} B").format(number=int(octets))
