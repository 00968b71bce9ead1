"""The line that a person types at a terminal while others' lines are printed above it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from lanchat.terminal.line_editor import Complete, LineDisplay, LineEditor, picture, rows_of


class Typing:
    """What a person types at a terminal of POSIX, drawn below all that is printed. `take(line)` for each line, None at
    the end of input.

    The terminal hands over each key and echoes nothing. Ctrl-C and Ctrl-Z stay signals. After a change of its size
    terminals move what they show each in another way, so all of the screen is drawn anew then.
    """

    def __init__(
        self,
        prompt: str,
        take: Callable[[str | None], None],
        printed: deque[str],
        complete: Complete | None = None,
    ) -> None:
        """Takes over the terminal until `close`. `printed`: the newest lines on the screen; typed lines are added, and
        what Tab may become by `complete`."""
        self._prompt = prompt
        self._take = take
        self._editor = LineEditor(complete)
        self._picture = LineDisplay([""], 0, 0)
        self._printed = printed
        self._before: list[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self._set_modes()
        self._loop.add_reader(0, self._read)
        self._watch()
        self._write(self._draw())

    def above(self, text: str) -> str:
        """What prints `text`, which is empty or ends with a line break, above the line."""
        return self._erase() + text + self._draw()

    def close(self) -> None:
        """Gives the terminal back in the modes that it had before, the cursor below the line."""
        if sys.platform == "win32":
            raise NotImplementedError
        self._loop.remove_reader(0)
        for number in (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT):
            self._loop.remove_signal_handler(number)
        self._write(self._leave())
        self._restore_modes()

    # Drawing

    def _draw(self) -> str:
        """The line at the cursor, which stands at the beginning of an empty row."""
        width, height = _size()
        self._picture = shown = picture(self._prompt, self._editor.text, self._editor.point, width, max(height - 1, 1))
        below = len(shown.rows) - 1 - shown.row
        up = f"\x1b[{below}A" if below else ""
        right = f"\x1b[{shown.column}C" if shown.column else ""
        return "\r\n".join(shown.rows) + "\r" + up + right

    def _erase(self) -> str:
        up = f"\x1b[{self._picture.row}A" if self._picture.row else ""
        return f"\r{up}\x1b[J"

    def _leave(self) -> str:
        """To the row below the line."""
        below = len(self._picture.rows) - 1 - self._picture.row
        return (f"\x1b[{below}B" if below else "") + "\r\n"

    def _draw_screen(self) -> None:
        """Everything anew, from the top of the screen."""
        width, height = _size()
        free = height - len(picture(self._prompt, self._editor.text, 0, width, max(height - 1, 1)).rows)
        lines: list[str] = []
        for line in reversed(self._printed):
            free -= rows_of(line, width)
            if free < 0:
                break
            lines.insert(0, line + "\r\n")
        self._write("\x1b[H\x1b[J" + "".join(lines) + self._draw())

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()

    # Keys

    def _read(self) -> None:
        try:
            octets = os.read(0, 1 << 16)
        except BlockingIOError:
            return
        except OSError:  # the terminal has gone
            octets = b""
        lines = self._editor.feed(octets)
        for line in lines:
            self._printed += (self._prompt + line).split("\n")
            self._take(line)
        if not octets or self._editor.ended:
            self._loop.remove_reader(0)
            self._take(None)
        if choices := self._editor.take_choices():
            self._printed.append(choices)
        self._write(self.above("".join(f"{self._prompt}{line}\n" for line in lines) + (f"{choices}\n" * bool(choices))))

    # The terminal's modes, and being stopped

    def _set_modes(self) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        import termios

        with contextlib.suppress(termios.error):
            modes = termios.tcgetattr(0)
            self._before = self._before or termios.tcgetattr(0)
            modes[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
        self._write("\x1b[?2004h")

    def _restore_modes(self) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        import termios

        self._write("\x1b[?2004l")
        if self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._before)

    def _watch(self) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        self._loop.add_signal_handler(signal.SIGWINCH, self._draw_screen)
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.add_signal_handler(signal.SIGCONT, self._go_on)

    def _stop(self) -> None:
        """Ctrl-Z: leave the terminal to the shell, and come back to it."""
        if sys.platform == "win32":
            raise NotImplementedError
        for number in (signal.SIGTSTP, signal.SIGCONT):
            self._loop.remove_signal_handler(number)
        self._write(self._erase())
        self._restore_modes()
        os.kill(os.getpid(), signal.SIGTSTP)
        self._watch()
        self._set_modes()
        self._write("\r" + self._draw())

    def _go_on(self) -> None:
        """Stopped without being asked: what the terminal shows and how it is set is not known."""
        self._set_modes()
        self._draw_screen()


def _size() -> tuple[int, int]:
    """Columns and rows of the terminal."""
    try:
        columns, lines = os.get_terminal_size(2)
    except (OSError, ValueError):
        columns, lines = 80, 24
    return columns or 80, lines or 24
