"""Files on a real server: brought, named, fetched; who may not; what comes after a break and a deletion. On SQLite and
MariaDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log.files import encode_file_body
from lanchat.protocol.log.messages import Kind
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient, refusal
from tests.support.raw_files import RawTransfer, chunks_of, offer_of
from tests.support.waiting import patient, wait_until
from tests.vectors.files import contents, leaves_of, manifest_of

LIMITS = ["[limits]", "file_octets = 4194304", "user_file_octets = 8388608", "files_reserve_mib = 0"]


@pytest.fixture(scope="module")
def server(file_database: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "server.toml").write_text("\n".join(LIMITS))
    extra = ["--config", str(folder / "server.toml")]
    with ServerProcess(folder / "data", database=file_database, extra=extra) as process:
        with RawClient(process.port) as admin:
            assert isinstance(admin.register("admin"), wire.LoggedIn)
        yield process


def person(server: ServerProcess, name: str) -> RawClient:
    client = RawClient(server.port)
    assert isinstance(client.register(name), wire.LoggedIn)
    return client


def unlike(size: int, salt: int) -> bytes:
    """Contents of so many octets that no other test brings."""
    return bytes([salt]) + contents(size - 1)


def name_in(client: RawClient, room: int, octets: bytes, name: str = "a.bin") -> wire.Receipt:
    manifest = manifest_of(octets, name, "application/octet-stream")
    return client.say(room, encode_file_body("see", [manifest]), kind=Kind.FILE)


def refused(answer: object) -> Code:
    assert isinstance(answer, wire.TransferRefused), answer
    return Code(answer.code)


def files_of(server: ServerProcess) -> set[str]:
    folder = server.data_dir / "files"
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_contents_are_brought_named_and_fetched_by_members(server: ServerProcess) -> None:
    octets = unlike(2 * CHUNK_OCTETS + 5, 1)
    manifest = manifest_of(octets)
    with person(server, "anna") as anna, person(server, "boris") as boris:
        general = anna.rooms["general"]
        with RawTransfer(anna) as bulk:
            assert bulk.opened == wire.TransferDone()
            assert bulk.bring(octets) == wire.ContentsKept(manifest.root)
            assert bulk.ask(offer_of(octets)) == wire.ContentsKept(manifest.root)
        receipt = name_in(anna, general, octets)
        assert receipt.code == 0
        place = server.data_dir / "files" / manifest.root.hex()[:2] / manifest.root.hex()
        assert place.read_bytes() == octets + leaves_of(octets)
        with RawTransfer(boris) as bulk:
            leaves = bulk.ask(wire.GetLeaves(general, receipt.seq, manifest.root))
            assert leaves == wire.Leaves(manifest.root, len(octets), leaves_of(octets))
            assert bulk.fetch(general, receipt.seq, octets) == octets
            assert refused(bulk.ask(wire.GetLeaves(general, receipt.seq + 1, manifest.root))) is Code.NOT_FOUND
            assert refused(bulk.ask(wire.GetChunks(general, receipt.seq, manifest.root, 4, 1))) is Code.BAD_REQUEST


def test_message_without_contents_waits_and_is_stored_when_they_are_there(server: ServerProcess) -> None:
    octets = unlike(7, 2)
    with person(server, "vera") as vera:
        general = vera.rooms["general"]
        body = encode_file_body("", [manifest_of(octets)])
        message = vera.message(general, body, kind=Kind.FILE)
        vera.send(wire.Submit([message]))
        busy = vera.wait_for(wire.Busy)
        assert busy.code == Code.CONTENTS_MISSING
        with RawTransfer(vera) as bulk:
            assert isinstance(bulk.bring(octets), wire.ContentsKept)
        vera.send(wire.Submit([message]))
        assert vera.wait_for(wire.Decided).receipts[0].code == 0


def test_who_knows_a_root_has_nothing_of_others(server: ServerProcess) -> None:
    """Neither in a message nor by an offer, which is answered as one of contents that nobody has."""
    octets = unlike(CHUNK_OCTETS + 1, 3)
    manifest = manifest_of(octets)
    with person(server, "owner") as owner, person(server, "guesser") as guesser:
        room = owner.request(wire.CreateRoom("closed", RoomKind.PRIVATE, HistoryPolicy.EVERYTHING)).room.id
        with RawTransfer(owner) as bulk:
            assert isinstance(bulk.bring(octets), wire.ContentsKept)
        seq = name_in(owner, room, octets).seq
        with RawTransfer(guesser) as bulk:
            assert refused(bulk.ask(wire.GetChunks(room, seq, manifest.root, 1, 1))) is Code.NOT_FOUND
            assert bulk.ask(offer_of(octets)) == wire.ContentsWanted(1)
            guesser.send(
                wire.Submit(
                    [guesser.message(guesser.rooms["general"], encode_file_body("", [manifest]), kind=Kind.FILE)]
                )
            )
            assert guesser.wait_for(wire.Busy).code == Code.CONTENTS_MISSING


def test_upload_goes_on_after_a_break_and_a_killed_server(server: ServerProcess) -> None:
    octets = unlike(3 * CHUNK_OCTETS, 4)
    parts = chunks_of(octets)
    with person(server, "dora") as dora:
        with RawTransfer(dora) as bulk:
            assert bulk.ask(offer_of(octets)) == wire.ContentsWanted(1)
            bulk.send_chunk(1, parts[1])
            bulk.send_chunk(2, parts[2][:1000] + bytes(len(parts[2]) - 1000))
            assert refused(bulk.frame()) is Code.BAD_REQUEST
            bulk.send_chunk(3, parts[3])  # passed over
            assert bulk.ask(offer_of(octets)) == wire.ContentsWanted(2)
            bulk.send_chunk(2, parts[2])
            other = offer_of(unlike(9, 5))
            assert bulk.ask(other) == wire.ContentsWanted(1)
        with RawTransfer(dora) as bulk:
            assert bulk.ask(offer_of(octets)) == wire.ContentsWanted(3)
            bulk.send_chunk(3, parts[3])
            assert isinstance(bulk.frame(), wire.ContentsKept)
            assert bulk.ask(wire.DropContents(other.root)) == wire.TransferDone()
        assert not any(name.startswith(other.root.hex()) for name in files_of(server))


def test_limits_are_told_by_name(server: ServerProcess) -> None:
    with person(server, "egon") as egon, RawTransfer(egon) as bulk:
        assert refused(bulk.ask(offer_of(unlike(5 * CHUNK_OCTETS, 6)))) is Code.FILE_TOO_LARGE
        for salt in (7, 8):
            assert isinstance(bulk.bring(unlike(4 * CHUNK_OCTETS - 16, salt)), wire.ContentsKept)
        assert refused(bulk.ask(offer_of(unlike(CHUNK_OCTETS, 9)))) is Code.LIMIT_REACHED


def test_wrong_sha256_is_refused_and_nothing_stays(server: ServerProcess) -> None:
    octets = unlike(11, 10)
    offer = offer_of(octets)
    with person(server, "fred") as fred, RawTransfer(fred) as bulk:
        assert bulk.ask(wire.OfferContents(offer.root, offer.size, bytes(32), offer.leaves)) == wire.ContentsWanted(1)
        bulk.send_chunk(1, octets)
        assert refused(bulk.frame()) is Code.BAD_REQUEST
    assert not any(name.startswith(offer.root.hex()) for name in files_of(server))


def test_ticket_is_good_once_and_ends_with_its_session(server: ServerProcess) -> None:
    with person(server, "gina") as gina:
        used = gina.request(wire.OpenTransfers()).ticket
        with RawTransfer(gina, used) as bulk, RawTransfer(gina, used) as again:
            assert bulk.opened == wire.TransferDone()
            assert refused(again.opened) is Code.BAD_CREDENTIALS
            unused = gina.request(wire.OpenTransfers()).ticket
            assert gina.request(wire.Logout()) == wire.Done()
            assert refused(bulk.frame()) is Code.NOT_ALLOWED
            with pytest.raises(EOFError):
                bulk.frame()
        with RawTransfer(gina, unused) as late:
            assert refused(late.opened) is Code.BAD_CREDENTIALS


def test_what_comes_before_the_ticket_ends_the_connection(server: ServerProcess) -> None:
    with person(server, "hugo") as hugo:
        assert refusal(hugo.request(wire.JoinRoom(12345))) is Code.NOT_FOUND
        with RawTransfer(hugo) as bulk:
            bulk.sock.close()
        with pytest.raises(EOFError), RawTransfer(hugo, b"t" * 32) as bulk:
            bulk.frame()


def test_file_is_replied_to_found_and_deleted(server: ServerProcess) -> None:
    octets = unlike(13, 11)
    manifest = manifest_of(octets)
    with person(server, "ida") as ida:
        general = ida.rooms["general"]
        with RawTransfer(ida) as bulk:
            assert isinstance(bulk.bring(octets), wire.ContentsKept)
        seq = name_in(ida, general, octets, "quarterly numbers.ods").seq
        assert ida.say(general, "thanks", ref=seq).code == 0
        search = wire.Search(general, "quarterly", 0, 10)
        wait_until(
            lambda: [hit.record.seq for hit in ida.request(search).hits] == [seq],
            patient(20.0),
            "the file in the search",
        )
        assert ida.say(general, "", kind=Kind.DELETE, ref=seq).code == 0
        with RawTransfer(ida) as bulk:
            assert refused(bulk.ask(wire.GetLeaves(general, seq, manifest.root))) is Code.NOT_FOUND


def test_empty_file(server: ServerProcess, tmp_path: Path) -> None:
    with person(server, "jan") as jan:
        with RawTransfer(jan) as bulk:
            assert bulk.bring(b"") == wire.ContentsKept(manifest_of(b"").root)
        seq = name_in(jan, jan.rooms["general"], b"").seq
        with RawTransfer(jan) as bulk:
            assert bulk.ask(wire.GetLeaves(jan.rooms["general"], seq, manifest_of(b"").root)).size == 0
