"""The definition of the server's image: what can be said of it without a container engine."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import NamedTuple

from lanchat.protocol.text.identity import DEFAULT_PORT
from lanchat_server.cli.main import server_parser

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "packaging" / "linux" / "Containerfile"
# Of Dockerfile's language, those that are used and understood below.
KNOWN = {
    *("FROM", "RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT"),
}
JSON_FORM = {"ENTRYPOINT"}


class Instruction(NamedTuple):
    """A line, with those that continue it."""

    name: str
    arguments: str


def instructions(text: str) -> list[Instruction]:
    """Comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [Instruction(name, arguments.strip()) for name, _space, arguments in found]


ALL = instructions(FILE.read_text(encoding="utf-8"))
LAST_STAGE = ALL[max(place for place, each in enumerate(ALL) if each.name == "FROM") :]


def last(name: str) -> str:
    """The arguments of the only instruction of this name in the image itself."""
    (found,) = [each.arguments for each in LAST_STAGE if each.name == name]
    return found


def test_file_has_instructions_that_there_are_and_begins_with_a_stage() -> None:
    assert {each.name for each in ALL} <= KNOWN
    assert ALL[0].name == "FROM"
    assert all(each.arguments for each in ALL)
    for each in ALL:
        if each.name in JSON_FORM:
            assert all(isinstance(word, str) for word in json.loads(each.arguments))
        elif each.name == "RUN":
            assert shlex.split(each.arguments)


def test_stages_have_the_same_python_and_are_named() -> None:
    stages = [each.arguments.split() for each in ALL if each.name == "FROM"]
    assert len({stage[0] for stage in stages}) == 1
    names = {stage[2] for stage in stages if len(stage) == 3 and stage[1] == "AS"}
    for each in ALL:
        if each.name == "COPY" and each.arguments.startswith("--from="):
            assert each.arguments.split()[0].removeprefix("--from=") in names


def copied() -> list[str]:
    """What comes from the checkout."""
    words = [each.arguments.split() for each in ALL if each.name == "COPY" and "--from=" not in each.arguments]
    return [source for each in words for source in each[:-1]]


def test_everything_that_is_copied_is_there_and_all_that_a_wheel_is_made_of() -> None:
    assert [path for path in copied() if not (ROOT / path).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["packages"], *wheel.get("force-include", {}), *wheel.get("shared-data", {})]
    needed += [project["project"]["readme"], *project["project"].get("license-files", [])]
    places = [Path(path) for path in copied()]
    assert [path for path in needed if not any(Path(path).is_relative_to(place) for place in places)] == []


def test_libraries_come_by_their_hashes_and_from_wheels() -> None:
    runs = [each.arguments for each in ALL if each.name == "RUN" and "pip install" in each.arguments]
    for run in runs:
        for command in run.split("&&"):
            if "pip install" in command:
                assert "--require-hashes --only-binary :all:" in command or "--no-deps --no-build-isolation" in command
    assert runs


def test_server_has_no_rights_and_its_folder_is_its_own() -> None:
    user, _colon, group = last("USER").partition(":")
    # A number: what starts containers can see that it is not root, and no name must be known in the image.
    assert int(user) >= 1000
    assert int(group) >= 1000
    folder = last("VOLUME")
    made = next(each.arguments for each in LAST_STAGE if "install --directory" in each.arguments)
    assert f"--owner={user} --group={group} --mode=0700 {folder}" in made
    order = [each.name for each in LAST_STAGE]
    assert order.index("USER") > max(place for place, name in enumerate(order) if name == "RUN")
    assert f"XDG_DATA_HOME={folder}" in last("ENV").split()


def test_ports_are_those_of_the_server() -> None:
    assert last("EXPOSE").split() == [f"{DEFAULT_PORT}/tcp", f"{DEFAULT_PORT}/udp"]


def test_health_check_and_entry_point_are_commands_that_there_are() -> None:
    entry = json.loads(last("ENTRYPOINT"))
    options, _cmd, command = last("HEALTHCHECK").partition(" CMD ")
    words = json.loads(command)
    assert words[0] == entry[0] == "lanchat-server"
    assert server_parser().parse_args(words[1:]).command == "status"
    seconds = dict(re.findall(r"--(interval|timeout|start-period)=(\d+)s", options))
    assert int(seconds["timeout"]) < int(seconds["interval"])
    assert int(seconds["start-period"]) > 0
    assert last("STOPSIGNAL") == "SIGTERM"


def test_program_is_found_in_the_path() -> None:
    path = dict(word.partition("=")[::2] for word in last("ENV").split())["PATH"].split(":")
    (place,) = [each.arguments.split()[-1] for each in LAST_STAGE if each.name == "COPY"]
    assert path[0] == f"{place}/bin"
