"""The script of the setup for Windows, as far as it can be judged without its compiler: what it calls is there, and
what must not happen by itself stands in one place."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.cli.options import parse
from lanchat.platform.disk.access import SERVICE_ACCOUNT
from lanchat.store.policy import POLICY_FILE
from lanchat.ui.launch import MUTEX
from lanchat_server.cli.main import server_parser
from lanchat_server.cli.service import default_service_folder
from lanchat_server.cli.windows_service import SERVICE_NAME

FOLDER = Path(__file__).resolve().parents[2] / "packaging" / "windows"
SCRIPT = (FOLDER / "setup.iss").read_text(encoding="utf-8")
ANSWERS = (FOLDER / "answers.ini").read_text(encoding="utf-8")


def section(name: str) -> str:
    """Its lines without comments."""
    found = re.search(rf"^\[{name}\]\n(.*?)(?=^\[\w+\]$|\Z)", SCRIPT, re.MULTILINE | re.DOTALL)
    assert found
    return "\n".join(line for line in found[1].splitlines() if line and not line.startswith(";"))


CODE = re.search(r"^\[Code\]\n(.*)", SCRIPT, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]


def entries(name: str) -> list[dict[str, str]]:
    """The parameters of each line of a section."""
    found = []
    for line in section(name).splitlines():
        pairs = re.findall(r'(\w+): ("(?:[^"]|"")*"|[^;]*)', line)
        found.append({key: value.strip().removeprefix('"').removesuffix('"') for key, value in pairs})
    return found


def body(name: str) -> str:
    """Of a procedure or function."""
    found = re.search(rf"^(?:procedure|function) {name}\b.*?^end;", CODE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[0]


def test_names_are_those_of_the_programs() -> None:
    setup = section("Setup")
    assert f"AppMutex={MUTEX}\n" in setup
    assert f"{{commonappdata}}\\{default_service_folder().name}" in body("ServerFolder")
    assert POLICY_FILE in body("KeepPolicy")
    assert SERVICE_ACCOUNT not in CODE  # `service install` lets it in
    assert f"Services\\{SERVICE_NAME}'" in body("ServiceIsInstalled")


def test_two_setups_do_not_run_at_the_same_time() -> None:
    names = re.search(r"^SetupMutex=(.*)$", section("Setup"), re.MULTILINE)
    assert names
    plain, everywhere = names[1].split(",")
    assert everywhere == f"Global\\{plain}"  # another user's too


def test_texts_exist_in_both_languages_and_are_used() -> None:
    texts: dict[str, dict[str, str]] = {"en": {}, "ru": {}}
    for line in section("CustomMessages").splitlines():
        language, key, text = re.fullmatch(r"(en|ru)\.(\w+)=(.+)", line).groups()  # type: ignore[union-attr]
        assert key not in texts[language]
        texts[language][key] = text
    assert texts["en"].keys() == texts["ru"].keys()
    for key, text in texts["en"].items():
        assert re.findall(r"%[1n]", text).count("%1") == texts["ru"][key].count("%1"), key
    used = set(re.findall(r"CustomMessage\('(\w+)'\)", CODE)) | set(re.findall(r"\{cm:(\w+)[,}]", SCRIPT))
    of_inno = {"AdditionalIcons", "CreateDesktopIcon", "LaunchProgram"}
    assert used - of_inno <= texts["en"].keys()
    assert texts["en"].keys() <= used


def commands_of_the_server() -> list[list[str]]:
    """Their arguments, with a path in the place of what is put together."""
    found = [
        re.sub(r"' \+ [\w.()']+ \+ '", "FILE", text) for text in re.findall(r"RunServer\('([^;]*?)', Said\)", CODE)
    ]
    arguments = "".join(re.findall(r"Arguments := (?:Arguments \+ )?'(.*?)';", body("MakeDatabase")))
    found.append(re.sub(r"' \+ \w+ \+ '", "FILE", arguments) + " --dry-run")
    for entry in (*entries("Icons"), *entries("UninstallRun")):
        if "lanchat-server" in entry["Filename"]:
            found.append(entry["Parameters"].replace('""', '"').replace("{code:ServerFile}", "FILE"))
    return [shlex.split(text) for text in found]


def test_commands_are_those_of_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("mysql://root:secret@localhost/")
    commands = commands_of_the_server()
    assert len(commands) >= 9
    for command in commands:
        parsed = server_parser().parse_args(command)
        assert parsed.command == command[0], command


def test_shortcuts_of_the_client_are_commands_of_it() -> None:
    for entry in entries("Icons"):
        if "lanchatw" in entry["Filename"]:
            parse(shlex.split(entry.get("Parameters", "")))


def test_texts_do_not_pass_through_the_code_page() -> None:
    """Of the script language these functions lose what it lacks, as Cyrillic letters on an English Windows."""
    code = re.sub(r"\{.*?\}|'[^'\n]*'", "", CODE, flags=re.DOTALL)
    assert set(re.findall(r"\b(Trim|Copy|Lowercase|Uppercase|Delete|Insert|GetIniString)\(", code)) == set()


def test_answers_are_those_that_are_read() -> None:
    asked = set(re.findall(r"Answer\('(\w+)'", CODE)) | set(re.findall(r"Chosen\(\d, '(\w+)'\)", CODE))
    assert asked == set(re.findall(r"^(\w+)=", ANSWERS, re.MULTILINE))


def test_firewall_rules_are_the_servers_alone_and_removed_with_it() -> None:
    rules = [entry for entry in entries("Run") if "firewall add" in entry.get("Parameters", "")]
    assert rules
    for rule in rules:
        assert "server" in rule["Parameters"].partition("program=")[2]
        assert "profile=private,domain" in rule["Parameters"]
        assert rule["Tasks"] == "firewall"
    names = {re.search(r'name=""(.*?)""', rule["Parameters"])[1] for rule in rules}  # type: ignore[index]
    removed = [entry["Parameters"] for entry in entries("UninstallRun") if "firewall delete" in entry["Parameters"]]
    assert {re.search(r'name=""(.*?)""', text)[1] for text in removed} == names  # type: ignore[index]


def test_uninstaller_does_without_programs_that_are_not_there() -> None:
    for entry in entries("UninstallRun"):
        if "{app}" in entry["Filename"]:
            assert "skipifdoesntexist" in entry["Flags"]
        assert entry["RunOnceId"]


def test_data_is_removed_only_where_somebody_has_agreed() -> None:
    """The folders of people and of the server, by name or by the function that says it."""
    removing = [
        name for name in re.findall(r"^(?:procedure|function) (\w+)", CODE, re.MULTILINE) if "DelTree" in body(name)
    ]
    assert set(removing) == {"BringBack", "RemoveReplaced", "CurUninstallStepChanged"}
    for name in ("BringBack", "RemoveReplaced"):
        assert "ExpandConstant('{app}\\' + Part)" in body(name)
        assert set(re.findall(r"DelTree\((\w+)", body(name))) == {"Folder"}
    asking = body("CurUninstallStepChanged")
    assert asking.index("if not Remove then Exit;") < asking.index("DelTree")
    assert "MB_DEFBUTTON2" in asking
    assert all("appdata" not in entry["Name"] for entry in entries("UninstallDelete"))


def test_what_an_update_set_aside_is_removed_by_the_uninstaller_too() -> None:
    suffixes = re.findall(r"Suffix = '(\.\w+)'", CODE)
    folders = {entry["Name"] for entry in entries("UninstallDelete") if entry["Type"] == "filesandordirs"}
    assert folders == {f"{{app}}\\{part}{suffix}" for part in ("client", "server") for suffix in suffixes}


def test_broken_off_update_brings_programs_and_service_back() -> None:
    assert "if Begun and not Finished then BringAllBack;" in body("DeinitializeSetup")
    back = body("BringAllBack")
    assert back.index("BringBack('server')") < back.index("service start")
    assert body("PrepareToInstall").count("BringAllBack;") == body("PrepareToInstall").count("Result := ") - 1


def test_folders_of_all_users_are_closed_before_something_private_is_in_them() -> None:
    writing = body("WriteServerFile")
    assert writing.index("CloseFolder(ServerFolder") < writing.index("SaveStringsToUTF8FileWithoutBOM")
    closing = body("CloseFolder")
    assert "/inheritance:r" in closing
    assert closing.index("/setowner") < closing.index(" + Grants")
    assert "CloseFolder(ExpandConstant('{commonappdata}\\LAN Chat')" in body("CurStepChanged")


def test_programs_of_windows_are_started_from_its_own_folder() -> None:
    started = [entry["Filename"] for name in ("Run", "UninstallRun") for entry in entries(name)]
    started += re.findall(r"ExpandConstant\('([^']*\.exe)'\)", CODE)
    assert all(name.startswith(("{sys}\\", "{app}\\")) for name in started), started


# --- The trial under Wine ---


@pytest.mark.parametrize(
    "taken", [(), ("window.png", "wizard-en.png"), ("window.png", "wizard-en.png", "wizard-ru.png")]
)
def test_trial_misses_pictures_that_were_not_taken(taken: tuple[str, ...], tmp_path: Path) -> None:
    trial: dict[str, Any] = runpy.run_path(str(FOLDER / "use.py"))
    for name in taken:
        (tmp_path / name).touch()
    silent = SimpleNamespace(communicate=lambda timeout: (b"", None))
    run = SimpleNamespace(setup="setup.exe", out=tmp_path, client=SimpleNamespace(shell=lambda script: silent))
    if len(taken) == 3:
        assert trial["Trial"].pictures(run) == ", ".join(taken)
    else:
        with pytest.raises(trial["Failed"], match=r"wizard-ru\.png"):
            trial["Trial"].pictures(run)


@pytest.mark.skipif(sys.platform == "win32", reason="a script for Linux")
def test_screen_of_an_earlier_session_is_cleared_away(tmp_path: Path) -> None:
    """A lock that names a process which is there again keeps an X server from starting."""
    script = (FOLDER / "enter.sh").read_text(encoding="utf-8")
    clearing = script.partition('if [ -n "${BOX_SCREEN:-}" ]; then')[2].partition("    run Xvfb")[0]
    left = (tmp_path / "root/tmp/.X99-lock", tmp_path / "root/tmp/.X11-unix/X99")
    for file in left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    subprocess.run(["sh", "-euc", f"state={shlex.quote(str(tmp_path))}\n{clearing}"], check=True)
    assert [file.exists() for file in left] == [False, False]
