"""Makes the table and the pictures of emoji that the programs carry, from files that other projects publish.

`python packaging/dev/emoji_table.py DATASOURCE CLDR`: DATASOURCE is the unpacked package emoji-datasource-google (its
`emoji.json`, and `sheets-256/64.png` with pictures of Noto Emoji); CLDR is a folder with the unpacked
packages cldr-annotations-full and cldr-annotations-derived-full. NOTICE says under which licences they are.

The sheet is cut into its columns: a program that shows one emoji opens one of 62 small pictures.
"""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "lanchat" / "i18n" / "emoji.tsv"
PICTURES = ROOT / "lanchat" / "ui" / "kit" / "canvas" / "emoji.zip"
CELL = 66  # pixels of the sheet from one picture to the next
CATEGORIES = (
    "Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities",
    "Objects", "Symbols", "Flags",
)  # fmt: skip


def characters(unified: str) -> str:
    return "".join(chr(int(code, 16)) for code in unified.split("-"))


def annotations(cldr: Path, language: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for folder, name in (("annotations", "annotations"), ("annotationsDerived", "annotationsDerived")):
        for file in cldr.rglob(f"{folder}/{language}/annotations.json"):
            found |= json.loads(file.read_text(encoding="utf-8"))[name]["annotations"]
    return found


def words_of(annotation: dict[str, list[str]] | None) -> tuple[str, str]:
    """The name and the other words."""
    if not annotation:
        return "", ""
    name = annotation.get("tts", [""])[0]
    return name, " ".join(word for word in annotation.get("default", []) if word != name)


def rows(emoji: list[dict[str, Any]], cldr: Path) -> list[str]:
    """emoji, column, row, category, short names, English name, words, Russian name, words, skin tones."""
    english, russian = annotations(cldr, "en"), annotations(cldr, "ru")
    found = []
    for one in sorted(emoji, key=lambda one: one["sort_order"]):
        if one["category"] not in CATEGORIES:
            continue
        text = characters(one["unified"])
        plain = text.replace("\ufe0f", "")
        tones = [
            f"{characters(tone['unified'])}:{tone['sheet_x']}:{tone['sheet_y']}"
            for tone in one.get("skin_variations", {}).values()
        ]
        values = [
            text, str(one["sheet_x"]), str(one["sheet_y"]), str(CATEGORIES.index(one["category"])),
            " ".join(one["short_names"]), *words_of(english.get(text) or english.get(plain)),
            *words_of(russian.get(text) or russian.get(plain)), " ".join(tones),
        ]  # fmt: skip
        found.append("\t".join(value.replace("\t", " ").replace("\n", " ") for value in values))
    return found


def pictures(sheet: Path) -> bytes:
    image = Image.open(sheet)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for column in range(image.width // CELL):
            octets = io.BytesIO()
            image.crop((column * CELL, 0, (column + 1) * CELL, image.height)).save(octets, "PNG", optimize=True)
            archive.writestr(zipfile.ZipInfo(f"{column}.png"), octets.getvalue())
    return packed.getvalue()


def main() -> None:
    source, cldr = Path(sys.argv[1]), Path(sys.argv[2])
    table = rows(json.loads((source / "emoji.json").read_text(encoding="utf-8")), cldr)
    TABLE.write_text("\n".join(table) + "\n", encoding="utf-8")
    PICTURES.write_bytes(pictures(source / "img" / "google" / "sheets-256" / "64.png"))
    print(f"{len(table)} emoji; {TABLE.stat().st_size} and {PICTURES.stat().st_size} octets")


if __name__ == "__main__":
    main()
