"""Which emoji are drawn as pictures; any other one is shown as a chip with its name (see glyphs.py)."""

from lanchat.i18n.emoji import place_of

# What is offered for reactions, in this order.
REACTIONS = ("👍", "❤️", "😂", "😮", "😢", "🎉", "✅")


def has_picture(text: str) -> bool:
    """Whether there is a picture for an emoji, or for a sequence that is one."""
    return place_of(text) is not None
