"""Texts of other people as a terminal, a file or a page may get them."""

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.names import check_text, inert


def harmless(text: str) -> str:
    """Somebody's text without control characters other than tab and line break."""
    try:
        check_text(text, len(text))
    except ProtocolError:
        return inert(text, len(text))
    return text


def indented(text: str) -> str:
    """A text whose further lines cannot pass for lines of ours."""
    return text.replace("\n", "\n    ")
