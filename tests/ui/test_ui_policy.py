"""The window under an administrator's policy: no list of servers, fixed choices that say so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.app import api
from lanchat.core.policy import NO_POLICY, Policy
from lanchat.i18n import set_language
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.identity import InviteLink
from lanchat.ui.menus import menus
from lanchat.ui.menus.menus import Entry, MenuItem, Submenu
from lanchat.ui.model.entry_model import LaunchOptions, WindowPage
from tests.support.ports import free_port
from tests.support.procs import ServerProcess
from tests.support.ui_desk import Workbench
from tests.ui.test_ui_real_server import make_profile, open_window, register

FIXED = InviteLink("192.168.1.10", 4000, "aa" * 32)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language()


def begun(policy: Policy, **scenario: object) -> Workbench:
    bench = Workbench(policy, remembered=False, **scenario)
    bench.flow.begin(LaunchOptions(), False)
    bench.wait(0.1)
    return bench


def test_set_server_is_connected_to_without_a_list() -> None:
    bench = begun(Policy("policy.toml", FIXED))
    assert bench.engine.called(api.ConnectCommand)
    assert not bench.engine.called(api.DiscoverCommand)


def test_set_server_is_tried_until_it_answers() -> None:
    bench = Workbench(Policy("policy.toml", FIXED), remembered=False)
    bench.engine.held = []
    bench.flow.begin(LaunchOptions(), False)
    bench.wait(0.1)
    for _ in range(3):
        (_command, future) = bench.engine.held.pop()
        future.set_exception(api.CommandError(api.ErrorKind.NO_SERVER, Problem.NO_SERVER_FOUND))
        bench.run()
        assert bench.entry.page is WindowPage.SERVERS
        assert bench.entry.error
        assert not bench.engine.held
        bench.wait(5)
    assert len(bench.engine.held) == 1


def test_nothing_is_searched_where_the_search_is_off() -> None:
    bench = begun(Policy("policy.toml", discovery=False))
    bench.wait(10)
    assert bench.entry.page is WindowPage.SERVERS
    assert bench.engine.calls == []


def items(entries: list[Entry]) -> dict[str, MenuItem]:
    inner = [item for entry in entries if isinstance(entry, Submenu) for item in entry.items]
    return {entry.label: entry for entry in [*entries, *inner] if isinstance(entry, MenuItem)}


def test_menu_disables_what_is_fixed_and_says_why() -> None:
    policy = Policy("policy.toml", settings={"theme": "dark", "text_size": 1})
    entries = items(menus.account_menu(True, lambda action: None, policy))
    disabled = {label for label, item in entries.items() if not item.enabled}
    assert disabled == {"Light theme", "Larger", "Smaller", "Usual"}
    assert "Set by your administrator…" in entries
    free = items(menus.account_menu(True, lambda action: None, NO_POLICY))
    assert all(item.enabled for item in free.values())
    assert "Set by your administrator…" not in free


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server", name="Office") as server:
        yield server


def lay(folder: Path, text: str) -> Path:
    folder.chmod(0o755)
    file = folder / "policy.toml"
    file.write_text(text)
    file.chmod(0o644)
    return file


@pytest.mark.display
def test_first_start_goes_to_the_log_in_of_the_set_server(display: str, server: ServerProcess, tmp_path: Path) -> None:
    text = f'server = "{server.invite}"\ndiscovery = false\n[settings]\nlanguage = "en"\ntheme = "dark"\n'
    file = lay(tmp_path, text)
    with open_window(display, tmp_path / "anna", "--policy", str(file), language="ru") as window:
        register(window, "anna", "Anna")
    with open_window(display, tmp_path / "anna", "--policy", str(file)) as window:
        window.see("Everything is up to date")


@pytest.mark.display
def test_page_without_the_set_server_says_who_set_it(display: str, tmp_path: Path) -> None:
    link = f"lanchat://127.0.0.1:{free_port()}/#{'ab' * 32}"
    file = lay(tmp_path, f'server = "{link}"\n[settings]\ntheme = "light"\n')
    with open_window(display, tmp_path / "anna", "--policy", str(file)) as window:
        window.see("The administrator of this computer has set")
        window.see("No server answers", timeout=20)
        assert window.probe.find("Choose a server") is None
        window.see("Русский", "TButton")


@pytest.mark.display
def test_dialog_lists_what_is_fixed(display: str, server: ServerProcess, tmp_path: Path) -> None:
    profile = make_profile(server, tmp_path / "anna", "anna", "Anna")
    file = lay(tmp_path, f'server = "{server.invite}"\n[settings]\ntext_size = 0\n')
    with open_window(display, profile, "--policy", str(file)) as window:
        window.see("Everything is up to date")
        button = next(seen for seen in window.probe.seen("TButton") if seen.y > 600 and seen.x < 300)
        window.click_at(button)
        window.choose("Set by your administrator…")
        window.see("No other one can be connected to")
        window.see("Text size: usual")
