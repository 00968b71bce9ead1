"""Builds the guides as a site that needs no network and no server, in build/site, and checks it (`make site`).

The texts are those of docs/guide and the user guides. Each language is staged by itself, with file names without a
language and without links to what is not part of the site, and built by Sphinx, for which a warning is an error. Then
every link, anchor and picture of the built pages is followed; a page that would load something from elsewhere, or links
to nothing, ends the build with 1.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
DOCS, OUT = ROOT / "docs", ROOT / "build" / "site"
SUFFIXES = {"en": "", "ru": ".ru"}
# A page is docs/guide/NAME.md, in Russian docs/guide/NAME.ru.md. These come first in the table of contents.
FIRST = ("index", "start", "windows", "database", "network", "moving", "backup", "firewall", "protection")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_OPENING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>LAN Chat</title>
<style>body {font: 1.3rem/2 system-ui, sans-serif; margin: 3rem; text-align: center}</style></head>
<body><h1>LAN Chat</h1><p><a href="en/index.html" lang="en">Guides in English</a></p>
<p><a href="ru/index.html" lang="ru">Инструкции по-русски</a></p></body></html>
"""


def sources(language: str) -> dict[str, Path]:
    """The pages of a language by their names in the site."""
    suffix = SUFFIXES[language]
    names = {path.name.partition(".")[0] for path in (DOCS / "guide").glob("*.md")}
    ordered = [name for name in FIRST if name in names] + sorted(names - set(FIRST))
    pages = {name: DOCS / "guide" / f"{name}{suffix}.md" for name in ordered}
    return pages | {"user-guide": DOCS / f"USER_GUIDE{suffix}.md"}


# --- Staging ---------------------------------------------------------------------------------------------------------


def stage(language: str, folder: Path) -> None:
    """Lays the pages of a language and their pictures into `folder`, for Sphinx."""
    pages = sources(language)
    names = {path.resolve(): name for name, path in pages.items()}
    others = {path.resolve() for other in SUFFIXES.keys() - {language} for path in sources(other).values()}
    for name, path in pages.items():

        def place(match: re.Match[str], page: Path = path) -> str:
            return _staged_link(match, page, names, folder)

        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not _leads_to(line, path, others)]
        text = _outside_code("\n".join(lines), lambda part, place=place: _LINK.sub(place, part))  # type: ignore[misc]
        if name == "index":
            text += "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(list(pages)[1:]) + "\n```\n"
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def _leads_to(line: str, page: Path, targets: set[Path]) -> bool:
    """Whether a line is the one that leads to the same page in another language: the site has a link for that."""
    return any((page.parent / match[3]).resolve() in targets for match in _LINK.finditer(line))


def _staged_link(match: re.Match[str], page: Path, names: dict[Path, str], folder: Path) -> str:
    """A link of the repository as one of the site; of what the site does not have the text alone."""
    picture, text, target = match.groups()
    path, mark, anchor = target.partition("#")
    if not path or urlsplit(target).scheme:
        return match[0]
    file = (page.parent / path).resolve()
    if picture:
        (folder / "pictures").mkdir(exist_ok=True)
        shutil.copy(file, folder / "pictures")
        return f"![{text}](pictures/{file.name})"
    return f"[{text}]({names[file]}.md{mark}{anchor})" if file in names else text


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` made to all but its blocks and words of code."""
    parts = re.split(r"(^```.*?^```|`[^`\n]*`)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if number % 2 else change(part) for number, part in enumerate(parts))


# --- Checking --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a built page refers to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.headings = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.headings += tag in ("h1", "h2", "h3")
        if values.get("id"):
            self.anchors.add(str(values["id"]))
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))
        elif tag == "link" and values.get("rel") not in ("search", "next", "prev", "index", "canonical"):
            self.loads.append(str(values.get("href")))
        elif values.get("src"):
            self.loads.append(str(values["src"]))


def faults(site: Path) -> Iterator[str]:
    """A line for each link, anchor, picture, style sheet or script of a page that is not in the site."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        where = path.relative_to(site)
        for target in page.loads:
            url = urlsplit(target)
            if url.scheme or url.netloc or not (path.parent / unquote(url.path)).is_file():
                yield f"{where} loads {target}"
        for target in page.links:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            file = (path.parent / unquote(url.path)).resolve() if url.path else path
            if file not in pages:
                yield f"{where} links to {target}: there is no such page"
            elif url.fragment and unquote(url.fragment) not in pages[file].anchors:
                yield f"{where} links to {target}: no such anchor"
    for sheet in site.rglob("*.css"):
        for target in re.findall(r"url\(\s*[\"']?(https?:|//)|@import\s+[\"']?(https?:|//)", sheet.read_text("utf-8")):
            yield f"{sheet.relative_to(site)} loads {''.join(target)}…"


class Row(NamedTuple):
    """What was built of a language."""

    language: str
    pages: int
    headings: int
    links: int
    pictures: int
    octets: int


def count(language: str, folder: Path) -> Row:
    """The figures of a built language."""
    pages = [Page(path.read_text(encoding="utf-8")) for path in folder.glob("*.html")]
    octets = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    pictures = len(list((folder / "_images").glob("*")))
    return Row(language, len(pages), sum(p.headings for p in pages), sum(len(p.links) for p in pages), pictures, octets)


# --- All of it -------------------------------------------------------------------------------------------------------


def build(language: str, out: Path) -> None:
    """Builds the pages of a language; ends the program with 1 when Sphinx has something to say."""
    with tempfile.TemporaryDirectory() as folder:
        stage(language, Path(folder))
        command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-b", "html"]
        command += ["-c", str(HERE), "-d", f"{folder}/.doctrees", "-D", f"language={language}", folder, str(out)]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"error: the pages in {language} have faults")
    for left in ("objects.inv", ".buildinfo"):
        (out / left).unlink(missing_ok=True)


def main() -> int:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    (OUT / "index.html").write_text(_OPENING, encoding="utf-8")
    for language in SUFFIXES:
        build(language, OUT / language)
    wrong = list(faults(OUT))
    print("\n".join(wrong), end="\n" if wrong else "")
    print(f"{'':10}{'pages':>8}{'headings':>10}{'links':>8}{'pictures':>10}{'KiB':>8}")
    for row in (count(language, OUT / language) for language in SUFFIXES):
        kib = row.octets // 1024
        print(f"{row.language:10}{row.pages:>8}{row.headings:>10}{row.links:>8}{row.pictures:>10}{kib:>8}")
    print(
        f"{OUT.relative_to(ROOT)}: {'ok, all links and anchors lead somewhere' if not wrong else 'faults, see above'}"
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
