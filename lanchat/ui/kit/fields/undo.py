"""Undo for text fields: snapshots of the logical text, because Tk's own undo loses pictures. Pure."""

import msgspec

_STEPS_MAX = 200
_CHARACTERS_MAX = 400_000  # in all steps together
_TYPING = 20  # characters that are taken back in one step
_KEYS = 3  # characters of one key: an emoji has several


class TextSnapshot(msgspec.Struct, frozen=True):
    """The text and where the cursor stood, counted in characters of the text."""

    text: str
    cursor: int


class UndoHistory:
    """Where the text was, and where it can go back to. Begins with `start` as the present."""

    def __init__(self, start: str = "") -> None:
        """The cursor of the first step is at the end of `start`."""
        self._past: list[TextSnapshot] = []
        self._future: list[TextSnapshot] = []
        self._present = TextSnapshot(start, len(start))

    def changed(self, now: TextSnapshot) -> None:
        """The text is another one; small changes at one place make one step together."""
        if now.text == self._present.text:
            return
        base = self._past[-1] if self._past else None
        typing = abs(len(now.text) - len(self._present.text)) <= _KEYS
        joined = base is not None and typing and abs(len(now.text) - len(base.text)) <= _TYPING
        if not joined:
            self._past = [*self._past[-_STEPS_MAX + 1 :], self._present]
            self._forget()
        self._future.clear()
        self._present = now

    def _forget(self) -> None:
        """The oldest steps, as many as are too much to keep; the last one stays."""
        free = _CHARACTERS_MAX
        for number in range(len(self._past) - 1, 0, -1):
            free -= len(self._past[number].text)
            if free < 0:
                del self._past[:number]
                return

    def undo(self) -> TextSnapshot | None:
        """The step before; None when there is none."""
        if not self._past:
            return None
        self._future.append(self._present)
        self._present = self._past.pop()
        return self._present

    def redo(self) -> TextSnapshot | None:
        """The step that was taken back last; None when there is none."""
        if not self._future:
            return None
        self._past.append(self._present)
        self._present = self._future.pop()
        return self._present
