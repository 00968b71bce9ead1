"""Runs before a frozen program on Linux: where the system has no fonts set up, those that lie in the folder are used. A
bare system has none, and Tk cannot open a window without one."""

import os
from pathlib import Path

import lanchat

if not Path("/etc/fonts/fonts.conf").exists():
    os.environ.setdefault("FONTCONFIG_FILE", str(Path(lanchat.__file__).parents[1] / "fonts" / "fonts.conf"))
