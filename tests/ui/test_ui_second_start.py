"""A second start raises the window that is open; links from a browser are asked about, never followed by themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from lanchat.app import api
from lanchat.i18n import set_language
from lanchat.platform.programs.instance import PLACE_FILE
from lanchat.ui.model.entry_model import LaunchOptions, WindowPage
from tests.support.child import Child
from tests.support.ports import free_port
from tests.support.procs import ROOT
from tests.support.ui_desk import Workbench
from tests.support.waiting import patient, wait_until
from tests.support.xvfb import screen_environment, wait_for_window

LINK = f"lanchat://192.0.2.7:47400/#{'ab' * 32}"


def test_link_waits_in_the_field_for_a_person() -> None:
    set_language("en")
    bench = Workbench(remembered=False)
    bench.flow.begin(LaunchOptions(link=LINK), False)
    bench.run()
    bench.flow.offer_link(f" {LINK}. ")
    bench.run()
    assert bench.entry.page is WindowPage.SERVERS
    assert bench.entry.address == LINK
    assert "192.0.2.7" in bench.entry.done
    assert not bench.engine.called(api.ConnectCommand)


def test_broken_link_says_what_is_wrong() -> None:
    set_language("en")
    bench = Workbench(remembered=False)
    bench.flow.offer_link(LINK[:-1])
    assert "not complete" in bench.entry.error
    assert not bench.engine.called(api.ConnectCommand)


def test_link_of_the_present_server_is_no_other_one() -> None:
    bench = Workbench()
    assert bench.flow.is_current(LINK, "ab" * 32)
    assert not bench.flow.is_current(LINK, "cd" * 32)
    assert not bench.flow.is_current("lanchat://cut", "")


def program(display: str, profile: Path, *args: str) -> list[str]:
    return [sys.executable, "-m", "lanchat", "--profile", str(profile), "--discovery-port", str(free_port()), *args]


@pytest.mark.display
def test_second_start_raises_the_first_window_and_ends(display: str, tmp_path: Path) -> None:
    profile = tmp_path / "anna"
    environment = screen_environment(display, {"LANCHAT_LANGUAGE": "en"})
    with Child(program(display, profile, "window", "--hidden"), env=environment, cwd=ROOT) as first:
        wait_until(lambda: (profile / PLACE_FILE).exists() or first.returncode, 20, "the first start listens")
        for args in (["window", "--hidden"], [], ["window", LINK]):
            done = subprocess.run(
                program(display, profile, *args),
                env=environment,
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=patient(30),
            )
            assert (done.returncode, done.stderr) == (0, "")
        assert first.returncode is None
        wait_for_window(display, "^LAN Chat$")
        first.stop()
