"""A user without a home folder, as those of services are."""

import sys
from argparse import Namespace
from pathlib import Path

import pytest

from lanchat.cli.profile import profile_directory
from lanchat.terminal.exits import CliError


@pytest.mark.skipif(sys.platform == "win32", reason="each user has a home folder there")
def test_user_without_a_home_folder_needs_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError

    for variable in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert profile_directory(Namespace(profile="/srv/anna")) == Path("/srv/anna")
    with pytest.raises(CliError, match="--profile"):
        profile_directory(Namespace(profile=""))
