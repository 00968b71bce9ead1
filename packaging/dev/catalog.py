"""The Russian catalogue: `python packaging/dev/catalog.py` after texts were added or changed (`make catalog`).

Takes every marked text out of the source, with the translation that is there already, drops what no source has any
more, and compiles. Ends with 1 and a list when a text has no translation yet. Nothing is guessed: a changed text is a
new text. Man pages and shell completion hold texts of the commands and are renewed too.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("lanchat", "lanchat_server")
LOCALE = ROOT / "lanchat" / "locale"
PO = LOCALE / "ru" / "LC_MESSAGES" / "lanchat.po"
# Packages whose log the server's window shows, and which argument of a logger's method is the text.
LOGGING = ("lanchat_server", "lanchat/discovery", "lanchat/platform")
LEVELS = {"info": 0, "warning": 0, "error": 0, "exception": 0, "critical": 0, "log": 1}
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}


def extracted() -> Iterator[tuple[str | tuple[str, ...], str]]:
    """Each marked text of the source, with the file that it is in."""
    for package in PACKAGES:
        found = extract_from_dir(ROOT / package, [("**.py", "python")], keywords=KEYWORDS)
        for file, _line, text, _comments, _context in sorted(found, key=lambda item: (item[0], item[1])):
            yield text, f"{package}/{Path(file).as_posix()}"
    for place, text in log_texts(ROOT):
        yield text, place.partition(":")[0]


def log_texts(root: Path) -> Iterator[tuple[str, str]]:
    """Each text that the server writes to its log, with its place: its window shows them in the language of people."""
    for package in LOGGING:
        for file in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and (text := _logged(node)):
                    yield f"{file.relative_to(root).as_posix()}:{node.lineno}", text


def _logged(call: ast.Call) -> str:
    """The text of a call such as `log.warning("…", error)`; empty when it is none, or has no words of its own."""
    method = call.func
    if not isinstance(method, ast.Attribute) or method.attr not in LEVELS:
        return ""
    logger = method.value
    name = logger.attr if isinstance(logger, ast.Attribute) else getattr(logger, "id", "")
    place = LEVELS[method.attr]
    text = call.args[place] if name.endswith("log") and len(call.args) > place else None
    words = text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""
    return words if re.search("[a-z]{2}", re.sub("%[^a-z]*[a-z]", "", words)) else ""


def read(file: Path) -> Catalog:
    """A catalogue from a .po file; an empty one when there is no such file."""
    if not file.exists():
        return Catalog(locale="ru", project="LAN Chat")
    with file.open("rb") as stream:
        return read_po(stream, locale="ru")


def build() -> Catalog:
    """The catalogue of the source as it is now, with every translation that is known."""
    present = read(PO)
    catalog = Catalog(
        locale="ru",
        project="LAN Chat",
        version="1",
        header_comment="# Russian translations of LAN Chat.",
        msgid_bugs_address="-",
        creation_date=present.creation_date,
        revision_date=present.creation_date,  # who changed what and when, the version control says
        last_translator="-",
        language_team="-",
        fuzzy=False,
    )
    for text, file in extracted():
        catalog.add(text, _translation(present, text), locations=[(file, 0)])
    return catalog


def _translation(present: Catalog, text: str | tuple[str, ...]) -> str | tuple[str, ...]:
    message = present.get(text)
    if message and message.id == text and not message.fuzzy and is_translated(message):
        return message.string if isinstance(message.string, str) else tuple(message.string or ())
    return ""


def is_translated(message: Message) -> bool:
    """Every form of it has words."""
    forms = message.string if isinstance(message.string, list | tuple) else (message.string,)
    return all(forms)


def main() -> int:
    """Update and compile; 1 when something is untranslated."""
    catalog = build()
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as stream:
        write_po(stream, catalog, width=120, include_lineno=False, sort_by_file=True)
    with PO.with_suffix(".mo").open("wb") as stream:
        write_mo(stream, catalog)
    missing = [message for message in catalog if message.id and not is_translated(message)]
    for message in missing:
        print(f"untranslated: {message.id!r} ({', '.join(file for file, _line in message.locations)})")
    print(f"{len(catalog)} texts, {len(missing)} untranslated")
    subprocess.run([sys.executable, str(ROOT / "packaging" / "linux" / "commands.py")], check=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
