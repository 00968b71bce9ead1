"""The text of a reaction: an emoji, or a few characters, in one form."""

from lanchat.protocol.text import emoji
from lanchat.protocol.text.cleaning import clean_line, normal
from lanchat.protocol.text.names import is_blank

# Before the reaction that is taken back.
BACK = "-"


def normal_reaction(text: str) -> str:
    """The form in which reactions are made, counted and shown: ❤ with and without its selector are one. Idempotent;
    empty when nothing of the text can be seen. A leading "-" stays where it is."""
    return emoji.qualified(normal("NFC", clean_line(text)))


def is_reaction(text: str) -> bool:
    """Whether the log takes it, with or without the "-" of one that is taken back: something in one line."""
    return not is_blank(text.removeprefix(BACK)) and not any(char in text for char in "\n\t")
