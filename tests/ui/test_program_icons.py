"""The windows of both programs have the program's icon, in several sizes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.procs import ROOT, plain_environment
from tests.support.waiting import patient, wait_until
from tests.support.xvfb import find_window, screen_environment

pytestmark = pytest.mark.display


CLIENT = ("-m", "lanchat", "--profile")
SERVER = ("-m", "lanchat_server", "window", "--port", "0", "--no-discovery", "--data-dir")


@pytest.mark.parametrize(("arguments", "title"), [(CLIENT, "LAN Chat"), (SERVER, "LAN Chat server")])
def test_window_has_icon_of_its_program(display: str, tmp_path: Path, arguments: tuple[str, ...], title: str) -> None:
    environment = plain_environment(tmp_path, {"LANCHAT_LANGUAGE": "en"})
    command = [sys.executable, *arguments, str(tmp_path / "data")]
    child = Child(command, env=screen_environment(display, environment), cwd=ROOT)
    try:
        window = str(wait_until(lambda: find_window(display, title), 30, "the window"))
        wait_until(lambda: {16, 32, 48, 128} <= icon_sizes(display, window), 10, "the icon")
    finally:
        child.kill()


def icon_sizes(display: str, window: str) -> set[int]:
    """Widths of the pictures in a window's property: 32-bit numbers, width, height, then the pixels."""
    query = [
        "xprop",
        "-display",
        display,
        "-id",
        window,
        "-len",
        "10000000",
        "-notype",
        "-f",
        "_NET_WM_ICON",
        "32c",
        "_NET_WM_ICON",
    ]
    shown = subprocess.run(query, capture_output=True, text=True, timeout=patient(20)).stdout
    numbers = [int(number) for number in shown.partition("=")[2].replace(",", " ").split()]
    found = set()
    while numbers:
        width, height = numbers[:2]
        found.add(width)
        del numbers[: 2 + width * height]
    return found
