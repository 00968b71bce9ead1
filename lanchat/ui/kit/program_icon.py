"""The picture of a program in window frames and task bars; packaging/icons/draw.py draws it."""

import tkinter as tk
from pathlib import Path

_FOLDER = Path(__file__).parent / "icons"
SIZES = (16, 24, 32, 48, 64, 128)


def set_icon(root: tk.Tk, program: str) -> None:
    """From now on the windows of `root` have the icon of `program`: lanchat or lanchat-server."""
    pictures = [tk.PhotoImage(master=root, file=_FOLDER / f"{program}-{size}.png") for size in reversed(SIZES)]
    root.iconphoto(True, *map(str, pictures))  # Tk copies them
