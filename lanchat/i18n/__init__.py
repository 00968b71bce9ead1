"""Language of everything that a person reads: gettext, English in the source, Russian beside it.

`_` looks the text up at each call, so the language may change while the program runs (window, tests).
"""

import gettext
import locale
import os
from pathlib import Path

LANGUAGES = ("en", "ru")
DOMAIN = "lanchat"
_LOCALES = Path(__file__).parents[1] / "locale"
_current: gettext.NullTranslations = gettext.NullTranslations()
_language = "en"


def preferred_language() -> str:
    """`LANCHAT_LANGUAGE`, else the environment's or the system's language, else English."""
    wanted = [os.environ.get(name, "") for name in ("LANCHAT_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")]
    wanted.append(locale.getlocale()[0] or "")
    for value in wanted:
        if value:
            code = value[:2].lower()
            return code if code in LANGUAGES else "en"
    return "en"


def set_language(language: str | None = None) -> str:
    """Use this language from now on; returns the one in use."""
    global _current, _language  # noqa: PLW0603 - one language per process
    _language = language if language in LANGUAGES else preferred_language()
    _current = gettext.translation(DOMAIN, _LOCALES, [_language], fallback=True)
    return _language


def language() -> str:
    """The language in use."""
    return _language


def _(text: str) -> str:
    """The text in the language in use."""
    return _current.gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    """The form that belongs to `number` in the language in use."""
    return _current.ngettext(one, many, number)


def decimal(number: float) -> str:
    """A number with one decimal place, as the language in use writes it."""
    text = f"{number:.1f}"
    return text.replace(".", ",") if _language == "ru" else text


def N_(text: str) -> str:
    """Marks a text for the catalogue; `_` looks it up when it is shown."""
    return text
