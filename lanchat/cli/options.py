"""The grammar of `lanchat`: each command with its arguments, its help and one example.

Nothing heavy is imported here: `--help` and a wrong argument answer at once. Options that all commands share may stand
before or after the command and get their defaults in `parse`.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from lanchat.i18n import LANGUAGES, _
from lanchat.platform.disk.named import named_path
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.identity import (
    clean_fingerprint,
    is_invite,
    parse_address,
    parse_invite_untrusted,
    tidy_address,
    tidy_fingerprint,
)
from lanchat.protocol.text.names import tidy_name
from lanchat.terminal.arguments import (
    N_,
    CommandSpec,
    Parser,
    add_command,
    build_parser,
    option_group,
    seconds,
    whole_number,
)

COMMON_DEFAULTS: dict[str, Any] = {
    "server": "",
    "fingerprint": "",
    "invite": "",
    "accept_new": False,
    "profile": "",
    "user": "",
    "password_file": None,
    "timeout": None,
    "json": False,
    "discovery_port": None,
    "no_udp": False,
    "language": None,
    "verbose": False,
    "policy": None,
    "hidden": False,
    "link": "",
    "command": "",
}
# Names of what is there already, and whether joiners may stand in them.
_NAMES = {"user": False, "member": False, "room": True}
_sequence = whole_number(1)


def _checked(tidy: Callable[[str], str], check: Callable[[str], object], complaint: str) -> Callable[[str], str]:
    """A reader of an argument that leaves out what was copied along with it."""

    def read(text: str) -> str:
        tidied = tidy(text)
        try:
            check(tidied)
        except ProtocolError:
            raise argparse.ArgumentTypeError(_(complaint).format(value=repr(text))) from None
        return tidied

    return read


def _common(parser: argparse.ArgumentParser) -> None:
    add = option_group(parser, _("common options, before or after the command"))
    address = _checked(tidy_address, lambda text: parse_address(text, 1), N_("{value} is not an address HOST[:PORT]"))
    add("--server", _("the server's address; without it the server is searched"), metavar="HOST[:PORT]", type=address)
    fingerprint = _checked(tidy_fingerprint, clean_fingerprint, N_("{value} is not a fingerprint of 64 hex digits"))
    add("--fingerprint", _("accept exactly this server"), metavar="HEX", type=fingerprint)
    invite = _checked(tidy_address, parse_invite_untrusted, N_("{value} is not an invite link lanchat://…"))
    add("--invite", _("connect to and accept exactly the server of this link"), metavar="LINK", type=invite)
    add("--accept-new", _("accept a new server without asking; never one whose key has changed"), action="store_true")
    add("--profile", _("the folder of the profile; each person on a computer has one"), metavar="DIR", type=named_path)
    add("--user", _("the user name"), metavar="NAME")
    text = _("the password is this file's first line; else LANCHAT_PASSWORD")
    add("--password-file", text, metavar="FILE", type=named_path)
    add("--timeout", _("how long to wait, in seconds"), metavar="S", type=seconds)
    add("--json", _("one JSON object a line on stdout"), action="store_true")
    port = whole_number(1, 65535)
    add("--discovery-port", _("the port on which servers are searched"), metavar="N", type=port)
    add("--no-udp", _("use the TLS connection alone"), action="store_true")
    add("--language", _("the language of messages and help"), choices=LANGUAGES)
    add("--verbose", _("write details to stderr"), action="store_true")


def _room(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("room", metavar="ROOM", help=_("a room, or @USER for the conversation with one person"))


def _room_and_number(parser: argparse.ArgumentParser) -> None:
    _room(parser)
    parser.add_argument("seq", metavar="SEQ", type=_sequence, help=_("the message's number in its room"))


def _room_and_user(parser: argparse.ArgumentParser) -> None:
    _room(parser)
    parser.add_argument("member", metavar="USER", help=_("the user name"))


def _pending(parser: argparse.ArgumentParser) -> None:
    help = _("also succeed when the server is away: the message is kept and sent later")
    parser.add_argument("--allow-pending", action="store_true", help=help)


def _text(parser: argparse.ArgumentParser) -> None:
    help = _("the text; - reads it from standard input; after -- it may begin with a hyphen")
    parser.add_argument("text", metavar="TEXT", help=help)


def _register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--email", default="", metavar="ADDR", help=_("for a forgotten password"))
    parser.add_argument("--display-name", default="", metavar="NAME", help=_("the display name"))
    help = _("the invite code, where the server asks for one")
    parser.add_argument("--invite-code", default="", metavar="CODE", help=help)
    help = _("for the first account of a server, from another computer: the code that the server shows")
    parser.add_argument("--setup-code", default="", metavar="CODE", help=help)


def _recover(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--code", default="", metavar="CODE", help=_("the code from the e-mail: sets a new password"))
    help = _("with --code: shut out all devices of the account, too")
    parser.add_argument("--revoke-devices", action="store_true", help=help)


def _password(parser: argparse.ArgumentParser) -> None:
    help = _("the new password is this file's first line; else LANCHAT_NEW_PASSWORD")
    parser.add_argument("--new-password-file", metavar="FILE", type=named_path, help=help)
    help = _("shut out all other devices of the account, too")
    parser.add_argument("--revoke-devices", action="store_true", help=help)


def _invite_code(parser: Parser) -> None:
    parser.add_argument("--uses", metavar="N", type=whole_number(1, 1000), default=1, help=_("how many people"))
    parser.add_argument("--days", metavar="N", type=whole_number(1, 90), default=7, help=_("how long it is good"))


def _invite_codes(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar=_("ACTION"), prog=parser.prog, parser_class=Parser)
    text = _("let nobody register with a code any more")
    void = add_command(actions, f"{parser.prog} void", text, "ID", "lanchat invite-codes void 1f2e3d4c")
    void.add_argument("id", metavar="ID", help=_("the code's id, at least its first eight digits"))
    _common(void)


def _create_room(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=_("the new room's name"))
    parser.add_argument("--private", action="store_true", help=_("only those who are invited see it"))
    help = _("new members do not see earlier messages")
    parser.add_argument("--since-joining", action="store_true", help=help)


def _rooms(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar=_("ACTION"), prog=parser.prog, parser_class=Parser)
    for action, text in (
        ("archive", _("let a room be read and nothing else (its maker, moderators)")),
        ("unarchive", _("take an archived room back")),
        ("delete", _("delete a room, for everybody and for good (its maker, moderators)")),
    ):
        command = add_command(actions, f"{parser.prog} {action}", text, "ROOM…", f"lanchat rooms {action} kitchen")
        help = _("the room's name, or its id, which administrators may give for any room")
        command.add_argument("rooms", metavar="ROOM", nargs="+", help=help)
        _common(command)


def _online(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help=_("those who are not online as well"))


def _devices(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar=_("ACTION"), prog=parser.prog, parser_class=Parser)
    text = _("shut a device out: it cannot log in any more")
    revoke = add_command(actions, f"{parser.prog} revoke", text, "ID", "lanchat devices revoke 1f2e3d4c")
    revoke.add_argument("device", metavar="ID", help=_("the device's id, at least its first eight digits"))
    _common(revoke)


def _send(parser: argparse.ArgumentParser) -> None:
    _room(parser)
    _text(parser)
    help = _("the number of the message that this one answers")
    parser.add_argument("--reply-to", metavar="SEQ", type=_sequence, default=0, help=help)
    _pending(parser)


def _send_file(parser: argparse.ArgumentParser) -> None:
    _room(parser)
    help = _("files and folders, a folder as one archive; - is standard input; after -- a name may begin with a hyphen")
    parser.add_argument("files", metavar="FILE", nargs="+", type=named_path, help=help)
    parser.add_argument("--text", metavar="TEXT", default="", help=_("a text beside the files"))
    help = _("the number of the message that this one answers")
    parser.add_argument("--reply-to", metavar="SEQ", type=_sequence, default=0, help=help)


def _get_file(parser: argparse.ArgumentParser) -> None:
    _room_and_number(parser)
    help = _("the folder to save it in, or a file that is not there yet (the current folder)")
    parser.add_argument("--out", metavar="FILE", type=named_path, default="", help=help)
    help = _("which one of the message's files, counted from 0 (0)")
    parser.add_argument("--index", metavar="N", type=whole_number(0, 1000), default=0, help=help)


def _edit(parser: argparse.ArgumentParser) -> None:
    _room_and_number(parser)
    _text(parser)
    _pending(parser)


def _delete(parser: argparse.ArgumentParser) -> None:
    _room_and_number(parser)
    _pending(parser)


def _react(parser: argparse.ArgumentParser) -> None:
    _room_and_number(parser)
    parser.add_argument("emoji", metavar="EMOJI", help=_("at most 16 characters"))
    parser.add_argument("--remove", action="store_true", help=_("take this reaction back"))
    _pending(parser)


def _listen(parser: argparse.ArgumentParser) -> None:
    _room(parser)
    count = whole_number(0, 1_000_000)
    parser.add_argument(
        "--history", metavar="N", type=count, default=50, help=_("how many earlier messages to show (50)")
    )
    parser.add_argument("--count", metavar="N", type=_sequence, help=_("stop after this many messages"))
    parser.add_argument("--for", dest="duration", metavar="S", type=seconds, help=_("stop after this many seconds"))


def _history(parser: argparse.ArgumentParser) -> None:
    _room(parser)
    limit = whole_number(1, 1_000_000)
    parser.add_argument(
        "--limit", metavar="N", type=limit, default=50, help=_("how many messages to show at most (50)")
    )
    parser.add_argument("--before", metavar="SEQ", type=_sequence, default=0, help=_("only those before this number"))
    help = _(
        "only those with all these words or beginnings of words; from:NAME, after:DAY, before:DAY choose among them"
    )
    parser.add_argument("--search", metavar="WORDS", help=help)


def _search(parser: argparse.ArgumentParser) -> None:
    help = _("all these words or beginnings of words; from:NAME, in:ROOM, after:DAY, before:DAY choose among them")
    parser.add_argument("words", metavar="WORDS", help=help)
    limit = whole_number(1, 1_000_000)
    parser.add_argument(
        "--limit", metavar="N", type=limit, default=50, help=_("how many messages to show at most (50)")
    )


def _export(parser: argparse.ArgumentParser) -> None:
    _room(parser)
    help = _("JSON Lines for .jsonl, .ndjson and .json, a web page for .html, else text")
    parser.add_argument("file", metavar="FILE", type=named_path, help=help)


def _window(parser: argparse.ArgumentParser) -> None:
    help = _("an invite link to ask about, as a browser hands it over; alone it may stand without the command")
    parser.add_argument("link", metavar="LINK", nargs="?", default="", help=help)
    parser.add_argument("--hidden", action="store_true", help=_("begin as an icon"))


COMMANDS = {
    "window": CommandSpec(
        N_("open the window, or raise the one that is open"),
        "[--hidden] [LINK]",
        "lanchat window --hidden",
        "lanchat.cli.commands.window:open_window",
        _window,
    ),
    "discover": CommandSpec(
        N_("find servers on this network"), "", "lanchat discover --timeout 2", "lanchat.cli.commands.discover:discover"
    ),
    "register": CommandSpec(
        N_("create an account and log this profile in"),
        "--user NAME [--email ADDR] [--display-name NAME]",
        "lanchat register --user anna --display-name 'Anna Petrova'",
        "lanchat.cli.commands.account:register",
        _register,
    ),
    "login": CommandSpec(
        N_("log this profile in: later commands need no password"),
        "--user NAME",
        "lanchat login --user anna",
        "lanchat.cli.commands.account:login",
    ),
    "logout": CommandSpec(N_("log this profile out"), "", "lanchat logout", "lanchat.cli.commands.account:logout"),
    "recover": CommandSpec(
        N_("ask for a code by e-mail, then set a new password with it"),
        "--user NAME [--code CODE]",
        "lanchat recover --user anna --code 1234-5678",
        "lanchat.cli.commands.account:recover",
        _recover,
    ),
    "rooms": CommandSpec(
        N_("list rooms, or archive or delete some"),
        "[archive|unarchive|delete ROOM…]",
        "lanchat rooms --json",
        "lanchat.cli.commands.rooms:rooms",
        _rooms,
    ),
    "create-room": CommandSpec(
        N_("create a room"),
        "NAME [--private]",
        "lanchat create-room kitchen --private",
        "lanchat.cli.commands.rooms:create_room",
        _create_room,
    ),
    "join": CommandSpec(
        N_("join a public room"), "ROOM", "lanchat join kitchen", "lanchat.cli.commands.rooms:join", _room
    ),
    "leave": CommandSpec(
        N_("leave a room"), "ROOM", "lanchat leave kitchen", "lanchat.cli.commands.rooms:leave", _room
    ),
    "invite": CommandSpec(
        N_("make somebody a member of a room"),
        "ROOM USER",
        "lanchat invite kitchen boris",
        "lanchat.cli.commands.rooms:invite",
        _room_and_user,
    ),
    "invite-code": CommandSpec(
        N_("print a code with which people register (moderators)"),
        "[--uses N]",
        "lanchat invite-code --uses 20",
        "lanchat.cli.commands.account:invite_code",
        _invite_code,
    ),
    "invite-codes": CommandSpec(
        N_("list one's codes with which people can still register, or void one (moderators)"),
        "[void ID]",
        "lanchat invite-codes void 1f2e3d4c",
        "lanchat.cli.commands.account:invite_codes",
        _invite_codes,
    ),
    "remove": CommandSpec(
        N_("end somebody's membership of a room"),
        "ROOM USER",
        "lanchat remove kitchen boris",
        "lanchat.cli.commands.rooms:remove",
        _room_and_user,
    ),
    "online": CommandSpec(
        N_("list who is online"), "[--all]", "lanchat online --json", "lanchat.cli.commands.rooms:online", _online
    ),
    "peers": CommandSpec(
        N_("list who is reachable without the server"), "", "lanchat peers --json", "lanchat.cli.peers:peers"
    ),
    "devices": CommandSpec(
        N_("list this account's devices, or shut one out"),
        "[revoke ID]",
        "lanchat devices revoke 1f2e3d4c",
        "lanchat.cli.commands.account:devices",
        _devices,
    ),
    "password": CommandSpec(
        N_("set a new password"), "", "lanchat password", "lanchat.cli.commands.account:change_password", _password
    ),
    "send": CommandSpec(
        N_("send a message; done when the server has stored it"),
        "ROOM TEXT [--reply-to SEQ] [--allow-pending]",
        "lanchat send general 'Lunch at noon?'",
        "lanchat.cli.commands.messages:send",
        _send,
    ),
    "send-file": CommandSpec(
        N_("send files or folders; done when the server has stored them"),
        "ROOM FILE… [--text TEXT] [--reply-to SEQ]",
        "lanchat send-file general report.pdf --text 'As promised'",
        "lanchat.cli.commands.files:send_file",
        _send_file,
    ),
    "get-file": CommandSpec(
        N_("save a file of a message; goes on where an earlier call ended"),
        "ROOM SEQ [--out FILE] [--index N]",
        "lanchat get-file general 12 --out Downloads",
        "lanchat.cli.commands.files:get_file",
        _get_file,
    ),
    "edit": CommandSpec(
        N_("replace the text of a message of yours"),
        "ROOM SEQ TEXT",
        "lanchat edit general 12 'Lunch at one?'",
        "lanchat.cli.commands.messages:edit",
        _edit,
    ),
    "delete": CommandSpec(
        N_("delete a message"), "ROOM SEQ", "lanchat delete general 12", "lanchat.cli.commands.messages:delete", _delete
    ),
    "react": CommandSpec(
        N_("react to a message"),
        "ROOM SEQ EMOJI [--remove]",
        "lanchat react general 12 👍",
        "lanchat.cli.commands.messages:react",
        _react,
    ),
    "listen": CommandSpec(
        N_("show what was said, then what is being said"),
        "ROOM [--history N] [--count N] [--for S]",
        "lanchat listen general --history 20 --json",
        "lanchat.cli.commands.listen:listen",
        _listen,
    ),
    "history": CommandSpec(
        N_("show or search earlier messages"),
        "ROOM [--limit N] [--before SEQ] [--search WORDS]",
        "lanchat history general --search 'lunch noon'",
        "lanchat.cli.commands.messages:history",
        _history,
    ),
    "search": CommandSpec(
        N_("search the messages of all rooms"),
        "WORDS [--limit N]",
        "lanchat search 'lunch noon' --limit 200",
        "lanchat.cli.commands.messages:search",
        _search,
    ),
    "receipts": CommandSpec(
        N_("show who has received and read a message, and who has not"),
        "ROOM SEQ",
        "lanchat receipts general 12",
        "lanchat.cli.commands.messages:receipts",
        _room_and_number,
    ),
    "export": CommandSpec(
        N_("write all messages of a room to a file"),
        "ROOM FILE",
        "lanchat export general general.jsonl",
        "lanchat.cli.commands.export:export",
        _export,
    ),
    "chat": CommandSpec(
        N_("talk in this terminal, line by line"),
        "ROOM",
        "lanchat chat general",
        "lanchat.cli.commands.chat:chat",
        _room,
    ),
}


def client_parser() -> Parser:
    """The parser, in the language in use."""
    description = _("Chat on the local network. Without a command the window opens.")
    return build_parser("lanchat", (description, "lanchat send general 'Hello'"), COMMANDS, _common)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options with their defaults filled in; ends the program with exit code 2 on a usage error. A link alone is
    that of `window`: what else a web page may have put behind it is refused."""
    parser = client_parser()
    if argv and is_invite(tidy_address(argv[0])):
        if len(argv) > 1:
            parser.error(_("a link stands alone"))
        argv = ["window", "--", *argv]
    options = parser.parse_args(argv)
    for name, value in COMMON_DEFAULTS.items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)
    for name, joiners in _NAMES.items():
        if given := getattr(options, name, None):
            setattr(options, name, tidy_name(given, joiners=joiners))
    return options
