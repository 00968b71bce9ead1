"""Emoji that the window draws by itself, as glyphs of Bootstrap Icons, the MIT-licensed font inside ttkbootstrap.

Any other emoji is shown as a chip with its name (see glyphs.py). Pure: which glyph in which role of the palette.
"""

from typing import NamedTuple


class IconPicture(NamedTuple):
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

_PICTURES = {name: IconPicture(glyph, "warm") for glyph, names in _FACES.items() for name in names} | {
    "thumbs up sign": IconPicture("hand-thumbs-up-fill", "warm"),
    "thumbs down sign": IconPicture("hand-thumbs-down-fill", "warm"),
    "heavy black heart": IconPicture("heart-fill", "red"),
    "black heart suit": IconPicture("heart-fill", "red"),
    "green heart": IconPicture("heart-fill", "green"),
    "blue heart": IconPicture("heart-fill", "blue"),
    "yellow heart": IconPicture("heart-fill", "warm"),
    "orange heart": IconPicture("heart-fill", "warm"),
    "broken heart": IconPicture("heartbreak-fill", "red"),
    "white heavy check mark": IconPicture("check-square-fill", "green"),
    "heavy check mark": IconPicture("check-lg", "green"),
    "ballot box with check": IconPicture("check-square", "green"),
    "cross mark": IconPicture("x-lg", "red"),
    "negative squared cross mark": IconPicture("x-square-fill", "red"),
    "black question mark ornament": IconPicture("question-lg", "red"),
    "heavy exclamation mark symbol": IconPicture("exclamation-lg", "red"),
    "warning sign": IconPicture("exclamation-triangle-fill", "warm"),
    "fire": IconPicture("fire", "red"),
    "white medium star": IconPicture("star-fill", "warm"),
    "glowing star": IconPicture("star-fill", "warm"),
    "sparkles": IconPicture("stars", "warm"),
    "party popper": IconPicture("balloon-fill", "red"),
    "balloon": IconPicture("balloon-fill", "red"),
    "rocket": IconPicture("rocket-takeoff-fill", "blue"),
    "trophy": IconPicture("trophy-fill", "warm"),
    "eyes": IconPicture("eye-fill", "blue"),
    "wrapped present": IconPicture("gift-fill", "red"),
    "birthday cake": IconPicture("cake2-fill", "warm"),
    "hot beverage": IconPicture("cup-hot-fill", "warm"),
    "high voltage sign": IconPicture("lightning-fill", "warm"),
    "bug": IconPicture("bug-fill", "green"),
    "electric light bulb": IconPicture("lightbulb-fill", "warm"),
    "bell": IconPicture("bell-fill", "warm"),
    "hourglass": IconPicture("hourglass-split", "warm"),
    "hourglass with flowing sand": IconPicture("hourglass-split", "warm"),
    "alarm clock": IconPicture("alarm-fill", "red"),
    "pushpin": IconPicture("pin-angle-fill", "red"),
    "paperclip": IconPicture("paperclip", "blue"),
    "lock": IconPicture("lock-fill", "warm"),
    "key": IconPicture("key-fill", "warm"),
    "black telephone": IconPicture("telephone-fill", "red"),
    "envelope": IconPicture("envelope-fill", "blue"),
    "snowflake": IconPicture("snow", "blue"),
    "black sun with rays": IconPicture("sun-fill", "warm"),
    "umbrella with rain drops": IconPicture("umbrella-fill", "blue"),
    "hammer and wrench": IconPicture("tools", "blue"),
    "wrench": IconPicture("wrench", "blue"),
    "gear": IconPicture("gear-fill", "blue"),
}

# What is offered for reactions, in this order.
REACTIONS = ("👍", "❤️", "😂", "😮", "😢", "🎉", "✅")


def picture(name: str) -> IconPicture | None:
    """The picture for an emoji by its spoken name; a skin tone does not change it."""
    return _PICTURES.get(name.split(",")[0])
