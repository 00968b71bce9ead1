"""Times as old tables have them. Pure."""

import re
from datetime import UTC, datetime, tzinfo

_NUMBER = re.compile(r"[0-9]{9,13}(?:\.[0-9]+)?")
_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%d%H%M%S",
)
# Milliseconds from here on, seconds below: as seconds it would be the year 5138.
_MILLISECONDS = 100_000_000_000
_LAST = 253_402_300_799_000


class TimeReader:
    """`zone`: of times that name none; None: that of this computer."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        """`zone` as the class says."""
        self._zone = zone

    def read(self, text: str, otherwise: int) -> int | None:
        """Milliseconds UTC; `otherwise` where nothing stands; None for what is no time."""
        text = text.strip()
        if not text:
            return otherwise
        if _NUMBER.fullmatch(text):
            number = float(text)
            return int(number if number >= _MILLISECONDS else number * 1000)
        moment = _parsed(text)
        if moment is None:
            return None
        try:
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self._zone) if self._zone else moment.astimezone()
            found = int(moment.astimezone(UTC).timestamp() * 1000)
        except (OverflowError, OSError, ValueError):
            return None
        return found if 0 <= found <= _LAST else None


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - whoever calls gives it its zone
        except ValueError:
            continue
    return None
