"""No file of the product is longer than 400 lines and no function longer than 40, no file of the tests longer than 500,
but for those with a reason here.

A function is counted without its docstring. An exception that is one no longer fails too.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE_MAX, FUNCTION_MAX = 400, 40
# The most lines that each may have.
FILES = {
    "lanchat_server/cli/main.py": (490, "the grammar of every command, once"),
    "lanchat_server/config.py": (460, "every setting once: its field, its key, its reader"),
    "lanchat/cli/options.py": (485, "the grammar of every command, once"),
    "lanchat/ui/assembly.py": (435, "what the window is put together from"),
    "lanchat/ui/model/chat.py": (405, "what a person does in conversations, a method each"),
    "lanchat/ui/model/entry.py": (440, "the steps from an empty window to a log-in"),
    "lanchat/protocol/wire/frames.py": (860, "every frame of a session once, in the order of PROTOCOL.md"),
    "lanchat/core/core.py": (900, "the core's face: each frame and call goes to the part that it is about"),
    "lanchat/core/rooms/room.py": (415, "what is done with each record and head of a room, once"),
    "lanchat/core/rooms/room_set.py": (410, "the rooms of a session"),
    "lanchat/core/peers/talk.py": (430, "what is done for each frame of a peer, once"),
    "lanchat/store/local.py": (460, "each method of the client's stores, a transaction each"),
    "lanchat/transport/driver.py": (430, "one core's connections, timers and sockets from start to stop"),
    "lanchat_server/core/accounts/accounts.py": (430, "each change of accounts, devices and rooms once"),
    "lanchat/app/account_session.py": (620, "each event of the core becomes an event of the API in one place"),
    "lanchat/ui/conversation/pane.py": (410, "the view of a conversation: what it shows, scrolling, mouse and keys"),
    "lanchat/app/rooms.py": (440, "what a room and each of its lines are made of, in one place"),
    "lanchat_server/core/hub.py": (530, "what is done for a message or a batch, one after the other"),
    "lanchat_server/core/sequencing/sequencer.py": (
        530,
        "the judgement of one batch, from what it looks up to what it writes",
    ),
    "lanchat_server/service/lifecycle/server.py": (
        495,
        "a server's terms from the first port to the last, with a standby's",
    ),
    "lanchat_server/service/net/connection.py": (415, "one TLS connection from its acceptance to its end"),
}
TEST_FILE_MAX = 500
TEST_FILES = {
    "tests/ui/test_ui_chat.py": (760, "the main page's commands, each once, with one window"),
    "tests/unit/test_memory_constants.py": (760, "every constant that bounds memory, once"),
    "tests/unit/cli/test_commands.py": (720, "every command of the client, once"),
    "tests/unit/server/admin/test_at_rest.py": (680, "every operation, by each of its ways"),
    "tests/attacks/hostile.py": (660, "the table of what a hostile server does"),
    "tests/support/fake_engine.py": (680, "an answer for each command of the window"),
    "tests/unit/core/test_link.py": (600, "the states of one link"),
    "tests/e2e/test_cli_client.py": (600, "the contract of one command line"),
    "tests/explorer/harness.py": (580, "one server, driven by hand"),
    "tests/ui/test_ui_window.py": (580, "one window, driven by keys"),
    "tests/support/memory_store.py": (605, "each method of the server's stores once"),
    "tests/unit/core/test_peer_talk.py": (580, "each frame between clients"),
}
FUNCTIONS = {
    "lanchat/core/core.py::__init__": (63, "makes the parts and ties them together"),
    "lanchat/app/client_state.py::_make_member": (42, "what an account's core, session and dialer are made of"),
    "lanchat/app/account_session.py::_handle_event": (42, "a case for each event of the core"),
    "lanchat/core/rooms/room_set.py::__init__": (42, "says what each of the sets is for"),
    "lanchat/ui/menus/menus.py::message_menu": (49, "a menu as data, an entry in a line or two"),
    "lanchat_server/core/accounts/accounts.py::update_user": (47, "each column of an account once"),
    "lanchat_server/service/service.py::_make_context": (41, "each part that requests may use, once"),
    "lanchat_server/service/lifecycle/server.py::_run": (
        58,
        "the order in which a server starts, and ends the other way round",
    ),
}


def files() -> Iterator[Path]:
    for package in ("lanchat", "lanchat_server"):
        yield from sorted((ROOT / package).rglob("*.py"))


def long_functions(name: str, text: str) -> dict[str, int]:
    """Names of functions that are too long, and their lines."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = _lines(node)
            if ast.get_docstring(node) is not None:
                lines -= _lines(node.body[0])
            if lines > FUNCTION_MAX:
                found[f"{name}::{node.name}"] = lines
    return found


def _lines(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def check(found: Mapping[str, int], listed: Mapping[str, tuple[int, str]]) -> None:
    assert found.keys() == listed.keys()
    assert {name: lines for name, lines in found.items() if lines > listed[name][0]} == {}


def test_files_have_a_reason_to_be_long() -> None:
    lines = {file.relative_to(ROOT).as_posix(): len(file.read_text(encoding="utf-8").splitlines()) for file in files()}
    assert len(lines) > 300
    check({name: count for name, count in lines.items() if count > FILE_MAX}, FILES)


def test_files_of_tests_have_a_reason_to_be_long() -> None:
    found = {
        file.relative_to(ROOT).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for file in sorted((ROOT / "tests").rglob("*.py"))
    }
    assert len(found) > 300
    check({name: count for name, count in found.items() if count > TEST_FILE_MAX}, TEST_FILES)


def test_functions_have_a_reason_to_be_long() -> None:
    found: dict[str, int] = {}
    for file in files():
        found |= long_functions(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))
    check(found, FUNCTIONS)


def test_long_functions_are_found() -> None:
    body = "\n".join(f"    x = {number}" for number in range(FUNCTION_MAX))
    docstring = '    """One line.\n\n    Two.\n    """'
    assert long_functions("a.py", f"def short():\n{docstring}\n" + body.removesuffix("\n    x = 39")) == {}
    assert long_functions("a.py", f"class C:\n  async def long(self):\n{docstring}\n{body}") == {"a.py::long": 41}
