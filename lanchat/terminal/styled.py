"""Messages on a terminal's screen: bold and italic letters in the place of their marks."""

import os
import sys
from typing import TextIO

from lanchat.protocol.text.markup import Paragraph, ParagraphKind, Span, Style, is_marked, paragraphs
from lanchat.terminal.harmless import harmless, indented

_BOLD, _ITALIC, _USUAL = "\x1b[1m", "\x1b[3m", "\x1b[0m"


def can_style(stream: TextIO | None) -> bool:
    """Whether what is written there is read on a screen that knows bold letters, by somebody who wants them."""
    if stream is None or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return False
    if sys.platform == "win32" and "WT_SESSION" not in os.environ:  # older consoles show the codes
        return False
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def styled(text: str) -> str:
    """Somebody's text as `shown` gives it, but with bold and italic letters where their marks are. Quotations, lists
    and code keep the signs by which they are told without seeing letters."""
    text = harmless(text)
    if not is_marked(text):
        return indented(text)
    return indented("\n".join(_line(text, paragraph) for paragraph in paragraphs(text)))


def _line(text: str, paragraph: Paragraph) -> str:
    inside = "".join(_part(text, span) for span in paragraph.spans)
    match paragraph.kind:
        case ParagraphKind.CODE:
            code = "".join(text[span.start : span.end] for span in paragraph.spans)
            return "    " + code.replace("\n", "\n    ")
        case ParagraphKind.QUOTE:
            return "> " * paragraph.depth + inside
        case ParagraphKind.ITEM:
            marker = paragraph.marker
            assert marker
            return text[paragraph.start : marker.end] + " " + inside
    return inside


def _part(text: str, span: Span) -> str:
    part = text[span.start : span.end]
    if span.style & Style.CODE:
        return f"`{part}`"
    codes = _BOLD * bool(span.style & Style.BOLD) + _ITALIC * bool(span.style & Style.ITALIC)
    return f"{codes}{part}{_USUAL}" if codes else part
