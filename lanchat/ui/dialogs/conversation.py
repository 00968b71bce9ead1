"""Dialogs about one message: who has received it, whether to delete it."""

from lanchat.app import api
from lanchat.app.api import Line, MemberReceipt
from lanchat.i18n import _
from lanchat.ui.dialogs.base import WIDTH, Dialog
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import avatar_index, initials
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.lists.rows import ListRow
from lanchat.ui.model.chat import Chat
from lanchat.ui.texts.files import shown_text

_AGAIN_MS = 1500


class ReceiptsDialog(Dialog):
    """Who has read a message, who has received it, who has not."""

    resizable = True

    def __init__(self, tools: Toolkit, chat: Chat, line: Line) -> None:
        """`line` has a number: receipts are asked for by it."""
        self.title = _("Who has it")
        self._line = line
        super().__init__(tools, chat)

    def build(self) -> None:
        """The beginning of the message, and the list, which is read again 1.5 s after each answer, also a failure."""
        tools, px = self.tools, self.tools.px
        self.text(_("Who has received and read it"), ControlStyle.TITLE)
        self.text(f"“{glyphs.inline(glyphs.preview(shown_text(self._line), 90))}”", ControlStyle.MUTED)
        self._list = RowList(self.body, tools.kit, tools.images, tools.palette.sidebar)
        self._list.canvas.configure(width=px(WIDTH), height=px(300))
        self._list.frame.pack(fill="both", expand=True)
        self.close_button()
        self._load()

    def _load(self) -> None:
        assert self._line.seq is not None
        self.read(api.ReceiptsCommand(self._line.room, self._line.seq), self._show, ended=self._ended)

    def _show(self, receipts: list[api.MemberReceipt]) -> None:
        self._list.show(receipt_rows(receipts))

    def _ended(self) -> None:
        self.tools.root.after(_AGAIN_MS, self._again)

    def _again(self) -> None:
        """Receipts go on arriving while somebody looks."""
        if self.window.winfo_exists():
            self._load()


def receipt_rows(receipts: list[MemberReceipt]) -> list[ListRow]:
    """Three groups: read, received, not yet."""
    groups = (
        (_("Read"), [one for one in receipts if one.read]),
        (_("Received, not read yet"), [one for one in receipts if one.received and not one.read]),
        (_("Not received yet"), [one for one in receipts if not one.received and not one.read]),
    )
    rows: list[ListRow] = []
    for title, members in groups:
        if members:
            rows.append(ListRow(title, f"{title} — {len(members)}", heading=True))
            rows += [_member(one) for one in members]
    return rows or [ListRow("nobody", _("Nobody else is in this room"), heading=True)]


def _member(receipt: MemberReceipt) -> ListRow:
    name = receipt.display_name or receipt.name
    shown = glyphs.one_line(name, 80)
    return ListRow(("member", receipt.user_id), shown, initials=initials(name), index=avatar_index(receipt.user_id))
