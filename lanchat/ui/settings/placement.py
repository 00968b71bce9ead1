"""Where the window stands: as in the last run, on the screen that is there now, maximised if it was."""

import tkinter as tk

from lanchat.ui.kit.work_area import work_area
from lanchat.ui.settings.memory import WindowSettings
from lanchat.ui.settings.place import ScreenArea, WindowFrame, WindowPlace, fit, parse

_SETTLED_MS = 200  # window managers move and resize in several steps, and say only after them that it is maximised


class Placement:
    """Puts the root where it was and remembers where it is. `usual`, `minimum`: sizes in pixels. Main thread."""

    def __init__(self, root: tk.Tk, memory: WindowSettings, usual: tuple[int, int], minimum: tuple[int, int]) -> None:
        """Places the root at once, and follows it from then on."""
        self._root = root
        self._memory = memory
        self._x11 = str(root.tk.call("tk", "windowingsystem")) == "x11"
        self._timer = ""
        self._framed = False
        screen = self._screen()
        self._minimum = (min(minimum[0], screen.width), min(minimum[1], screen.height))
        root.minsize(*self._minimum)
        place = fit(parse(memory.geometry) or WindowPlace(*usual), screen, self._minimum)
        self._normal = place.text
        if place.x is None:
            # A size given to `geometry` alone would make Tk say for ever after that the window is at 0, 0.
            root.configure(width=place.width, height=place.height)
            root.pack_propagate(False)
        else:
            root.geometry(place.text)
        if memory.maximised:
            self._maximise()
        root.bind("<Configure>", self._configured, add="+")

    def keep(self) -> None:
        """Hands size and place to the memory. While the window is still there."""
        if self._timer:
            self._root.after_cancel(self._timer)
        self._note()
        self._memory.geometry = self._normal
        self._memory.maximised = self._is_maximised()

    def _screen(self) -> ScreenArea:
        root = self._root
        x, y, width, height = (
            root.winfo_vrootx(),
            root.winfo_vrooty(),
            root.winfo_vrootwidth(),
            root.winfo_vrootheight(),
        )
        first = ScreenArea(0, 0, root.winfo_screenwidth(), root.winfo_screenheight())
        every = ScreenArea(x, y, width, height) if width and height else first
        free = work_area()
        # With several monitors nobody says where on all of them taskbars are.
        return ScreenArea(*free) if free is not None and every == first else every

    def _maximise(self) -> None:
        if self._x11:
            self._root.attributes("-zoomed", True)
        else:
            self._root.state("zoomed")

    def _is_maximised(self) -> bool:
        return bool(self._root.attributes("-zoomed")) if self._x11 else self._root.state() == "zoomed"

    def _is_full_screen(self) -> bool:
        return bool(self._root.attributes("-fullscreen"))

    def _configured(self, event: "tk.Event[tk.Misc]") -> None:
        if event.widget is self._root:
            if self._timer:
                self._root.after_cancel(self._timer)
            self._timer = self._root.after(_SETTLED_MS, self._settled)

    def _settled(self) -> None:
        self._timer = ""
        self._note()
        if not self._framed and self._root.winfo_viewable():
            self._framed = True
            self._bring_in_frame()

    def _note(self) -> None:
        """Remembers the present place, unless it is the whole screen's."""
        if not self._is_maximised() and not self._is_full_screen():
            # Of the frame, as `geometry` takes it; winfo_geometry would be that of the content.
            self._normal = self._root.wm_geometry()

    def _bring_in_frame(self) -> None:
        """The frame's size is known only when there is one: its title must not be above the screen, nor its lower edge
        below."""
        place = parse(self._normal)
        if place is None or place.x is None or place.y is None or place.right or place.bottom or self._is_maximised():
            return
        root = self._root
        side, top = root.winfo_rootx() - place.x, root.winfo_rooty() - place.y
        fitted = fit(place, self._screen(), self._minimum, WindowFrame(max(side, 0), max(top, 0)))
        if fitted != place:
            root.geometry(fitted.text)
