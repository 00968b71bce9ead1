"""Files sent and fetched against a scripted server over real sockets: resumed after every break, checked, refused in
clear words, and nothing half stored."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path as File
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.transfers import link as transfer_link
from lanchat.app.transfers.download import runs
from lanchat.protocol import wire
from lanchat.protocol.limits import CHUNK_OCTETS, CHUNKS_ASKED_MAX, FILES_MAX
from lanchat.protocol.log.files import Manifest, encode_file_body
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.problems import Problem
from tests.support.fake_log import key_of
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import ROOM, Person
from tests.support.waiting import patient

OCTETS = os.urandom(3 * CHUNK_OCTETS) + b"the end"
PATIENCE = 60.0
Scenario = Callable[[FakeServer, Person, File], Awaitable[None]]


@pytest.fixture
def run(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], None]:
    """Runs a scenario with a server, a person who is logged in, and an empty folder."""
    monkeypatch.setattr(transfer_link, "FIRST_PAUSE", 0.01)
    folder = tmp_path / "folder"
    folder.mkdir()

    def start(scenario: Scenario) -> None:
        async def everything() -> None:
            async with FakeServer() as server:
                server.log.enrol(key_of(9), 99, "other")
                person = Person(tmp_path / "anna")
                try:
                    await person.register(server)
                    async with asyncio.timeout(patient(60)):
                        await scenario(server, person, folder)
                finally:
                    await person.client.close()

        asyncio.run(everything())

    return start


def a_file(folder: File, octets: bytes = OCTETS, name: str = "plan.pdf") -> str:
    path = folder / name
    path.write_bytes(octets)
    return str(path)


def sending(*paths: str, **options: Any) -> api.SendFilesCommand:
    return api.SendFilesCommand(ROOM, paths, **({"patience": PATIENCE} | options))


def told_of(server: FakeServer, octets: bytes = OCTETS, name: str = "plan.pdf", size: int | None = None) -> int:
    """The number of a message by somebody else with a file that the server has."""
    root = server.bulk.put(octets)
    size = len(octets) if size is None else size
    manifest = Manifest(name, size, "application/pdf", root, hashlib.sha256(octets).digest())
    record = server.log.say(text=encode_file_body("look", [manifest]), kind=Kind.FILE)
    server.relay(ROOM, record)
    return record.seq


def fetching(seq: int, folder: File, **options: Any) -> api.FetchFileCommand:
    return api.FetchFileCommand(ROOM, seq, **({"out": str(folder), "patience": PATIENCE} | options))


def cut_once(server: FakeServer, when: Callable[[Any], bool]) -> None:
    """The first part that `when` is about never arrives: every connection for files ends."""
    left = [True]

    def fault(part: Any) -> None:
        if left and when(part):
            left.clear()
            server.bulk.cut()

    server.bulk.fault = fault


# --- Sending ----------------------------------------------------------------------------------------------------------


def test_contents_are_there_before_the_message(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        line = await anna.call(sending(a_file(folder), text="as promised"))
        seq = await anna.call(api.WaitDecidedCommand(line.id, patient(5)))
        assert list(server.bulk.contents.values()) == [OCTETS]
        digest = hashlib.sha256(OCTETS).hexdigest()
        assert line.files == (api.FileView("plan.pdf", len(OCTETS), digest, "application/pdf"),)
        (stored,) = await anna.call(api.LoadLinesCommand(ROOM))
        assert (stored.seq, stored.text, stored.files) == (seq, "as promised", line.files)
        progress = anna.of(api.TransferProgress)
        assert progress[-1] == api.TransferProgress(ROOM, "plan.pdf", len(OCTETS), len(OCTETS))
        assert [event.done for event in progress if not event.hashing] == sorted(
            event.done for event in progress if not event.hashing
        )

    run(scenario)


def test_empty_file_and_several_at_once(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        paths = a_file(folder, b"", "empty"), a_file(folder, b"x", "x"), a_file(folder, b"x", "y")
        line = await anna.call(sending(*paths))
        assert [(file.name, file.size) for file in line.files] == [("empty", 0), ("x", 1), ("y", 1)]
        assert sorted(server.bulk.contents.values()) == [b"", b"x"]
        assert line.text == ""

    run(scenario)


@pytest.mark.parametrize("chunk", [1, 3, 4])
def test_broken_upload_goes_on_where_it_was(run: Any, chunk: int) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        cut_once(server, lambda part: part == chunk)
        await anna.call(sending(a_file(folder)))
        assert [part for part in server.bulk.heard if isinstance(part, int)] == [*range(1, chunk + 1), *range(chunk, 5)]
        assert list(server.bulk.contents.values()) == [OCTETS]

    run(scenario)


def test_upload_survives_the_end_of_the_session(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        def fault(part: Any) -> None:
            if part == 2:
                server.bulk.fault = lambda part: None
                server.bulk.cut()
                for session in list(server.sessions):
                    session.cut()

        server.bulk.fault = fault
        await anna.call(sending(a_file(folder)))
        assert list(server.bulk.contents.values()) == [OCTETS]

    run(scenario)


def test_server_that_has_no_time_is_asked_again(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        refusals = [wire.TransferRefused(wire.Code.BUSY, "", 10)]
        server.bulk.fault = lambda part: refusals.pop() if part == 2 and refusals else None
        await anna.call(sending(a_file(folder)))
        assert list(server.bulk.contents.values()) == [OCTETS]

    run(scenario)


@pytest.mark.parametrize("at", [wire.OfferContents, 3, 4])
def test_quota_that_is_reached(run: Any, at: Any) -> None:
    """Before the first chunk, in the middle, or with the last one."""

    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        refused = wire.TransferRefused(wire.Code.USER_QUOTA, "")
        server.bulk.fault = lambda part: refused if part == at or type(part) is at else None
        error = await anna.fails(sending(a_file(folder)))
        assert error.code is wire.Code.USER_QUOTA
        assert not server.log.records[ROOM]
        assert not anna.of(api.LineAdded)

    run(scenario)


def test_server_that_stays_away(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        server.bulk.fault = lambda part: server.bulk.cut()
        error = await anna.fails(sending(a_file(folder), patience=0.2))
        assert error.kind is api.ErrorKind.OFFLINE
        assert not server.log.records[ROOM]

    run(scenario)


def test_file_that_changes_between_the_two_readings(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        path = File(a_file(folder))

        def fault(part: Any) -> None:
            if type(part) is wire.OfferContents:
                path.write_bytes(b"\1" + OCTETS[:-1] + b"!")

        server.bulk.fault = fault
        error = await anna.fails(sending(str(path)))
        assert error.details.problem is Problem.SOURCE_UNREADABLE
        assert dict(error.details.values)["reason"].problem is Problem.CHANGED_WHILE_READ  # type: ignore[union-attr]
        assert not server.log.records[ROOM]

    run(scenario)


def test_what_cannot_be_sent(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        there = a_file(folder, b"x")
        for command, problem in (
            (sending(), Problem.NOTHING_TO_SEND),
            (sending(*[there] * (FILES_MAX + 1)), Problem.TOO_MANY_FILES),
            (sending(str(folder / "none")), Problem.SOURCE_UNREADABLE),
            (sending(there, str(folder / "none")), Problem.SOURCE_UNREADABLE),
            (sending(there, text="x" * 5000), Problem.UNSENDABLE),
        ):
            assert (await anna.fails(command)).details.problem in (problem, Problem.TEXT_TOO_LONG)
        server.bulk.largest = 0
        assert (await anna.fails(sending(there))).code is wire.Code.FILE_TOO_LARGE
        assert not server.bulk.contents

    run(scenario)


def test_cancelled_upload_is_gone_on_with_by_the_next_call(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        path, reached = a_file(folder), asyncio.Event()
        server.bulk.fault = lambda part: reached.set() if part == 2 else None
        first = asyncio.create_task(anna.client.call(sending(path)))
        await reached.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await anna.call(sending(path))
        heard = server.bulk.heard
        # What the first call had sent already may arrive before the second one's offer.
        offers = [place for place, part in enumerate(heard) if isinstance(part, wire.OfferContents)]
        assert len(offers) == 2
        assert not [part for part in heard[offers[1] :] if part in (1, 2)]
        assert list(server.bulk.contents.values()) == [OCTETS]

    run(scenario)


# --- Saving -----------------------------------------------------------------------------------------------------------


def test_file_is_saved_whole(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        saved = await anna.call(fetching(told_of(server), folder))
        path = folder / "plan.pdf"
        assert saved == api.FetchedFile(str(path), len(OCTETS), hashlib.sha256(OCTETS).hexdigest(), len(OCTETS))
        assert path.read_bytes() == OCTETS
        again = await anna.call(fetching(1, folder))
        assert (again.path, again.from_server) == (str(path), 0)
        assert os.listdir(folder) == ["plan.pdf"]

    run(scenario)


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "..\\evil", "con/evil", "evil"])
def test_hostile_names_stay_in_the_folder(run: Any, name: str) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        saved = await anna.call(fetching(told_of(server, b"x", name), folder))
        assert saved.path == str(folder / "evil")

    run(scenario)


def test_other_files_stay(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        seq = told_of(server, b"theirs")
        (folder / "plan.pdf").write_bytes(b"mine")
        assert (await anna.call(fetching(seq, folder))).path == str(folder / "plan (2).pdf")
        error = await anna.fails(fetching(seq, folder / "plan.pdf"))
        assert error.details.problem is Problem.FILE_NOT_SAVED
        assert (folder / "plan.pdf").read_bytes() == b"mine"
        assert (await anna.fails(fetching(seq, folder / "none" / "x"))).details.problem is Problem.FILE_NOT_SAVED

    run(scenario)


def test_broken_download_goes_on_where_it_was(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        seq = told_of(server)
        asked = 0

        def fault(part: Any) -> None:
            """The first answer ends after its first chunk."""
            nonlocal asked
            if isinstance(part, wire.GetChunks):
                asked += 1
                if asked == 1:
                    root = next(iter(server.bulk.contents))
                    server.bulk.contents[root] = OCTETS[: CHUNK_OCTETS + 5]  # a chunk, and one that is wrong
                    asyncio.get_running_loop().call_later(0.2, server.bulk.cut)
                else:
                    server.bulk.put(OCTETS)

        server.bulk.fault = fault
        assert (await anna.fails(fetching(seq, folder))).details.problem is Problem.ANSWER_UNREADABLE
        assert not (folder / "plan.pdf").exists()
        saved = await anna.call(fetching(seq, folder))
        assert saved.from_server == len(OCTETS) - CHUNK_OCTETS
        assert (folder / "plan.pdf").read_bytes() == OCTETS
        assert os.listdir(folder) == ["plan.pdf"]

    run(scenario)


def test_connection_that_ends_in_the_middle(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        seq = told_of(server)
        cut_once(server, lambda part: isinstance(part, wire.GetChunks))
        saved = await anna.call(fetching(seq, folder))
        assert (folder / "plan.pdf").read_bytes() == OCTETS
        assert saved.from_server == len(OCTETS)

    run(scenario)


@pytest.mark.parametrize(
    "lie", ["leaves", "order", "refuses", "frame"], ids=["other leaves", "other chunk", "refusal", "other frame"]
)
def test_server_that_lies_leaves_no_file(run: Any, lie: str) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        seq = told_of(server)
        root = next(iter(server.bulk.contents))
        if lie == "leaves":
            server.bulk.leaves[root] = bytes(len(server.bulk.leaves[root]))
        answers = {
            "order": wire.TransferDone(),
            "refuses": wire.TransferRefused(wire.Code.NOT_FOUND, ""),
            "frame": wire.ContentsKept(root),
        }
        server.bulk.fault = lambda part: answers.get(lie) if isinstance(part, wire.GetChunks) else None
        error = await anna.fails(fetching(seq, folder))
        assert error.kind is api.ErrorKind.REFUSED
        assert error.code is (wire.Code.NOT_FOUND if lie == "refuses" else None)
        assert os.listdir(folder) == []

    run(scenario)


def test_what_cannot_be_saved(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person, folder: File) -> None:
        seq, text = told_of(server), await anna.say("no file")
        assert (await anna.fails(fetching(seq, folder, index=1))).details.problem is Problem.NO_SUCH_FILE
        assert (await anna.fails(fetching(text, folder))).details.problem is Problem.NO_SUCH_FILE
        assert (await anna.fails(fetching(77, folder))).code is wire.Code.NO_SUCH_TARGET
        deletion = server.log.say(kind=Kind.DELETE, text="", ref=seq)
        server.relay(ROOM, deletion)
        while not anna.of(api.LineChanged):
            await asyncio.sleep(0.01)
        assert (await anna.fails(fetching(seq, folder))).code is wire.Code.NO_SUCH_TARGET
        assert os.listdir(folder) == []

    run(scenario)


def test_runs_of_missing_chunks() -> None:
    assert list(runs([])) == []
    assert list(runs([1, 2, 3, 5, 9, 10])) == [(1, 3), (5, 1), (9, 2)]
    longest = list(runs(range(1, CHUNKS_ASKED_MAX + 3)))
    assert longest == [(1, CHUNKS_ASKED_MAX), (CHUNKS_ASKED_MAX + 1, 2)]
