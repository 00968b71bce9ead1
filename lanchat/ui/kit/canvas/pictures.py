"""Emoji that the window draws by itself, as glyphs of Bootstrap Icons, the MIT-licensed font inside ttkbootstrap.

Any other emoji is shown as a chip with its name (see glyphs.py). Pure: which glyph in which role of the palette.
"""

from typing import NamedTuple


class Picture(NamedTuple):
    """A glyph of the icon font and the palette role that colours it."""

    glyph: str
    role: str


_FACES = {
    "emoji-smile-fill": (
        "white smiling face", "grinning face", "slightly smiling face", "smiling face with open mouth",
        "smiling face with smiling eyes", "hugging face", "relieved face",
    ),
    "emoji-laughing-fill": (
        "face with tears of joy", "rolling on the floor laughing", "smiling face with open mouth and smiling eyes",
        "smiling face with open mouth and tightly-closed eyes", "grinning face with smiling eyes",
    ),
    "emoji-surprise-fill": ("face with open mouth", "astonished face", "hushed face"),
    "emoji-tear-fill": ("crying face", "loudly crying face"),
    "emoji-frown-fill": ("slightly frowning face", "white frowning face", "disappointed face", "pensive face"),
    "emoji-angry-fill": ("angry face", "pouting face"),
    "emoji-heart-eyes-fill": ("smiling face with heart-shaped eyes",),
    "emoji-wink-fill": ("winking face",),
    "emoji-neutral-fill": ("neutral face", "expressionless face"),
    "emoji-sunglasses-fill": ("smiling face with sunglasses",),
    "emoji-kiss-fill": ("face throwing a kiss", "kissing face"),
    "emoji-dizzy-fill": ("dizzy face",),
}  # fmt: skip

_PICTURES = {name: Picture(glyph, "warm") for glyph, names in _FACES.items() for name in names} | {
    "thumbs up sign": Picture("hand-thumbs-up-fill", "warm"),
    "thumbs down sign": Picture("hand-thumbs-down-fill", "warm"),
    "heavy black heart": Picture("heart-fill", "red"),
    "black heart suit": Picture("heart-fill", "red"),
    "green heart": Picture("heart-fill", "green"),
    "blue heart": Picture("heart-fill", "blue"),
    "yellow heart": Picture("heart-fill", "warm"),
    "orange heart": Picture("heart-fill", "warm"),
    "broken heart": Picture("heartbreak-fill", "red"),
    "white heavy check mark": Picture("check-square-fill", "green"),
    "heavy check mark": Picture("check-lg", "green"),
    "ballot box with check": Picture("check-square", "green"),
    "cross mark": Picture("x-lg", "red"),
    "negative squared cross mark": Picture("x-square-fill", "red"),
    "black question mark ornament": Picture("question-lg", "red"),
    "heavy exclamation mark symbol": Picture("exclamation-lg", "red"),
    "warning sign": Picture("exclamation-triangle-fill", "warm"),
    "fire": Picture("fire", "red"),
    "white medium star": Picture("star-fill", "warm"),
    "glowing star": Picture("star-fill", "warm"),
    "sparkles": Picture("stars", "warm"),
    "party popper": Picture("balloon-fill", "red"),
    "balloon": Picture("balloon-fill", "red"),
    "rocket": Picture("rocket-takeoff-fill", "blue"),
    "trophy": Picture("trophy-fill", "warm"),
    "eyes": Picture("eye-fill", "blue"),
    "wrapped present": Picture("gift-fill", "red"),
    "birthday cake": Picture("cake2-fill", "warm"),
    "hot beverage": Picture("cup-hot-fill", "warm"),
    "high voltage sign": Picture("lightning-fill", "warm"),
    "bug": Picture("bug-fill", "green"),
    "electric light bulb": Picture("lightbulb-fill", "warm"),
    "bell": Picture("bell-fill", "warm"),
    "hourglass": Picture("hourglass-split", "warm"),
    "hourglass with flowing sand": Picture("hourglass-split", "warm"),
    "alarm clock": Picture("alarm-fill", "red"),
    "pushpin": Picture("pin-angle-fill", "red"),
    "paperclip": Picture("paperclip", "blue"),
    "lock": Picture("lock-fill", "warm"),
    "key": Picture("key-fill", "warm"),
    "black telephone": Picture("telephone-fill", "red"),
    "envelope": Picture("envelope-fill", "blue"),
    "snowflake": Picture("snow", "blue"),
    "black sun with rays": Picture("sun-fill", "warm"),
    "umbrella with rain drops": Picture("umbrella-fill", "blue"),
    "hammer and wrench": Picture("tools", "blue"),
    "wrench": Picture("wrench", "blue"),
    "gear": Picture("gear-fill", "blue"),
}

# What is offered for reactions, in this order.
REACTIONS = ("👍", "❤️", "😂", "😮", "😢", "🎉", "✅")


def picture(name: str) -> Picture | None:
    """The picture for an emoji by its spoken name; a skin tone does not change it."""
    return _PICTURES.get(name.split(",")[0])
