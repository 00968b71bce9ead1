"""The measures of the structure count what they say."""

from pathlib import Path

from tests.unit.measures import measures, table


def test_planted_tree_is_measured(tmp_path: Path) -> None:
    files = {
        "lanchat/core/long.py": "import lanchat.core.short\n" + "x = 1\n" * 400,
        "lanchat/core/short.py": "import lanchat.core.long\nclass Twice:\n    pass\n",
        "lanchat_server/core/hub.py": "class Twice:\n    pass\ndef long():\n" + "    x = 1\n" * 41,
        "tests/unit/test_long.py": "x = 1\n" * 401,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).with_name("__init__.py").touch()
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "db").mkdir()
    found = measures(tmp_path)
    assert found == {
        "files of the product": "3",
        "folders": "2",
        "files in a folder, on average": "1.5",
        "files in the fullest folders": "lanchat/core 2, lanchat_server/core 1",
        "import cycles": "1",
        "files over 400 lines, product": "1",
        "files over 400 lines, tests": "1",
        "functions over 40 lines": "1",
        "class names defined twice": "1",
    }
    assert "| import cycles | 1 |" in table(found)
