"""Exit codes, a contract with scripts, and the one error that ends a command with a line for the person."""

DONE = 0
FAILED = 1
USAGE = 2
NO_SERVER = 3
REFUSED = 4
IDENTITY = 5
NOT_STORED = 6
INTERRUPTED = 130


class CliError(Exception):
    """The command ends with this exit code; the text is one line in the person's language."""

    def __init__(self, code: int, text: str) -> None:
        """`code`: one of the exit codes of this module."""
        super().__init__(text)
        self.code = code
        self.text = text
