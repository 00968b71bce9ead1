"""The date now, on this computer."""

import datetime


def today() -> datetime.date:
    """Local date."""
    return datetime.datetime.now().astimezone().date()
