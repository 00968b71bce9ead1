"""The audit itself: each fault that it detects is planted in a copy of a finished run, and it must report it.

The run is a real one, with a kill in it; faults are planted in the server's database, in the recorded events of
clients, and in their copies.
"""

import asyncio
import copy
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lanchat.app import api
from lanchat.protocol.log.records import Record, chain_hash, genesis_hash
from lanchat.store.profile import ProfileStore
from tests.chaos.audit import Audit
from tests.chaos.crowd import EventRecord
from tests.chaos.server_with_clients import ServerWithClients

DATABASE = "lanchat.sqlite3"
WRITING_SECONDS = 1.5


@dataclass(slots=True)
class FinishedClient:
    """One client of the run, afterwards."""

    name: str
    memory: EventRecord
    profile: ProfileStore


@dataclass(slots=True)
class FinishedRun:
    """A finished run in a folder of its own. `room`: general; all of it was said there."""

    folder: Path
    people: list[FinishedClient]
    room: int

    @property
    def server(self) -> Path:
        return self.folder / "server"

    def audit(self) -> list[str]:
        """The kinds of complaints, sorted."""
        faults = Audit(None, self.server).check(self.people).faults
        return sorted({fault.split(":")[0] for fault in faults})

    def copied(self, folder: Path) -> "FinishedRun":
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        people = [
            FinishedClient(
                left.name, copy.deepcopy(left.memory), ProfileStore.open(folder / left.profile.directory.name)
            )
            for left in self.people
        ]
        return FinishedRun(folder, people, self.room)

    def change(self, *statements: str) -> None:
        """Statements on the server's database, whose constraints are taken away first."""
        with sqlite3.connect(self.server / DATABASE) as database:
            database.execute("PRAGMA legacy_alter_table = ON")  # a view on the table stays as it is
            database.execute("CREATE TABLE free AS SELECT * FROM records")
            database.execute("DROP TABLE records")
            database.execute("ALTER TABLE free RENAME TO records")
            for statement in statements:
                database.execute(statement, {"room": self.room} if ":room" in statement else {})
        database.close()

    def rechain(self) -> None:
        """Number the records anew, chain them, and move the head, as an attacker does to hide a change."""
        with sqlite3.connect(self.server / DATABASE) as database:
            (log_id,) = database.execute("SELECT log_id FROM log").fetchone()
            question = "SELECT seq, time_ms, header, signature, body FROM records WHERE room_id = ? ORDER BY seq"
            rows = database.execute(question, (self.room,)).fetchall()
            last = genesis_hash(log_id, self.room)
            for place, (seq, time_ms, header, signature, body) in enumerate(rows, 1):
                record = Record(place, time_ms, header, signature, body.encode() if isinstance(body, str) else body)
                last = chain_hash(log_id, self.room, last, record)
                database.execute(
                    "UPDATE records SET seq = ?, hash = ? WHERE room_id = ? AND seq = ?", (place, last, self.room, seq)
                )
            database.execute("UPDATE rooms SET head_seq = ?, head_hash = ? WHERE id = ?", (len(rows), last, self.room))
        database.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("finished")

    async def play() -> ServerWithClients:
        scene = ServerWithClients(folder, size=3)
        async with scene:
            scene.crowd.start_writing(20.0)
            await asyncio.sleep(WRITING_SECONDS / 2)
            scene.server.kill()
            await scene.start()
            await asyncio.sleep(WRITING_SECONDS / 2)
            await scene.settle()
            assert (await scene.audit()).faults == []
        return scene

    scene = asyncio.run(play())
    people = [FinishedClient(person.name, person.memory, person.profile) for person in scene.crowd.people]
    return FinishedRun(folder, people, scene.crowd.people[0].room)


def delete_middle(run: FinishedRun) -> None:
    run.change("DELETE FROM records WHERE seq = 5 AND room_id = :room")


def delete_middle_and_hide_it(run: FinishedRun) -> None:
    delete_middle(run)
    run.rechain()


def delete_last_and_hide_it(run: FinishedRun) -> None:
    run.change("DELETE FROM records WHERE room_id = :room AND seq = (SELECT max(seq) FROM records)")
    run.rechain()


def double(run: FinishedRun) -> None:
    run.change(
        "INSERT INTO records SELECT room_id, (SELECT max(seq) + 1 FROM records), time_ms, author_id, device_id, run, n,"
        " kind, ref_seq, header, signature, body, body_hash, hash FROM records WHERE seq = 5 AND room_id = :room",
        "UPDATE rooms SET head_seq = head_seq + 1 WHERE id = :room",
    )


def double_and_hide_it(run: FinishedRun) -> None:
    double(run)
    run.rechain()


def swap(run: FinishedRun) -> None:
    """Two neighbours by different authors: nobody's own order is touched."""
    with sqlite3.connect(run.server / DATABASE) as database:
        question = (
            "SELECT min(a.seq) FROM records a JOIN records b ON b.seq = a.seq + 1 AND a.room_id = b.room_id"
            " AND a.device_id != b.device_id WHERE a.room_id = ?"
        )
        (first,) = database.execute(question, (run.room,)).fetchone()
    database.close()
    run.change(
        f"UPDATE records SET seq = -1 WHERE seq = {first} AND room_id = :room",
        f"UPDATE records SET seq = {first} WHERE seq = {first + 1} AND room_id = :room",
        f"UPDATE records SET seq = {first + 1} WHERE seq = -1 AND room_id = :room",
    )


def swap_and_hide_it(run: FinishedRun) -> None:
    swap(run)
    run.rechain()


def alter_text(run: FinishedRun) -> None:
    run.change("UPDATE records SET body = 'something else' WHERE seq = 5 AND room_id = :room")


def alter_text_and_hide_it(run: FinishedRun) -> None:
    alter_text(run)
    run.rechain()


def alter_time(run: FinishedRun) -> None:
    run.change("UPDATE records SET time_ms = time_ms + 1 WHERE seq = 5 AND room_id = :room")


def alter_head(run: FinishedRun) -> None:
    run.change("UPDATE rooms SET head_hash = zeroblob(32) WHERE id = :room")


def acknowledge_too_early(run: FinishedRun) -> None:
    """As by a server that acknowledges before it commits, and dies."""
    run.people[0].memory.acknowledged["1.00.1.1"] = 77


def queue_without_submitting(run: FinishedRun) -> None:
    run.people[0].memory.made["1.00.1.1"] = 0.0


def acknowledge_under_another_number(run: FinishedRun) -> None:
    acknowledged = run.people[0].memory.acknowledged
    acknowledged[next(iter(acknowledged))] += 1


def report_two_numbers(run: FinishedRun) -> None:
    memory = run.people[0].memory
    id, seq = next(iter(memory.acknowledged.items()))
    memory.take(api.LineStored(id, run.room, seq + 1))


def show_twice(run: FinishedRun) -> None:
    shown = run.people[1].memory.shown
    shown.insert(1, shown[0])


def show_in_another_order(run: FinishedRun) -> None:
    shown = run.people[1].memory.shown
    shown[0], shown[1] = shown[1], shown[0]


def show_unstored_message(run: FinishedRun) -> None:
    shown = run.people[1].memory.shown
    shown.append((shown[-1][0] + 1, "1.00.1.1"))


def in_copy(*statements: str) -> Callable[[FinishedRun], None]:
    def harm(run: FinishedRun) -> None:
        (file,) = [path for path in run.people[2].profile.directory.rglob("*") if path.is_file() and has_records(path)]
        with sqlite3.connect(file) as database:
            for statement in statements:
                assert database.execute(statement).rowcount > 0
        database.close()

    return harm


def has_records(path: Path) -> bool:
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        found = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'records'").fetchone()
        database.close()
    except sqlite3.DatabaseError:
        return False
    return bool(found[0])


@pytest.mark.parametrize(
    ("harm", "kinds"),
    [
        (delete_middle, {"lost", "order", "chain"}),
        (delete_middle_and_hide_it, {"lost", "order", "moved", "copy"}),
        (delete_last_and_hide_it, {"lost", "copy"}),
        (double, {"twice", "chain"}),
        (double_and_hide_it, {"twice", "copy"}),
        (swap, {"moved", "chain"}),
        (swap_and_hide_it, {"moved", "copy"}),
        (alter_text, {"altered", "chain"}),
        (alter_text_and_hide_it, {"altered", "copy"}),
        (alter_time, {"chain", "copy"}),
        (alter_head, {"chain"}),
        (acknowledge_too_early, {"lost"}),
        (queue_without_submitting, {"lost"}),
        (acknowledge_under_another_number, {"moved"}),
        (report_two_numbers, {"told"}),
        (show_twice, {"twice"}),
        (show_in_another_order, {"order"}),
        (show_unstored_message, {"lost"}),
        (in_copy("DELETE FROM records WHERE seq = 7"), {"copy"}),
        (in_copy("UPDATE records SET data = (SELECT data FROM records WHERE seq = 6) WHERE seq = 7"), {"copy"}),
    ],
)
def test_audit_detects_planted_faults(
    finished: FinishedRun, tmp_path: Path, harm: Callable[[FinishedRun], None], kinds: set[str]
) -> None:
    run = finished.copied(tmp_path)
    assert run.audit() == []
    harm(run)
    assert kinds <= set(run.audit())
