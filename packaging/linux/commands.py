"""Man pages and shell completion of both programs, made from their argparse grammar (`make catalog` renews them).

commands.py           writes what changed into packaging/linux/man and packaging/linux/completion
commands.py --check   1 when something is not current
"""

import sys
from pathlib import Path

import completion
import manpages
from grammar import read

from lanchat.cli.options import client_parser
from lanchat.i18n import set_language
from lanchat_server.cli.main import server_parser

HERE = Path(__file__).resolve().parent


def generated() -> dict[str, str]:
    """The text of each file, by its path below this folder."""
    set_language("en")
    found = {}
    for program in map(read, (client_parser(), server_parser())):
        name = program.path
        found[f"man/{name}.{manpages.SECTIONS[name]}"] = manpages.page(program)
        found[f"completion/{name}.bash"] = completion.bash(program)
        found[f"completion/_{name}"] = completion.zsh(program)
        found[f"completion/{name}.fish"] = completion.fish(program)
    return found


def outdated() -> list[str]:
    """The files that are not what they should be, by their paths below this folder."""
    made = generated()
    present = {f"{folder}/{path.name}" for folder in ("man", "completion") for path in (HERE / folder).glob("*")}
    wrong = {path for path, text in made.items() if path not in present or _read(path) != text}
    return sorted(wrong | (present - made.keys()))


def _read(path: str) -> str:
    return (HERE / path).read_text(encoding="utf-8")


def write() -> list[str]:
    """Brings the files up to date; returns those that changed."""
    changed, made = outdated(), generated()
    for path in changed:
        if path in made:
            (HERE / path).parent.mkdir(exist_ok=True)
            (HERE / path).write_text(made[path], encoding="utf-8", newline="\n")
        else:
            (HERE / path).unlink()
    return changed


if __name__ == "__main__":
    files = outdated() if sys.argv[1:] == ["--check"] else write()
    print("\n".join(files) or "man pages and completion are current")
    sys.exit(bool(files) and sys.argv[1:] == ["--check"])
