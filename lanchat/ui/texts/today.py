"""Dates and times as this computer's time zone has them."""

import datetime

# What a time that no calendar holds is shown as; only a server that is not ours says one.
_NEVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def local(seconds: float) -> datetime.datetime:
    """Seconds since the epoch as local time."""
    try:
        return datetime.datetime.fromtimestamp(seconds).astimezone()
    except (OverflowError, ValueError, OSError):
        return _NEVER


def today() -> datetime.date:
    """Local date."""
    return datetime.datetime.now().astimezone().date()
