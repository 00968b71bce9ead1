"""Paths as people type or paste them."""

import os

from lanchat.protocol.text.cleaning import tidy_path


def named_path(text: str) -> str:
    """The path as it stands where there is anything of that name, else without the unseen marks around it: they come
    with what is pasted, but a name may have them, and another file the name without."""
    return text if os.path.lexists(text) else tidy_path(text)
