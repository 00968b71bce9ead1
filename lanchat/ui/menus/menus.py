"""Menus as data: what they offer, decided without Tk. popup.py shows them."""

import enum
from collections.abc import Callable, Sequence

import msgspec

from lanchat.app.api import Account, Line, Person, RoomView
from lanchat.core.policy import LANGUAGE, NO_POLICY, TEXT_SIZE, THEME, Policy
from lanchat.i18n import _, language
from lanchat.protocol.codes import Role, RoomKind
from lanchat.ui.kit.canvas.glyphs import spoken
from lanchat.ui.kit.canvas.pictures import REACTIONS
from lanchat.ui.menus.keys import Action
from lanchat.ui.model.room_choices import RoomChoices


class MenuItem(msgspec.Struct, frozen=True):
    """Words, what it does, and the keys that do the same. `icon`: a glyph, coloured as `role` of the palette; or
    `emoji`."""

    label: str
    run: Callable[[], object]
    keys: str = ""
    enabled: bool = True
    icon: str = ""
    role: str = "text"
    emoji: str = ""


class Submenu(msgspec.Struct, frozen=True):
    """Words that open further entries. `icon`: a glyph."""

    label: str
    items: "Sequence[Entry]"
    icon: str = ""


class MenuSeparator(msgspec.Struct, frozen=True):
    """A line between groups."""


Entry = MenuItem | Submenu | MenuSeparator


_CHAT = "chat-dots"


class MessageAction(enum.Enum):
    """What can be done with a message."""

    REPLY = enum.auto()
    COPY = enum.auto()
    COPY_SELECTION = enum.auto()
    EDIT = enum.auto()
    DELETE = enum.auto()
    RECEIPTS = enum.auto()
    TO_COMPOSER = enum.auto()
    DIRECT = enum.auto()


class RoomAction(enum.Enum):
    """What can be done with a room, also with one that is not open."""

    READ = enum.auto()
    PIN = enum.auto()
    MUTE = enum.auto()
    DETAILS = enum.auto()
    LEAVE = enum.auto()
    ARCHIVE = enum.auto()
    DELETE = enum.auto()


def message_menu(
    line: Line,
    me: int,
    may_delete: bool,
    selected: bool,
    do: Callable[[MessageAction], None],
    react: Callable[[str], None],
    *,
    archived: bool = False,
    choose: Callable[[], None] | None = None,
    save: Callable[[int], object] | None = None,
) -> list[Entry]:
    """The menu of one message. `may_delete`: also when somebody else wrote it. `selected`: some text is selected.
    `archived`: nothing in its room can be changed. `choose` opens the choice of all emoji for a reaction, `save`
    that of a place for file number so-and-so."""
    stored = line.seq is not None and not line.deleted and not archived
    entries: list[Entry] = []
    if selected:
        entries.append(
            MenuItem(_("Copy selected text"), lambda: do(MessageAction.COPY_SELECTION), "Ctrl+C", icon="copy")
        )
    if not line.deleted:
        entries.append(MenuItem(_("Copy message"), lambda: do(MessageAction.COPY), icon="copy"))
    entries += _files(line, save)
    if stored:
        entries.insert(0, MenuItem(_("Reply"), lambda: do(MessageAction.REPLY), icon="reply"))
        entries.insert(1, Submenu(_("React"), _reactions(line, me, react, choose), icon="emoji-smile"))
        if line.mine:
            entries.append(MenuItem(_("Edit"), lambda: do(MessageAction.EDIT), "↑", icon="pencil"))
        if line.mine or may_delete:
            entries.append(MenuItem(_("Delete…"), lambda: do(MessageAction.DELETE), icon="trash", role="red"))
    if line.refused is not None:
        entries.append(
            MenuItem(
                _("Put into the message field again"),
                lambda: do(MessageAction.TO_COMPOSER),
                icon="arrow-counterclockwise",
            )
        )
    if line.seq is not None and line.mine:
        entries += [
            MenuSeparator(),
            MenuItem(_("Who has received and read it…"), lambda: do(MessageAction.RECEIPTS), icon="check2-all"),
        ]
    if not line.mine:
        entries += [
            MenuSeparator(),
            MenuItem(
                _("Write to {name}").format(name=_author_name(line)), lambda: do(MessageAction.DIRECT), icon=_CHAT
            ),
        ]
    return entries


def _author_name(line: Line) -> str:
    return line.display_name or line.author_name


def _files(line: Line, save: Callable[[int], object] | None) -> list[Entry]:
    """An entry for each file of a stored message."""
    if save is None or line.seq is None or line.deleted:
        return []
    return [
        MenuItem(_("Save {file} as…").format(file=file.name), lambda index=index: save(index), icon="download")  # type: ignore[misc]
        for index, file in enumerate(line.files)
    ]


def _reactions(line: Line, me: int, react: Callable[[str], None], choose: Callable[[], None] | None) -> list[Entry]:
    items: list[Entry] = [_reaction(line, me, emoji, react) for emoji in REACTIONS]
    return [*items, MenuItem(_("Another one…"), choose, icon="emoji-smile")] if choose else items


def _reaction(line: Line, me: int, emoji: str, react: Callable[[str], None]) -> MenuItem:
    mine = any(reaction.emoji == emoji and me in reaction.users for reaction in line.reactions)
    name = reaction_name(emoji)
    label = _("{name} (take back)").format(name=name) if mine else name
    return MenuItem(label, lambda: react(emoji), emoji=emoji)


def reaction_name(emoji: str) -> str:
    """A reaction in words."""
    return {
        "👍": _("Thumbs up"),
        "❤️": _("Heart"),
        "😂": _("Laughing"),
        "😮": _("Surprised"),
        "😢": _("Sad"),
        "🎉": _("Hooray"),
        "✅": _("Done"),
    }.get(emoji) or spoken(emoji)


def may_moderate(account: Account | None) -> bool:
    """Whether somebody may delete messages of others and remove members."""
    return account is not None and account.role is not Role.MEMBER


def may_govern(account: Account | None, room: RoomView | None) -> bool:
    """Whether somebody may archive and delete a room."""
    if room is None or room.kind is RoomKind.DIRECT or room.general:
        return False
    return room.mine or may_moderate(account)


def conversation_entries(run: Callable[[Action], None]) -> list[Entry]:
    """What can be done with the open conversation beside what its room's menu offers."""
    return [
        MenuItem(_("Search in messages"), lambda: run(Action.SEARCH), "Ctrl+F", icon="search"),
        MenuItem(_("Show or hide the people"), lambda: run(Action.PEOPLE_PANEL), "Ctrl+P", icon="people"),
        MenuSeparator(),
    ]


def room_entries(
    room: RoomView, choices: RoomChoices, do: Callable[[RoomAction], None], *, governs: bool = False
) -> list[Entry]:
    """The menu of a room. `governs`: this person may archive and delete it."""
    pinned, muted = room.room in choices.pinned, room.room in choices.muted
    entries: list[Entry] = [
        MenuItem(_("Mark as read"), lambda: do(RoomAction.READ), enabled=bool(room.unread), icon="check2-all"),
        MenuItem(_("Unpin") if pinned else _("Pin to the top"), lambda: do(RoomAction.PIN), icon="pin-angle"),
        MenuItem(
            _("Unmute") if muted else _("Mute"), lambda: do(RoomAction.MUTE), icon="bell" if muted else "bell-slash"
        ),
    ]
    if room.kind is not RoomKind.DIRECT:
        leave = MenuItem(
            _("Leave the room…"), lambda: do(RoomAction.LEAVE), enabled=not room.general, icon="box-arrow-left"
        )
        details = MenuItem(_("Members and invitations…"), lambda: do(RoomAction.DETAILS), icon="person-plus")
        entries += [MenuSeparator(), details, leave]
    if governs:
        label = _("Take out of the archive…") if room.archived else _("Archive the room…")
        entries += [
            MenuSeparator(),
            MenuItem(label, lambda: do(RoomAction.ARCHIVE), icon="archive"),
            MenuItem(_("Delete the room…"), lambda: do(RoomAction.DELETE), icon="trash", role="red"),
        ]
    return entries


def order_menu(by_name: bool, choose: Callable[[bool], None]) -> list[Entry]:
    """The menu of the order of the rooms; the present one has a tick."""
    return [
        MenuItem(_("By last activity"), lambda: choose(False), icon="" if by_name else "check2"),
        MenuItem(_("By name"), lambda: choose(True), icon="check2" if by_name else ""),
    ]


def add_menu(run: Callable[[Action], None]) -> list[Entry]:
    """The menu behind the plus."""
    return [
        MenuItem(_("New room…"), lambda: run(Action.NEW_ROOM), "Ctrl+N", icon="plus-lg"),
        MenuItem(_("Join a room…"), lambda: run(Action.JOIN_ROOM), "Ctrl+J", icon="door-open"),
        MenuItem(_("Write to somebody…"), lambda: run(Action.QUICK_SWITCH), "Ctrl+K", icon="chat-dots"),
    ]


def account_menu(
    dark: bool,
    run: Callable[[Action], None],
    policy: Policy = NO_POLICY,
    account: Account | None = None,
    *,
    quiet: bool = False,
) -> list[Entry]:
    """The menu of one's own `account` and of the window. `quiet`: nothing is notified. What `policy` fixes cannot be
    chosen, and an entry says so."""
    free = {name: not policy.fixes(name) for name in (LANGUAGE, THEME, TEXT_SIZE)}
    other = "English" if language() == "ru" else "Русский"
    return [
        MenuItem(_("Name and e-mail…"), lambda: run(Action.PROFILE), icon="person"),
        MenuItem(_("Change password…"), lambda: run(Action.PASSWORD), icon="key"),
        MenuItem(_("Devices…"), lambda: run(Action.DEVICES), icon="laptop"),
        MenuItem(_("About the server…"), lambda: run(Action.SERVER), icon="shield-check"),
        *_administrator_items(account, run),
        MenuSeparator(),
        MenuItem(
            _("Light theme") if dark else _("Dark theme"), lambda: run(Action.THEME), "", free[THEME], _moon(dark)
        ),
        _notifications_item(quiet, run),
        MenuItem(other, lambda: run(Action.LANGUAGE), enabled=free[LANGUAGE], icon="translate"),
        Submenu(
            _("Text size"),
            [
                MenuItem(_("Larger"), lambda: run(Action.LARGER), "Ctrl++", free[TEXT_SIZE]),
                MenuItem(_("Smaller"), lambda: run(Action.SMALLER), "Ctrl+-", free[TEXT_SIZE]),
                MenuItem(_("Usual"), lambda: run(Action.USUAL_SIZE), "Ctrl+0", free[TEXT_SIZE]),
            ],
            icon="type",
        ),
        *_policy_items(policy, run),
        MenuItem(_("Keyboard shortcuts"), lambda: run(Action.SHORTCUTS), "F1", icon="keyboard"),
        MenuItem(_("About LAN Chat…"), lambda: run(Action.ABOUT), icon="info-circle"),
        MenuSeparator(),
        MenuItem(_("Log out…"), lambda: run(Action.LOG_OUT), icon="box-arrow-right"),
        MenuItem(_("Quit"), lambda: run(Action.QUIT), "Ctrl+Q", icon="power"),
    ]


def _administrator_items(account: Account | None, run: Callable[[Action], None]) -> list[Entry]:
    if account is None or account.role is not Role.ADMINISTRATOR:
        return []
    return [MenuItem(_("Administration…"), lambda: run(Action.ADMINISTRATION), icon="gear")]


def _policy_items(policy: Policy, run: Callable[[Action], None]) -> list[Entry]:
    if not policy.file:
        return []
    return [MenuItem(_("Set by your administrator…"), lambda: run(Action.POLICY), icon="lock")]


def _notifications_item(quiet: bool, run: Callable[[Action], None]) -> MenuItem:
    label = _("Show notifications") if quiet else _("Do not disturb")
    return MenuItem(label, lambda: run(Action.NOTIFICATIONS), icon="bell" if quiet else "bell-slash")


def _moon(dark: bool) -> str:
    return "sun" if dark else "moon"


def person_menu(person: Person, removable: bool, write: Callable[[], None], remove: Callable[[], None]) -> list[Entry]:
    """The menu of somebody in the list of people."""
    name = person.display_name or person.name
    entries: list[Entry] = [MenuItem(_("Write to {name}").format(name=name), write, icon=_CHAT)]
    if removable:
        entries.append(MenuItem(_("Remove from this room…"), remove, icon="person-dash"))
    return entries
