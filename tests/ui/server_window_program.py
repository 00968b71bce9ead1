"""The server's window as a program for tests: prints what its widgets show, one JSON object whenever that changes.

    python -m tests.ui.server_window_program '{"name": …, "port": …, "data_dir": …}' [chatty]

`chatty`: in place of the service something that only writes 2,000 lines to the log.
"""

import asyncio
import json
import logging
import sys
import tkinter as tk
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lanchat import i18n
from lanchat_server import config, logs
from lanchat_server.service.lifecycle.server import ServerReady, serve
from lanchat_server.window import main as window
from lanchat_server.window.view import ServerView


def widgets(parent: tk.Misc) -> Iterator[tk.Misc]:
    """All that are in sight, in the order in which they were made."""
    for child in parent.winfo_children():
        if child.winfo_ismapped():
            yield child
            yield from widgets(child)


def facts(root: tk.Misc) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "title": root.wm_title(),
        "labels": [],
        "buttons": {},
        "entries": [],
        "people": [],
        "log": [],
        "rows": [],
    }
    for widget in widgets(root):
        kind = widget.winfo_class()
        if kind in ("TLabel", "Label"):
            seen["labels"].append(str(widget.cget("text")))
        elif kind == "TButton":
            seen["buttons"][str(widget.cget("text"))] = str(widget.cget("state"))
        elif kind == "TEntry":
            seen["entries"].append(str(widget.cget("show")) * len(widget.get()) or widget.get())
        elif kind == "Listbox":
            seen["people"] = [name.strip() for name in widget.get(0, "end")]
        elif kind == "Treeview":
            seen["rows"] = [widget.item(item, "values") for item in widget.get_children()]
        elif kind == "Text":
            lines = widget.get("1.0", "end-1c").splitlines()
            seen["log"] = [len(lines), lines[0] if lines else "", lines[-1] if lines else "", widget.yview()[1]]
    return seen


# The window itself does not look again and again.
_REPORT_MS = 50


def report_changes() -> None:
    make, last = ServerView.__init__, [""]

    def tell(root: tk.Misc) -> None:
        line = json.dumps(facts(root))
        if line != last[0]:
            last[0] = line
            print(line, flush=True)
        root.after(_REPORT_MS, tell, root)

    def make_and_tell(self: ServerView, *values: Any) -> None:
        make(self, *values)
        tell(self._root)

    ServerView.__init__ = make_and_tell  # type: ignore[method-assign]


async def chatty(
    settings: config.ServerConfig, *, on_ready: Callable[[ServerReady], None], stop: asyncio.Event
) -> None:
    log = logging.getLogger("lanchat_server.chatty")
    for number in range(2000):
        log.log(logging.WARNING if number % 100 == 99 else logging.INFO, "line %d", number)
    log.error("bell \x07 and a face \U0001f600, mysql://root:hidden@db/chat")
    await stop.wait()


def main() -> int:
    options = json.loads(sys.argv[1])
    i18n.set_language()
    settings = config.load({**options, "data_dir": Path(options["data_dir"])}, environment={})
    logs.configure(False, settings.log_level)
    report_changes()
    return window.run(settings, serve=chatty if "chatty" in sys.argv else serve)


if __name__ == "__main__":
    sys.exit(main())
