"""Times at which something is due, None for never."""


def earliest(*times: float | None) -> float | None:
    """The first of these times, in seconds of the core's clock; None when all of them are never."""
    first: float | None = None
    for time in times:
        if time is not None and (first is None or time < first):
            first = time
    return first
