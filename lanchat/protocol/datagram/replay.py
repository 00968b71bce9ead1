"""Which packet numbers were seen: a sliding window (RFC 6479 without the blocks: Python integers are bit sets)."""

WINDOW = 1024


class ReplayWindow:
    """Accepts each number once; numbers `size` and more below the highest are refused unseen."""

    __slots__ = ("_highest", "_mask", "_seen", "_size")

    def __init__(self, size: int = WINDOW) -> None:
        """Empty: the first number is accepted, whatever it is."""
        self._size = size
        self._mask = (1 << size) - 1
        self._highest = -1
        self._seen = 0

    def accept(self, number: int) -> bool:
        """True the first time. Call only after the seal was opened, or a forger moves the window."""
        ahead = number - self._highest
        if ahead > 0:
            self._seen = ((self._seen << ahead) | 1) & self._mask if ahead < self._size else 1
            self._highest = number
            return True
        behind = -ahead
        if behind >= self._size or self._seen >> behind & 1:
            return False
        self._seen |= 1 << behind
        return True

    @property
    def highest(self) -> int:
        """The highest number accepted, -1 before the first."""
        return self._highest
