"""The two databases of `copy-database`, typed or from files."""

from pathlib import Path

import pytest

from lanchat_server.cli.main import server_parser

URL = "mysql://lanchat:its-secret@db.example/lanchat"


def test_urls_are_typed_or_stand_in_files(tmp_path: Path) -> None:
    file = tmp_path / "мой файл.txt"
    file.write_text(f"{URL}\nnothing else\n", encoding="utf-8-sig")
    options = server_parser().parse_args(["copy-database", "sqlite:///chat.sqlite3", f"@{file}"])
    assert (options.source, options.target) == ("sqlite:///chat.sqlite3", URL)
    options = server_parser().parse_args(["copy-database", f"@{file}", URL])
    assert (options.source, options.target) == (URL, URL)


@pytest.mark.parametrize("content", [None, "", "its-secret", "\xff"])
def test_files_that_hold_no_url_are_usage_errors_that_repeat_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_text(content, encoding="latin-1")
    with pytest.raises(SystemExit) as ended:
        server_parser().parse_args(["copy-database", f"@{file}", URL])
    assert ended.value.code == 2
    assert "its-secret" not in capsys.readouterr().err
