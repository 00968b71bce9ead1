"""`lanchat-server`: its grammar, and from arguments to an exit code. What the commands do stands in the modules beside
it.

Options of the configuration may stand before or after the command; only what was typed overrides environment and file.
Without a command the server runs; its options stand before the command then.
"""

import argparse
import asyncio
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from lanchat.i18n import LANGUAGES, _, set_language
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk.named import named_path
from lanchat.platform.programs.interrupts import STOP_SIGNALS
from lanchat.protocol.text.identity import tidy_address
from lanchat.terminal.arguments import (
    N_,
    CommandSpec,
    Parser,
    add_command,
    build_parser,
    file_path,
    language_of,
    one_line,
    option_group,
    seconds,
    whole_number,
)
from lanchat.terminal.exits import DONE, FAILED, CliError
from lanchat.terminal.failure_window import show_failure
from lanchat.terminal.output import OutputClosed, OutputWriter, abandon_stdout, prepare_streams, shown
from lanchat_server import config, logs
from lanchat_server.cli import importing
from lanchat_server.cli.url_arguments import url_in_file, url_or_file
from lanchat_server.config import ConfigError, ServerConfig

if TYPE_CHECKING:
    from lanchat_server.service.lifecycle.server import ServerReady

PROGRAM = "lanchat-server"


# --- Grammar ----------------------------------------------------------------------------------------------------------


def _reader(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader of the configuration for argparse. Its complaint does not repeat the value: a password may be in it."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(_("must be {expected}").format(expected=error)) from None

    return convert


def _common(parser: Parser) -> None:
    add = option_group(parser, _("common options, before or after the command"))
    add("--config", _("a TOML file; each option can stand there too"), metavar="FILE", type=file_path)
    database = _reader(config.database_url)
    text = _("the database, else LANCHAT_DATABASE, else an embedded one: mysql://user:password@host:port/name")
    add("--database", text, metavar="URL", type=database)
    add("--data-dir", _("where keys and the embedded database are"), metavar="DIR", type=file_path)
    add("--json", _("one JSON object a line on stdout"), action="store_true", dest="json_output")
    add("--language", _("the language of messages and help"), choices=LANGUAGES)


def _run_options(parser: Parser) -> None:
    add = option_group(parser, _("options of the server"))
    add(
        "--name",
        _("the server's name; by default the computer's"),
        metavar="NAME",
        type=_reader(config.server_name),
    )
    add("--host", _("the address to listen on; by default all"), metavar="ADDR", type=tidy_address)
    port = whole_number(0, 65535)
    add("--port", _("the port for TCP and UDP; 0: any free one"), metavar="N", type=port)
    add("--public-host", _("the address in invite links"), metavar="HOST", type=_reader(config.public_hosts))
    add("--no-discovery", _("do not let clients find this server"), action="store_false", dest="discovery")
    add("--discovery-port", _("the port on which clients search"), metavar="N", type=whole_number(1, 65535))
    text = _("wait while another server has the database, and take over when it is gone")
    add("--standby", text, action="store_true")
    text = _("the database is empty or older than it was: clients give back what they have")
    add("--reseed", text, action="store_true")
    add("--backup-folder", _("write a backup into this folder every night"), metavar="DIR", type=file_path)
    add("--backup-keep", _("how many of them are kept"), metavar="N", type=whole_number(1, 10_000))
    text = _("when it is made, by this computer's clock")
    add("--backup-time", text, metavar="HH:MM", type=_reader(config.time_of_day))
    add("--log-level", _("how much to log on stderr"), choices=config.LOG_LEVELS)


def _init_db(parser: Parser) -> None:
    text = _("an account that may create databases and users; without it the database exists already")
    url = parser.add_mutually_exclusive_group()
    url.add_argument("--admin-url", metavar="URL", type=_reader(config.database_url), help=text)
    text = _("the same, as the first line of a file: what is typed can be read by others of this computer")
    url.add_argument("--admin-url-file", metavar=_("FILE"), dest="admin_url", type=url_in_file, help=text)
    text = _("only connect, look at rights and say whether it will go well")
    parser.add_argument("--dry-run", action="store_true", help=text)


def _backup(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", type=file_path, nargs="?", help=_("the backup"))
    parser.add_argument("--to", metavar="DIR", type=file_path, help=_("a folder instead, for a file named by the time"))
    text = _("how many of the backups in the folder are kept; else all")
    parser.add_argument("--keep", metavar="N", type=whole_number(1, 10_000), help=text)


def _restore(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", type=file_path, help=_("the backup"))
    parser.add_argument("--force", action="store_true", help=_("replace what is there"))
    parser.add_argument("--yes", action="store_true", help=_("do not ask whether to replace what is there"))


def _copy(parser: Parser) -> None:
    text = _("the URL of the database to copy; @FILE: the first line of a file, which others cannot read")
    parser.add_argument("source", metavar="FROM", type=url_or_file, help=text)
    parser.add_argument("target", metavar="TO", type=url_or_file, help=_("the URL of an empty database, or @FILE"))


def _stop(parser: Parser) -> None:
    text = _("how long to wait for the end, in seconds (30)")
    parser.add_argument("--timeout", metavar="S", type=seconds, default=30.0, help=text)


def _service(parser: Parser) -> None:
    actions = parser.add_subparsers(
        title=_("actions"), dest="action", metavar=_("ACTION"), prog=parser.prog, parser_class=Parser, required=True
    )
    for name, text in (
        ("install", _("install the service, or change how it is started (as an administrator)")),
        ("remove", _("stop and remove the service; its data stays (as an administrator)")),
        ("start", _("start the service (as an administrator)")),
        ("stop", _("stop the service, in order, and wait for its end (as an administrator)")),
        ("run", _("what the service manager starts")),
    ):
        added = add_command(actions, f"{parser.prog} {name}", text, "", f"{PROGRAM} service {name}")
        if name in ("install", "run"):
            _run_options(added)
        _common(added)


def _users(parser: Parser) -> None:
    actions = parser.add_subparsers(
        title=_("actions"), dest="action", metavar=_("ACTION"), prog=parser.prog, parser_class=Parser, required=True
    )

    def add(name: str, help: str, synopsis: str, model: str) -> Parser:
        added = add_command(actions, f"{parser.prog} {name}", help, synopsis, model)
        if synopsis:
            added.add_argument("user", metavar="USER", help=_("the user name"))
        _common(added)
        return added

    add("list", _("list all accounts"), "", f"{PROGRAM} users list --json")
    adding = add("add", _("create an account"), "USER [--role ROLE]", f"{PROGRAM} users add anna --role administrator")
    adding.add_argument("--role", choices=ROLES, default="member", help=_("member, moderator or administrator"))
    adding.add_argument("--email", default="", metavar="ADDR", help=_("for a forgotten password"))
    adding.add_argument("--display-name", default="", metavar="NAME", help=_("the display name"))
    text = _("the password is this file's first line; else LANCHAT_PASSWORD, else asked")
    adding.add_argument("--password-file", metavar="FILE", type=named_path, help=text)
    add("disable", _("shut an account out at once"), "USER", f"{PROGRAM} users disable anna")
    add("enable", _("let a disabled account in again"), "USER", f"{PROGRAM} users enable anna")
    role = add("set-role", _("change what an account may do"), "USER ROLE", f"{PROGRAM} users set-role anna moderator")
    role.add_argument("role", metavar="ROLE", choices=ROLES, help=_("member, moderator or administrator"))
    text = _("change the name by which others see an account")
    naming = add("set-name", text, "USER NAME", f"{PROGRAM} users set-name anna 'Anna Petrova'")
    naming.add_argument("display_name", metavar="NAME", help=_("the display name; empty: the user name"))
    text = _("end an account for good; its messages stay under the user name")
    add("delete", text, "USER", f"{PROGRAM} users delete anna")
    text = _("print a one-time code with which the user sets a new password")
    add("reset-password", text, "USER", f"{PROGRAM} users reset-password anna")
    add("kick", _("end an account's sessions; it may log in again"), "USER", f"{PROGRAM} users kick anna")
    _codes_and_devices(parser, actions, add)


def _codes_and_devices(parser: Parser, actions: Any, add: Callable[[str, str, str, str], Parser]) -> None:
    text = _("print a code with which people register where the server wants one")
    code = add("invite-code", text, "", f"{PROGRAM} users invite-code --uses 20")
    code.add_argument("--uses", metavar="N", type=whole_number(1, 1000), default=1, help=_("how many people"))
    code.add_argument("--days", metavar="N", type=whole_number(1, 90), default=7, help=_("how long it is good"))
    add("invite-codes", _("list the codes with which people can still register"), "", f"{PROGRAM} users invite-codes")
    text = _("let nobody register with a code any more")
    void = add_command(actions, f"{parser.prog} void-code", text, "ID", f"{PROGRAM} users void-code 1f2e3d4c")
    void.add_argument("id", metavar="ID", help=_("the code's id, at least its first eight digits"))
    _common(void)
    add("devices", _("list an account's devices"), "USER", f"{PROGRAM} users devices anna")
    text = _("shut a device out: it cannot log in any more")
    revoke = add("revoke-device", text, "USER ID", f"{PROGRAM} users revoke-device anna 1f2e3d4c")
    revoke.add_argument("id", metavar="ID", help=_("the device's id, at least its first eight digits"))


def _rooms(parser: Parser) -> None:
    actions = parser.add_subparsers(
        title=_("actions"), dest="action", metavar=_("ACTION"), prog=parser.prog, parser_class=Parser, required=True
    )

    def add(name: str, help: str, model: str, synopsis: str = "ROOM…") -> None:
        added = add_command(actions, f"{parser.prog} {name}", help, synopsis, model)
        if name != "list":
            text = _("a room's name; its id where several have that name, or for a direct conversation")
            added.add_argument("rooms", metavar="ROOM", nargs="*", help=text)
        text = _("the rooms that this user made, direct conversations aside; may be given again")
        added.add_argument("--made-by", metavar="USER", action="append", help=text)
        _common(added)

    add("list", _("list all rooms"), f"{PROGRAM} rooms list --made-by mallory", "[--made-by USER]")
    add("archive", _("let rooms be read and nothing else"), f"{PROGRAM} rooms archive kitchen")
    add("unarchive", _("take archived rooms back"), f"{PROGRAM} rooms unarchive kitchen")
    text = _("delete rooms, for everybody and for good")
    add("delete", text, f"{PROGRAM} rooms delete --made-by mallory", "ROOM… | --made-by USER")
    model = f"{PROGRAM} rooms rename kitchen Canteen"
    renaming = add_command(actions, f"{parser.prog} rename", _("give a room another name"), "ROOM NAME", model)
    renaming.add_argument("rooms", metavar="ROOM", nargs=1, help=_("a room's name, or its id"))
    renaming.add_argument("name", metavar="NAME", help=_("the new name"))
    renaming.set_defaults(made_by=[])
    _common(renaming)


def _quarantine(parser: Parser) -> None:
    actions = parser.add_subparsers(
        title=_("actions"), dest="action", metavar=_("ACTION"), prog=parser.prog, parser_class=Parser, required=True
    )

    def add(name: str, help: str, model: str, synopsis: str) -> None:
        added = add_command(actions, f"{parser.prog} {name}", help, synopsis, model)
        if name != "list":
            added.add_argument("ids", metavar="ID", nargs="*", help=_("a message's id, as the list shows it"))
        text = _("the messages of this author; may be given again")
        added.add_argument("--author", metavar="USER", action="append", help=text)
        _common(added)

    text = _("list messages of shut out authors that others handed in")
    add("list", text, f"{PROGRAM} quarantine list --json", "[--author USER]")
    text = _("store messages as if their authors were not shut out")
    add("take", text, f"{PROGRAM} quarantine take --author mallory", "ID… | --author USER")
    text = _("refuse messages for good")
    add("drop", text, f"{PROGRAM} quarantine drop --author mallory", "ID… | --author USER")


def _window_options(parser: Parser) -> None:
    _run_options(parser)
    parser.add_argument("--hidden", action="store_true", help=_("begin as an icon"))


ROLES = ("member", "moderator", "administrator")
COMMANDS = {
    "run": CommandSpec(
        N_("run the server"),
        "",
        "lanchat-server run --name Office --port 47400",
        "lanchat_server.cli.main:serve",
        _run_options,
    ),
    "init-db": CommandSpec(
        N_("create database, user and tables; safe to repeat"),
        "--database URL [--admin-url URL] [--dry-run]",
        "lanchat-server init-db --database mysql://lanchat:secret@localhost/lanchat"
        " --admin-url mysql://root:secret@localhost/",
        "lanchat_server.cli.data:init_db",
        _init_db,
    ),
    "users": CommandSpec(
        N_("list and change accounts"), "ACTION", "lanchat-server users list", "lanchat_server.cli.users:users", _users
    ),
    "rooms": CommandSpec(
        N_("list, archive and delete rooms"),
        "ACTION",
        "lanchat-server rooms list",
        "lanchat_server.cli.rooms:rooms",
        _rooms,
    ),
    "quarantine": CommandSpec(
        N_("list, take and drop what was handed in of shut out authors"),
        "ACTION",
        "lanchat-server quarantine list",
        "lanchat_server.cli.quarantine:quarantine",
        _quarantine,
    ),
    "status": CommandSpec(
        N_("show the state of the running server"),
        "",
        "lanchat-server status --json",
        "lanchat_server.cli.users:status",
    ),
    "stop": CommandSpec(
        N_("stop the running server, in order, and wait for its end"),
        "[--timeout S]",
        "lanchat-server stop --data-dir /var/lib/lanchat",
        "lanchat_server.cli.stop:stop",
        _stop,
    ),
    "service": CommandSpec(
        N_("run the server as a service of Windows, with nobody logged on"),
        "ACTION",
        "lanchat-server service install --name Office",
        "lanchat_server.cli.service:service",
        _service,
    ),
    "backup": CommandSpec(
        N_("write keys and database to a file"),
        "FILE | --to DIR [--keep N]",
        "lanchat-server backup --to /srv/backups --keep 14",
        "lanchat_server.cli.data:backup",
        _backup,
    ),
    "restore": CommandSpec(
        N_("take keys and database from a file"),
        "FILE [--yes]",
        "lanchat-server restore office.backup",
        "lanchat_server.cli.data:restore",
        _restore,
    ),
    "copy-database": CommandSpec(
        N_("copy all of a database into an empty one, of either kind"),
        "FROM TO",
        "lanchat-server copy-database sqlite:///var/lib/lanchat/lanchat.sqlite3"
        " mysql://lanchat:secret@localhost/lanchat",
        "lanchat_server.cli.data:copy_database",
        _copy,
    ),
    "import-users": CommandSpec(
        N_("make accounts from a table of the original program, with MD5 passwords"),
        "FILE [--format csv|sql] [--dry-run]",
        "lanchat-server import-users users.sql --dry-run",
        "lanchat_server.cli.importing:import_users",
        importing.users_options,
    ),
    "import-messages": CommandSpec(
        N_("store messages from a table of the original program"),
        "FILE [--format csv|sql] [--room ROOM] [--dry-run]",
        "lanchat-server import-messages messages.csv --room general",
        "lanchat_server.cli.importing:import_messages",
        importing.messages_options,
    ),
    "window": CommandSpec(
        N_("run the server with its window"),
        "",
        "lanchat-server window",
        "lanchat_server.cli.main:window",
        _window_options,
    ),
}


def server_parser() -> Parser:
    """The parser, in the language in use."""
    description = _("The server of a chat for the local network. Without a command it runs.")
    parser = build_parser(PROGRAM, (description, f"{PROGRAM} --name Office"), COMMANDS, _common)
    _run_options(parser)
    return parser


# --- Doing it ---------------------------------------------------------------------------------------------------------


def run(argv: Sequence[str]) -> int:
    """The exit code of one command line. Raises SystemExit for usage errors and help, KeyboardInterrupt."""
    prepare_streams()
    set_language(language_of(argv))
    try:
        options = server_parser().parse_args(argv)
        try:
            settings = load_config(options)
        except ConfigError as error:
            return _refuse(options, str(error))
        if options.check or options.check_window or options.licences:
            return _answer(options, settings)
        command = COMMANDS[options.command or "run"].function()
        return int(command(options, settings, OutputWriter(settings.json_output)))
    except CliError as error:
        return fail(error.text, error.code)
    except OutputClosed:
        abandon_stdout()
        return DONE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return fail(f"{place}{os_error_text(error)}")


def _refuse(options: argparse.Namespace, reason: str) -> int:
    """The exit code of a command whose configuration cannot be used."""
    from lanchat_server.cli.service import is_managed, refuse_start

    if options.command == "window":
        show_failure(reason)
    return refuse_start(options, reason) if is_managed(options) else fail(reason)


def _answer(options: argparse.Namespace, settings: ServerConfig) -> int:
    from lanchat.checks.questions import answer

    def check() -> int:
        from lanchat_server.cli.check import check as run_checks

        return run_checks(settings, OutputWriter(settings.json_output))

    return answer(options, settings.json_output, check)


def load_config(options: argparse.Namespace) -> ServerConfig:
    """The configuration that the options, the environment and the file make. Raises ConfigError."""
    names = set(ServerConfig.__struct_fields__)
    given = {name: value for name, value in vars(options).items() if name in names}
    settings = config.load(given, getattr(options, "config", None))
    urls = (settings.database, *(getattr(options, name, None) for name in ("admin_url", "source", "target")))
    logs.keep_secret(secret for url in urls for secret in config.secrets_of(url))
    if settings.smtp is not None:
        logs.keep_secret([settings.smtp.password])
    return settings


def fail(text: str, code: int = FAILED) -> int:
    """Say it in one line, without passwords."""
    OutputWriter(False).warn(f"{PROGRAM}: {logs.redact(one_line(text))}")
    return code


def serve(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Run until SIGTERM or Ctrl-C."""
    # Until the service has its own handlers nothing is under way: ending is then all that a signal asks for.
    for number in STOP_SIGNALS:
        if number != signal.SIGINT:
            signal.signal(number, _interrupt)
    from lanchat_server.service.errors import StartError
    from lanchat_server.service.lifecycle.server import ServerReady
    from lanchat_server.service.lifecycle.server import serve as serve_until_told
    from lanchat_server.service.lifecycle.standby import StandbyReady

    logs.configure(settings.json_logs, settings.log_level)

    def on_ready(ready: ServerReady) -> None:
        try:
            output.row(*ready_line(ready))
        except OutputClosed:  # whoever started the server does not care; the clients do
            abandon_stdout()

    def on_standby(ready: StandbyReady) -> None:
        text = _("{name} stands by while {server} serves").format(name=shown(ready.name), server=shown(ready.holder))
        values = {"event": "standby", "name": ready.name, "serving": ready.holder, "fingerprint": ready.fingerprint}
        try:
            output.row(values, text)
        except OutputClosed:
            abandon_stdout()

    try:
        asyncio.run(serve_until_told(settings, on_ready=on_ready, on_standby=on_standby))
    except StartError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return DONE
    return DONE


def ready_line(ready: "ServerReady") -> tuple[dict[str, Any], str]:
    """The one line that says where the server is and who it is; and, while it has no account, the set-up code."""
    code = ready.setup_code
    values = {
        "event": "ready",
        "name": ready.name,
        "port": ready.port,
        "fingerprint": ready.fingerprint,
        "invite": ready.invite,
        **({"setup_code": code} if code else {}),
    }
    text = _("{name} is ready on port {port}. Words: {words}. Invite link: {invite}")
    if code:
        text = _("{name} is ready on port {port}. Words: {words}. Set-up code: {code}. Invite link: {invite}")
    fields = {"port": ready.port, "words": ready.words, "invite": ready.invite, "code": code}
    return values, text.format(name=shown(ready.name), **fields)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def window(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """The server with its window, which says by itself when it cannot be opened."""
    from lanchat_server.window.main import run as run_window

    logs.configure(settings.json_logs, settings.log_level)
    return run_window(settings, options.hidden)
