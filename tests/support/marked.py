"""Parts of documents that a command writes: between `<!-- NAME: written by COMMAND -->` and `<!-- end of NAME -->`."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
RELIABILITY = DOCS / "RELIABILITY.md"
PERFORMANCE = DOCS / "PERFORMANCE.md"


def replaced(text: str, name: str, content: str) -> str:
    """The document with the part anew; raises ValueError when its marks are not there exactly once."""
    name = re.escape(name)
    marks = re.compile(rf"(<!-- {name}: written by [^\n]* -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    text, count = marks.subn(lambda found: f"{found[1]}{content.strip()}\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"{count} marks for {name}")
    return text


def write(document: Path, name: str, content: str) -> None:
    """Put a part into a document on disk."""
    document.write_text(replaced(document.read_text(encoding="utf-8"), name, content), encoding="utf-8")
