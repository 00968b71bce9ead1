"""Messages with marks on a terminal's screen, in a pipe and in a web page."""

import io
from html.parser import HTMLParser

import pytest

from lanchat.cli.lines import message_text
from lanchat.cli.web_page import PAGE_END, message_article, page_head, text_html
from lanchat.terminal.line_editor import rows_of
from lanchat.terminal.output import OutputWriter
from lanchat.terminal.styled import styled
from tests.support.fake_client import line

TEXT = "**b** _i_ `c`\n> q\n- x\n```\nk\n```"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_marks_become_letters_on_a_screen() -> None:
    assert styled("**b** _i_ `c` ***e***") == "\x1b[1mb\x1b[0m \x1b[3mi\x1b[0m `c` \x1b[1m\x1b[3me\x1b[0m"
    assert styled("> > q\n- x\n```sh\nk\nl\n```") == "> > q\n    - x\n        k\n        l"
    assert styled("2*3*4") == "2*3*4"


def test_codes_of_strangers_do_nothing() -> None:
    assert "\x1b" not in styled("\x1b[1mx\x1b[0m\x9b31m")
    assert styled("**a\x1b[2J**").count("\x1b") == 2


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Screen, {}, "\x1b[1mb\x1b[0m"),
        (Screen, {"NO_COLOR": "1"}, "**b**"),
        (Screen, {"TERM": "dumb"}, "**b**"),
        (io.StringIO, {}, "**b**"),
    ],
)
def test_pipes_and_plain_terminals_get_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], environment: dict[str, str], expected: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("WT_SESSION", "1")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert message_text(line(3, "**b**"), OutputWriter(False, stream()).say).endswith(f": {expected}")


def test_codes_take_no_place_on_the_screen() -> None:
    assert rows_of("\x1b[1m" + "x" * 80 + "\x1b[0m", 80) == 1


def test_web_page_has_elements_for_marks() -> None:
    html = text_html(TEXT)
    for part in ("<b>b</b>", "<i>i</i>", "<code>c</code>", "<blockquote>", "<pre>k</pre>"):
        assert part in html
    assert text_html("(https://a.example/?x=1&y=2)").count('href="https://a.example/?x=1&amp;y=2"') == 1


class Elements(HTMLParser):
    """The names of elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _value in attrs)}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "**<img src=x onerror=alert(1)>**",
        'https://a.example/"onclick="x',
        "`</code><script>`",
        "```\n</pre><script>\n```",
        "javascript:alert(1)",
        "> <iframe>",
    ],
)
def test_nothing_that_people_write_becomes_code_of_the_page(text: str) -> None:
    page = Elements()
    page.feed(page_head(text) + message_article(line(1, text, display_name=text, author_name=text)) + PAGE_END)
    assert not page.names & {"script", "img", "iframe", "onerror", "onclick", "src"}
