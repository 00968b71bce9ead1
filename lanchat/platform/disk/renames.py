"""Renames that wait for programs which have the file open: Windows refuses them."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Windows renames nothing that another program has open (access denied, in use, locked): virus scanners and indexers
# open each new file for a moment. So it is tried again, for a second in all.
_IN_USE_ERRORS = frozenset((32, 33))
_PASSING_ERRORS = _IN_USE_ERRORS | {5}
_BUSY_PAUSES = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.4)


def rename(source: str | Path, target: str | Path) -> None:
    """Give a file or folder a name that nothing has: as `os.rename`, again while another program has it open. Raises
    OSError."""
    _again_while_busy(os.rename, source, target)


def replace(source: str | Path, target: str | Path) -> None:
    """As `rename`, but a file that has the name gives way: as `os.replace`. Raises OSError."""
    _again_while_busy(os.replace, source, target)


def is_in_use(error: OSError) -> bool:
    """Whether Windows refused something because another program has the file open."""
    return getattr(error, "winerror", None) in _IN_USE_ERRORS


@contextlib.contextmanager
def ignoring_files_in_use() -> Iterator[None]:
    """For what may stay: Windows removes no file that a program has open."""
    try:
        yield
    except PermissionError as error:
        if not is_in_use(error):
            raise


def _again_while_busy(move: Callable[[Any, Any], None], source: str | Path, target: str | Path) -> None:
    for pause in _BUSY_PAUSES:
        try:
            return move(source, target)
        except OSError as error:
            if getattr(error, "winerror", None) not in _PASSING_ERRORS:
                raise
        time.sleep(pause)
    return move(source, target)
