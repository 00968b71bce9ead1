"""Argument parsing in the person's language, for both programs: argparse with our catalogue and one-line errors.

The texts of argparse are listed in `ARGPARSE` so that they reach our catalogue.
"""

import argparse
import contextlib
import importlib
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from lanchat import i18n
from lanchat.about.version import version_line
from lanchat.i18n import _
from lanchat.platform.disk.named import named_path
from lanchat.protocol.text.cleaning import without_unseen
from lanchat.terminal.exits import USAGE
from lanchat.terminal.output import OutputWriter


def N_(text: str) -> str:
    """Marks a text that is translated later, where it is used."""
    return text


# Hidden: the program opens the window of `--check` and ends (lanchat/checks/window.py).
WINDOW_OPTION = "--check-window"
# In names of options that people guess.
_SECRETS = ("pass", "pwd", "secret", "token")
# As clients of databases take it; what begins so and is long is an option with a hyphen too few.
_ATTACHED_PASSWORD = re.compile("-p(?!ass|ort|rofile|ublic|olicy).")
# Of any kind that databases have, alone or behind an option.
_DATABASE_URL = re.compile("(?:-[^=]*=)?(?:mysql|mariadb|postgres)[a-z0-9+]*:/", re.IGNORECASE)
ARGPARSE = (
    N_("usage: "),
    N_("options"),
    N_("positional arguments"),
    N_("show this help message and exit"),
    N_("show program's version number and exit"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("the following arguments are required: %s"),
    N_("one of the arguments %s is required"),
    N_("not allowed with argument %s"),
    N_("unrecognized arguments: %s"),
    N_("expected one argument"),
    N_("expected at least one argument"),
    N_("ignored explicit argument %r"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("unknown parser %(parser_name)r (choices: %(choices)s)"),
)


# What stands for a value in usage and help, and the longer ones of the parts that can be in brackets.
METAVARS = (
    N_("ACTION"),
    N_("ADDR"),
    N_("CODE"),
    N_("COLUMN"),
    N_("DIR"),
    N_("EMOJI"),
    N_("FIELD"),
    N_("FILE"),
    N_("FROM"),
    N_("HOST"),
    N_("LINK"),
    N_("NAME"),
    N_("PORT"),
    N_("ROLE"),
    N_("ROOM"),
    N_("SEQ"),
    N_("TEXT"),
    N_("TO"),
    N_("USER"),
    N_("WORDS"),
)
_METAVAR = re.compile(rf"(?<![\w-])(?:{'|'.join(METAVARS)})(?![\w])")


def translated_metavars(text: str) -> str:
    """A form such as `ROOM TEXT [--reply-to SEQ]` in the language in use."""
    return _METAVAR.sub(lambda match: _(match[0]), text)


def _translate_argparse() -> None:
    """From now on argparse looks its texts up in our catalogue. It does so through two undocumented names of its
    module; by documented ways (`gettext.textdomain`) the language would be that of the environment, not the chosen one.
    `tests/unit/cli/test_grammar.py` fails where a version of Python looks them up otherwise."""
    argparse._ = i18n._  # type: ignore[attr-defined]
    argparse.ngettext = i18n.ngettext  # type: ignore[attr-defined]


_translate_argparse()


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and ends with exit code 2; takes whole option names only, so that a new option
    never changes what a script means."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As ArgumentParser, with other defaults: line breaks of texts stay, and option names cannot be abbreviated."""
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs.setdefault("allow_abbrev", False)
        self._given: list[str] = []
        super().__init__(*args, **kwargs)

    def add_argument(self, *args: Any, **kwargs: Any) -> Any:
        """As ArgumentParser, with what stands for the value in the language in use."""
        return super().add_argument(*args, **_with_metavar(kwargs))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ArgumentParser; the arguments are kept, so that `error` can leave secrets out."""
        self._given = [str(arg) for arg in (sys.argv[1:] if args is None else args)]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Writes the message, without secrets, to stderr in one line; raises SystemExit with exit code 2."""
        message = _without_secrets(message, self._given)
        hint = _("see {command} --help").format(command=self.prog)
        if sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                print(f"{self.prog}: {one_line(message)} ({hint})", file=sys.stderr)
        raise SystemExit(USAGE)


def _with_metavar(details: dict[str, Any]) -> dict[str, Any]:
    metavar = details.get("metavar")
    return details | {"metavar": translated_metavars(metavar)} if isinstance(metavar, str) else details


def _without_secrets(message: str, arguments: Sequence[str]) -> str:
    """A complaint that repeats an argument, without what may be account and password of a URL, and without what was
    given to an option that there is not, such as --password."""
    pieces = _pieces_of_urls(arguments)
    for place, (before, argument) in enumerate(zip(["", *arguments], arguments, strict=False)):
        hidden = "***" if place in pieces else _hidden(before, argument)
        if argument and hidden != argument:
            message = message.replace(repr(argument), repr(hidden))
            message = hidden.join(re.split(rf"(?<!\S){re.escape(argument)}(?!\S)", message))
    return message


def _pieces_of_urls(arguments: Sequence[str]) -> set[int]:
    """Which arguments are the rest of a database URL that was cut at a blank in its password, as it was not quoted."""
    pieces: set[int] = set()
    begun: int | None = None
    for place, argument in enumerate(arguments):
        if begun is not None and "@" in argument:
            pieces |= set(range(begun + 1, place + 1))
            begun = None
        elif _DATABASE_URL.match(argument):
            begun = None if "@" in argument else place
    return pieces


def _hidden(before: str, argument: str) -> str:
    if _ATTACHED_PASSWORD.match(argument):
        return "-p***"
    name, equals, _value = argument.partition("=")
    if equals and _names_secret(name):
        return f"{name}=***"
    if not argument.startswith("-") and _names_secret(before):
        return "***"
    head, _colon, rest = argument.partition(":")
    return f"{head}:***" if "@" in rest or _DATABASE_URL.match(argument) else argument


def _names_secret(option: str) -> bool:
    name = option.casefold()
    named = name in ("-p", "--pw") or any(word in name for word in _SECRETS)
    return name.startswith("-") and not name.endswith("-file") and named


def one_line(text: str) -> str:
    """The text without line breaks: an error is one line whatever an argument held."""
    return " ".join(text.split())


# --- Programs with commands -------------------------------------------------------------------------------------------


class CommandSpec(NamedTuple):
    """A command: what it is for, its arguments as usage shows them, an example, `module:function` that does it, and how
    its arguments are read."""

    help: str
    synopsis: str
    example: str
    run: str
    arguments: Callable[[Parser], None] = lambda parser: None

    def function(self) -> Callable[..., Any]:
        """What does it, imported now."""
        module, _colon, name = self.run.partition(":")
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function


def build_parser(
    program: str, texts: tuple[str, str], commands: Mapping[str, CommandSpec], common: Callable[[Parser], None]
) -> Parser:
    """The parser of a program, in the language in use. `texts`: what it is and an example; `common` adds the options
    that stand before and after each command."""
    description, model = texts
    usage = program + " [" + _("options") + "] [" + _("command") + "]"
    parser = Parser(prog=program, description=description, usage=usage, epilog=example(model))
    _add_questions(parser)
    common(parser)
    actions = parser.add_subparsers(
        title=_("commands"), dest="command", metavar=_("COMMAND"), prog=program, parser_class=Parser
    )
    for name, command in commands.items():
        added = add_command(actions, f"{program} {name}", _(command.help), command.synopsis, command.example)
        command.arguments(added)
        common(added)
    return parser


class _VersionAction(argparse.Action):
    """Prints the version and ends the program. The line is made only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: object) -> NoReturn:
        """Raises SystemExit."""
        OutputWriter(False).write(version_line())
        parser.exit()


def _add_questions(parser: Parser) -> None:
    """What a program says about itself and its computer, instead of a command."""
    add = parser.add_argument
    version = _("show the version, Python and the system and exit")
    add("--version", action=_VersionAction, nargs=0, dest=argparse.SUPPRESS, help=version)
    add("--check", action="store_true", help=_("try all that the program needs of this computer and exit"))
    licences = _("show the licences of all that the program contains and exit")
    add("--licences", "--licenses", action="store_true", dest="licences", help=licences)
    add(WINDOW_OPTION, action="store_true", dest="check_window", help=argparse.SUPPRESS)


def add_command(actions: Any, path: str, help: str, synopsis: str, model: str) -> Parser:
    """A sub-parser; `path` is the program with the words down to this command. Options that all commands share are
    named in its usage, not listed: they would hide what is special."""
    usage = " ".join(filter(None, (path, translated_metavars(synopsis), "[" + _("common options") + "]")))
    description = help[0].upper() + help[1:] + "."
    name = path.rpartition(" ")[2]
    parser: Parser = actions.add_parser(name, help=help, description=description, usage=usage, epilog=example(model))
    return parser


def option_group(parser: argparse.ArgumentParser, title: str) -> Callable[..., None]:
    """A group of options; returns what adds one (name, help, argparse's keywords). They have no default inside
    argparse: a sub-parser's default would overwrite what stood before the command."""
    group = parser.add_argument_group(title)

    def add(name: str, help: str, **details: Any) -> None:
        group.add_argument(name, help=help, default=argparse.SUPPRESS, **_with_metavar(details))

    return add


def example(line: str) -> str:
    """The end of a help page."""
    return _("Example:") + "\n  " + line


def language_of(argv: Sequence[str]) -> str | None:
    """`--language` before anything is parsed: help and complaints are in it already."""
    for place, argument in enumerate(argv):
        if argument == "--language" and place + 1 < len(argv):
            return argv[place + 1]
        if argument.startswith("--language="):
            return argument.partition("=")[2]
    return None


# --- Values -----------------------------------------------------------------------------------------------------------


def seconds(text: str) -> float:
    """A duration above 0."""
    try:
        value = float(without_unseen(text))
    except ValueError:
        value = math.nan
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(_("{value} is not a number of seconds above 0").format(value=repr(text)))
    return value


def file_path(text: str) -> Path:
    """The path of a file or folder."""
    return Path(named_path(text))


def whole_number(low: int, high: int = 2**63 - 1) -> Callable[[str], int]:
    """A reader of whole numbers in a range."""

    def read(text: str) -> int:
        digits = without_unseen(text)
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else -1
        if not low <= value <= high:
            wanted = _("a whole number from {low} to {high}").format(low=low, high=high)
            if high == 2**63 - 1:
                wanted = _("a whole number from {low}").format(low=low)
            raise argparse.ArgumentTypeError(_("{value} is not {wanted}").format(value=repr(text), wanted=wanted))
        return value

    return read
