"""The page of what happens now: plots, and who is connected. It asks for both while it is in sight, and only then."""

import time
import tkinter as tk
import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.ui.administration.now import VALUES_MAX, NowModel, Series
from lanchat.ui.administration.page_view import Notices, stack
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.kit.plot import Plot
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.table import Column, Table
from lanchat.ui.kit.table_rows import shown_rows
from lanchat.ui.kit.toolkit import Toolkit

_LOOK_MS = 2000
_ROWS_MAX = 500


class NowPage:
    """Main thread. See `page_view.AdminPageView`."""

    def __init__(self, tools: Toolkit, master: tk.Misc, server: AdministrationPort) -> None:
        """The caller places `frame`. Nothing is asked before `enter`."""
        self._again = ""
        self.model = NowModel(server, self._show, time.monotonic)
        self.frame = ttk.Frame(master)
        plots = ttk.Frame(self.frame)
        self._plots: list[tuple[Plot, Series, str]] = []
        for column, (title, series, text) in enumerate(
            (
                (_("Messages per second"), self.model.messages, "{value:.1f}"),
                (_("Database latency"), self.model.latency, _("{value:.1f} ms")),
                (_("Repairs per second"), self.model.repairs, "{value:.1f}"),
            )
        ):
            plot = Plot(tools, plots, title, VALUES_MAX)
            plots.columnconfigure(column, weight=1, uniform="plots")
            plot.canvas.grid(row=0, column=column, sticky="ew", padx=(tools.px(8) if column else 0, 0))
            self._plots.append((plot, series, text))
        self._count = tools.label(self.frame, "", ControlStyle.FIELD_NAME)
        columns = (
            Column(_("User name"), 140),
            Column(_("Device"), 150),
            Column(_("Address"), 150),
            Column(_("Since"), 150, stretch=False),
            Column(_("By"), 60, stretch=False),
            Column(_("State"), 90, stretch=False),
        )
        self._table = Table(tools, self.frame, columns)
        self._notices = Notices(tools, self.frame, self.model)
        parts = (plots, self._count, self._table.frame, self._notices.frame)
        stack(self.frame, parts, self._table.frame, tools.px(8))
        self._show()

    def enter(self) -> None:
        """Asks at once and from then on every two seconds."""
        self._look()

    def leave(self) -> None:
        """Asks no more."""
        if self._again:
            self.frame.after_cancel(self._again)
            self._again = ""

    def close(self) -> None:
        """Answers that come later are ignored."""
        self.leave()
        self.model.close()

    def _look(self) -> None:
        # A window that is minimized asks nothing.
        if self.frame.winfo_toplevel().state() not in ("iconic", "withdrawn"):
            self.model.look()
        self._again = self.frame.after(_LOOK_MS, self._look)

    def _show(self) -> None:
        rows, _more = shown_rows(self.model.rows(), _ROWS_MAX)
        self._table.show(rows)
        self._count.configure(text=self.model.count_line)
        for plot, series, text in self._plots:
            plot.show(series.values, "" if series.newest is None else text.format(value=series.newest))
        self._notices.show()
