"""Man pages as roff: `page` makes one from the grammar of a program."""

from collections.abc import Iterable

from grammar import Argument, Command, common_options

# What stands in no help text of the programs. Section, headings with their paragraphs (term and text, or text alone).
_EXIT_CODES = [
    ("0", "done"),
    ("1", "another failure, said in one line"),
    ("2", "wrong usage"),
    ("3", "no server found"),
    ("4", "refused (credentials, rights)"),
    ("5", "the server's identity changed, or was not accepted"),
    ("6", "not stored in time: the message stays in the outbox"),
    ("130", "interrupted"),
]
_Extra = dict[str, list[tuple[str, str]]]
_CLIENT: _Extra = {
    "EXIT STATUS": _EXIT_CODES,
    "ENVIRONMENT": [
        ("LANCHAT_PASSWORD", "the password, where neither a device key nor a file of it is there"),
        ("LANCHAT_NEW_PASSWORD", "the new password of the command password"),
        ("LANCHAT_LANGUAGE", "the language of the window and of messages: en or ru"),
    ],
    "FILES": [("~/.local/share/lanchat", "the profile: local copy of the messages, outbox, device keys, settings")],
    "SEE ALSO": [("", "lanchat-server(8)")],
}
_SERVER: _Extra = {
    "EXIT STATUS": [code for code in _EXIT_CODES if code[0] in ("0", "1", "2", "130")],
    "ENVIRONMENT": [
        ("LANCHAT_DATABASE", "the database, where no option names one; it wins over the configuration file"),
        ("LANCHAT_PASSWORD", "the password of a new account"),
        ("NOTIFY_SOCKET, WATCHDOG_USEC", "the service manager to tell of start, life and stop, see sd_notify(3)"),
    ],
    "FILES": [
        ("/etc/lanchat-server/server.toml", "configuration of the service, where a package installed one"),
        ("/var/lib/lanchat-server", "keys and embedded database of the service"),
        ("~/.local/share/lanchat-server", "the same of a server that a person starts"),
    ],
    "SEE ALSO": [("", "lanchat(1), systemctl(1)")],
}
EXTRAS = {"lanchat": _CLIENT, "lanchat-server": _SERVER}
SECTIONS = {"lanchat": 1, "lanchat-server": 8}
SUMMARIES = {"lanchat": "chat on the local network", "lanchat-server": "server of a chat for the local network"}


def page(program: Command) -> str:
    """The man page of a program."""
    name = program.path
    common = common_options(program)
    own = [option for option in program.options if option not in common]
    lines = [
        ".\\\" Written by packaging/linux/commands.py from the program's grammar.",
        f'.TH {name.upper().replace("-", chr(92) + "-")} {SECTIONS[name]} "" "LAN Chat" "LAN Chat"',
        ".SH NAME",
        f"{_text(name)} \\- {SUMMARIES[name]}",
        ".SH SYNOPSIS",
        f".B {_text(name)}",
        _text(program.usage.removeprefix(name).strip()),
        ".SH DESCRIPTION",
        _text(program.description),
        ".SH OPTIONS",
        "They may stand before or after the command.",
        *_arguments(common),
        *([".SS Without a command only", *_arguments(own)] if own else []),
        ".SH COMMANDS",
        *(line for command in list(program.walk())[1:] for line in _command(command, common)),
        ".SH EXAMPLES",
        *_example(program.example),
    ]
    for heading, paragraphs in EXTRAS[name].items():
        lines.append(f".SH {heading}")
        for term, text in paragraphs:
            lines += [".TP", f".B {_text(term)}", _text(text)] if term else [_text(text)]
    return "\n".join(lines) + "\n"


def _command(command: Command, common: Iterable[Argument]) -> list[str]:
    own = [option for option in command.options if option not in common]
    return [
        f".SS {_text(command.path)}",
        _text(command.description),
        *([".PP", f"Usage: {_text(command.usage)}"] if command.usage else []),
        *_arguments(command.positionals),
        *_arguments(own),
        *([".PP", "Example:", *_example(command.example)] if command.example else []),
    ]


def _arguments(arguments: Iterable[Argument]) -> list[str]:
    lines = []
    for argument in arguments:
        names = ", ".join(f"\\fB{_text(name)}\\fR" for name in argument.names)
        value = f"\\fI{_text(argument.value)}\\fR" if argument.value else ""
        choices = f" ({', '.join(argument.choices)})" if argument.choices else ""
        lines += [".TP", " ".join(filter(None, (names, value))), _text(argument.help + choices)]
    return lines


def _example(line: str) -> list[str]:
    return [".PP", ".nf", ".RS", _text(line), ".RE", ".fi"]


def _text(text: str) -> str:
    """Roff has meanings for backslashes, hyphens, and for dots and apostrophes at the beginning of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "\\&...")
    text = "".join(char if ord(char) < 128 else f"\\[u{ord(char):04X}]" for char in text)
    return "\\&" + text if text.startswith(".") else text
