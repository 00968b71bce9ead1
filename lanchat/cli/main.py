"""`lanchat`: from arguments to an exit code. Every way to end a command passes here."""

import argparse
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from lanchat.cli.exit_codes import code_of
from lanchat.i18n import _, set_language
from lanchat.terminal.arguments import language_of, one_line
from lanchat.terminal.exits import DONE, FAILED, CliError
from lanchat.terminal.failure_window import show_failure
from lanchat.terminal.output import OutputClosed, OutputWriter, abandon_stdout, prepare_streams

if TYPE_CHECKING:
    from lanchat.cli.session import ClientFactory, CliSession


def run(argv: Sequence[str], make_client: "ClientFactory | None" = None) -> int:
    """The exit code of one command line. `make_client`: another client than the real one. Raises SystemExit for usage
    errors and help, KeyboardInterrupt."""
    from lanchat.cli.options import parse

    prepare_streams()
    set_language(language_of(argv))
    try:
        options = parse(argv)
        _set_logging(options.verbose)
        if options.check or options.check_window or options.licences:
            return _answer(options)
        _take_policy(options)
        if options.command in ("", "window"):
            from lanchat.cli.commands.window import open_window

            return open_window(options)
        return _run_command(options, make_client)
    except CliError as error:
        return _fail(error.text, error.code)
    except OutputClosed:
        abandon_stdout()
        return DONE
    except OSError as error:
        from lanchat.i18n.os_errors import os_error_text

        return _fail(os_error_text(error), FAILED)


def _fail(text: str, code: int) -> int:
    """Say it in one line. A line that nobody can read is no reason to fail otherwise."""
    OutputWriter(False).warn(f"lanchat: {one_line(text)}")
    show_failure(text)
    return code


def _set_logging(verbose: bool) -> None:
    # What goes wrong underneath is the network's to mend; the person gets the outcome.
    if not verbose:
        logging.basicConfig(handlers=[logging.NullHandler()])
        warnings.simplefilter("ignore")
    else:
        logging.basicConfig(stream=sys.stderr, level=logging.DEBUG, format="%(asctime)s %(name)s: %(message)s")


def _answer(options: argparse.Namespace) -> int:
    from lanchat.checks.questions import answer

    def check() -> int:
        from lanchat.cli.commands.check import check as run_checks

        return run_checks(options.json, options.timeout)

    return answer(options, options.json, check)


def _take_policy(options: argparse.Namespace) -> None:
    """What an administrator fixed on this computer holds from now on. Raises CliError when nobody can say."""
    from lanchat.core.ports import LocalStoreError
    from lanchat.store.policy import read_policy
    from lanchat.wording.policy import fixed_lines
    from lanchat.wording.problems import details_text, error_text

    try:
        options.policy = policy = read_policy()
    except LocalStoreError as error:
        raise CliError(FAILED, error_text(error)) from None
    if policy.language:
        set_language(policy.language)
    output = OutputWriter(False)
    if policy.ignored is not None:
        output.warn(f"lanchat: {details_text(policy.ignored)}")
    for line in fixed_lines(policy) if options.verbose else ():
        output.warn(line)


def _run_command(options: argparse.Namespace, make_client: "ClientFactory | None") -> int:
    import asyncio

    from lanchat.cli.options import COMMANDS
    from lanchat.cli.session import real_client

    command = COMMANDS[options.command].function()
    return asyncio.run(_with_session(options, command, make_client or real_client))


async def _with_session(
    options: argparse.Namespace, command: "Callable[[CliSession], Awaitable[None]]", make_client: "ClientFactory"
) -> int:
    from lanchat.app.api import CommandError
    from lanchat.cli.session import opened
    from lanchat.wording.problems import error_text

    try:
        async with opened(options, OutputWriter(options.json), make_client) as session:
            await command(session)
    except CommandError as error:
        raise CliError(code_of(error), error_text(error) or _("The command failed")) from error
    return DONE
