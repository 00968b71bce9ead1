"""What the page of settings shows."""

from pathlib import Path

from lanchat import i18n
from lanchat_server.config import load
from lanchat_server.window.settings import settings_rows


def test_rows_show_the_configuration_without_passwords(tmp_path: Path) -> None:
    i18n.set_language("en")
    url = "mysql://chat:hidden@db.example.org:3306/chat"
    config = load({"name": "Office", "data_dir": tmp_path, "database": url}, environment={})
    shown = {row.key: row.texts[1] for row in settings_rows(config)}
    assert shown["name"] == "Office"
    assert shown["database"] == "mysql://db.example.org:3306/chat"
    assert shown["registration"] == "everybody may register"
    assert not [text for text in shown.values() if "hidden" in text]
