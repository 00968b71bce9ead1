"""The line of `--version`."""

import sys

from lanchat import __version__
from lanchat.i18n import _


def is_frozen() -> bool:
    """Whether this is a program that brings its own Python."""
    return bool(getattr(sys, "frozen", False))


def version_line() -> str:
    """`LAN Chat 0.1.0 (Python 3.11.9, Linux 6.1 x86_64, frozen)`: version, Python, system, how it was packed."""
    import platform  # 3 ms that no other command needs

    python = platform.python_version()
    system = " ".join(filter(None, (platform.system(), platform.release(), platform.machine())))
    packed = _("frozen") if is_frozen() else _("not frozen")
    return f"LAN Chat {__version__} (Python {python}, {system}, {packed})"
