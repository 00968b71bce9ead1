"""Whom a text calls: `@name` a user by the user name, `@all` everybody. Pure."""

import re
from itertools import islice

from lanchat.protocol.text.names import name_key

EVERYBODY = "all"
# What is typed before the cursor: an `@` that begins a word, and the beginning of a name.
_TYPED = re.compile(r"(?:^|[^\w@.\-])@([^\s@]{0,32})\Z")
_MENTION = re.compile(r"(?<![\w@.\-])@([^\s@()\[\]{}<>,;:!?\"'«»„“”…*`]{1,33})")
# A text with more is no conversation; comparing a name takes some 20 µs.
_LOOKED_AT = 50


def calls(text: str, name: str, *, everybody: bool) -> bool:
    """Whether a text mentions the user of this name. `everybody`: its author may call all."""
    if "@" not in text:
        return False
    wanted = name_key(name)
    for match in islice(_MENTION.finditer(text), _LOOKED_AT):
        for word in {match[1], match[1].rstrip(".-_")} - {""}:
            if name_key(word) == wanted or (everybody and word.casefold() == EVERYBODY):
                return True
    return False


def typed_mention(before: str) -> str | None:
    """The beginning of a name after an `@` at the cursor; None when none is being typed."""
    match = _TYPED.search(before)
    return match[1] if match else None
