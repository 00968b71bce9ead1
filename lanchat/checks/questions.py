"""What both programs answer instead of doing a command: `--check`, `--licences`."""

import argparse
from collections.abc import Callable

from lanchat.terminal.exits import DONE
from lanchat.terminal.output import OutputWriter


def answer(options: argparse.Namespace, as_json: bool, check: Callable[[], int]) -> int:
    """The exit code of the one that `options` ask for. `check`: runs the program's checks."""
    if options.check_window:
        from lanchat.checks.window import open_test_window

        return open_test_window()
    if options.licences:
        return _show_licences(OutputWriter(as_json))
    return check()


def _show_licences(output: OutputWriter) -> int:
    """Each part of the program, with its licence's text. Raises OutputClosed, OSError."""
    from lanchat.about.licences import licence_notices

    for notice in licence_notices():
        values = {"name": notice.name, "version": notice.version, "licence": notice.licence, "text": notice.text}
        output.row(values, f"{notice.title}\n{'=' * len(notice.title)}\n\n{notice.text}\n")
    return DONE
