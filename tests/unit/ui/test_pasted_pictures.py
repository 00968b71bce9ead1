"""The clipboard when it holds a picture: its octets never become a text."""

import tkinter as tk
from typing import Any, cast

import pytest

from lanchat.ui.kit.fields.clipboard import clipboard_text, holds_picture

OCTETS = "0x89 0x50 0x4e 0x47 0xd 0xa "


class Desk:
    """A widget beside a program that hands out the same for whatever it is asked, as xclip does."""

    def __init__(self, offered: str, text: str) -> None:
        self._offered = offered
        self._text = text
        self.tk = self

    def call(self, *words: str) -> str:
        if words[:2] == ("tk", "windowingsystem"):
            return "x11"
        if "TARGETS" in words:
            if not self._offered:
                raise tk.TclError("nobody")
            return self._offered
        return self._text

    def selection_get(self, **options: str) -> str:
        return self._text


@pytest.mark.parametrize(
    ("offered", "given", "text", "picture"),
    [
        ("TARGETS image/png ", OCTETS, "", True),
        ("TARGETS image/bmp image/png text/html", OCTETS, "", True),
        ("TARGETS application/x-thing", OCTETS, "", False),
        ("TARGETS image/png UTF8_STRING text/html", "words", "words", False),
        ("TARGETS STRING", "words", "words", False),
        ("TARGETS text/plain;charset=utf-8", "words", "words", False),
        ("", "words", "words", False),
    ],
)
def test_picture_is_no_text(offered: str, given: str, text: str, picture: bool) -> None:
    desk: Any = Desk(offered, given)
    assert clipboard_text(cast(tk.Misc, desk)) == text
    assert holds_picture(cast(tk.Misc, desk)) is picture
