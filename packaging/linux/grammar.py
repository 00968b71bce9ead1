"""The grammar of a program as values, read from its argparse parser, for man pages and shell completion."""

import argparse
from collections.abc import Iterator, Mapping
from typing import NamedTuple

# An argument of this name is a path: shells complete it.
_PATHS = {"FILE": "file", "DIR": "folder"}


class Argument(NamedTuple):
    """An option (`names` begin with hyphens) or a positional argument (`names` is empty). `value`: what stands for its
    value, "" for a switch; `path`: "file", "folder" or ""."""

    names: tuple[str, ...]
    value: str
    help: str
    choices: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Which kind of path the value is, if it is one."""
        return _PATHS.get(self.value, "")


class Command(NamedTuple):
    """`path`: the program and the words down to this command."""

    path: str
    description: str
    usage: str
    example: str
    options: tuple[Argument, ...]
    positionals: tuple[Argument, ...]
    commands: tuple["Command", ...]

    @property
    def word(self) -> str:
        """The last word of the path."""
        return self.path.rpartition(" ")[2]

    def walk(self) -> Iterator["Command"]:
        """This command and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def read(parser: argparse.ArgumentParser, path: str = "") -> Command:
    """The grammar of a parser."""
    path = path or parser.prog
    options, positionals, commands = [], [], []
    for action in actions(parser):
        if action.help == argparse.SUPPRESS:
            continue
        if isinstance(action.choices, Mapping):
            commands += [read(below, f"{path} {word}") for word, below in action.choices.items()]
        elif action.option_strings:
            options.append(_argument(action))
        else:
            positionals.append(_argument(action))
    usage = " ".join(parser.format_usage().split()).partition(" ")[2]
    example = (parser.epilog or "").partition("\n")[2].strip()
    return Command(path, parser.description or "", usage, example, tuple(options), tuple(positionals), tuple(commands))


def actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """All arguments of a parser; argparse has no documented way to list them."""
    return list(parser._actions)


def common_options(program: Command) -> tuple[Argument, ...]:
    """The options that each command takes."""
    every = [{option.names for option in command.options} for command in program.walk()]
    return tuple(option for option in program.options if all(option.names in names for names in every))


def _argument(action: argparse.Action) -> Argument:
    choices = tuple(map(str, action.choices or ()))
    metavar = action.metavar if isinstance(action.metavar, str) else "|".join(choices) or action.dest.upper()
    names = tuple(action.option_strings)
    value = "" if names and action.nargs == 0 else metavar
    return Argument(names, value, (action.help or "").replace("%%", "%"), choices)
