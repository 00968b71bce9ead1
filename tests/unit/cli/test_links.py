"""`lanchat LINK`, as a browser starts it: the link alone, and nothing that a web page put behind it."""

import pytest

from lanchat.cli.options import parse

LINK = f"lanchat://192.0.2.7:47400/#{'ab' * 32}"


@pytest.mark.parametrize("link", [LINK, LINK.upper(), "lanchat://", "lanchat://cut"])
def test_link_alone_is_that_of_the_window(link: str) -> None:
    options = parse([link])
    assert (options.command, options.link, options.hidden) == ("window", link, False)
    assert parse(["window", link]).link == link


@pytest.mark.parametrize("more", [["--accept-new"], ["--server", "192.0.2.9"], [LINK], ["send", "general", "x"]])
def test_arguments_behind_a_link_are_refused(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse([LINK, *more])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_window_begins_hidden_when_asked() -> None:
    assert parse(["window", "--hidden"]).hidden
    assert not parse([]).hidden
