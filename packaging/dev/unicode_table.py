"""Writes lanchat/protocol/text/assigned.py: which characters Unicode 14.0 has, in three classes.

Run it with a Python whose unicodedata is 14.0 (3.11, the oldest that is supported); any other version is refused,
because a name that one version takes must be valid with all others.
"""

import sys
import unicodedata
from itertools import groupby
from pathlib import Path

VERSION = "14.0.0"
FILE = Path(__file__).parents[2] / "lanchat" / "protocol" / "text" / "assigned.py"
WIDTH = 110
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_KINDS = {"L": 1, "M": 1, "N": 1, "P": 2, "S": 2, "Zs": 2}

HEADER = '''"""Which characters Unicode {version} has. Written by packaging/dev/unicode_table.py.

Names are judged by this table and not by the `unicodedata` of the Python at hand, so that all servers and clients judge
alike. Each run of code points is its length in base 36 and its class: a letter, mark or number (`,`), another visible
character or blank (`;`), a control, format or private character (`:`), or unassigned (`.`).
"""

RUNS = (
'''


def kind(code: int) -> int:
    """0 unassigned, 1 letter, mark or number, 2 other visible character or blank, 3 the rest."""
    category = unicodedata.category(chr(code))
    if category == "Cn":
        return 0
    return _KINDS.get(category, _KINDS.get(category[0], 3))


def base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits


def main(file: Path) -> int:
    if unicodedata.unidata_version != VERSION:
        print(f"this Python has Unicode {unicodedata.unidata_version}, the table is of {VERSION}", file=sys.stderr)
        return 1
    runs = "".join(base36(len(list(codes))) + ".,;:"[which] for which, codes in groupby(range(0x110000), kind))
    lines = [f'    "{runs[start : start + WIDTH]}"\n' for start in range(0, len(runs), WIDTH)]
    file.write_text(HEADER.format(version="14.0") + "".join(lines) + ")\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else FILE))
