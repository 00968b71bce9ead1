"""Resource limits: changes of a message, daily creations of a user or an address, totals of a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.app.command_errors import refused_with
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from lanchat.protocol.limits import Limits
from lanchat.protocol.log.messages import Kind
from lanchat.wording.problems import code_text, details_text
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits.daily import DAY, Daily
from lanchat_server.core.limits.throttle import network_of
from lanchat_server.core.model import ChangesKey
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.rig import GENERAL, Rig

LIMITS_CONFIG = """
[limits]
edits_per_message = 2
reactions_per_message = 3
rooms_total = 4
rooms_per_day = 3
accounts_per_day = 4
invites_per_day = 2
"""


def decide(rig: Rig, *said: tuple[int, str, Kind, int]) -> list[int]:
    """The code of each message of one batch."""
    batch = [rig.submission(rig.authors[user].message(text, kind=kind, ref=ref)) for user, text, kind, ref in said]
    outcome = rig.sequencer.commit(rig.store, batch, 1_000)
    return [decision.code for _submission, decision in outcome.decided]


def rig_with(**bounds: int) -> Rig:
    rig = Rig()
    rig.config = CoreConfig(**bounds)
    rig.start()
    assert decide(rig, (1, "word", Kind.TEXT, 0), (1, "other", Kind.TEXT, 0)) == [0, 0]
    return rig


@pytest.mark.parametrize("kind", [Kind.EDIT, Kind.REACTION])
def test_changes_of_a_message_are_bounded_over_all_batches(kind: Kind) -> None:
    rig = rig_with(edits_per_message=3, reactions_per_message=3)
    assert decide(rig, (1, "a", kind, 1), (1, "b", kind, 1)) == [0, 0]
    assert decide(rig, (1, "c", kind, 1), (1, "d", kind, 1)) == [0, Code.TOO_MANY_CHANGES]
    assert decide(rig, (1, "e", kind, 1), (1, "f", kind, 2)) == [Code.TOO_MANY_CHANGES, 0]


def test_message_with_all_its_edits_can_be_replied_to_and_deleted() -> None:
    rig = rig_with(edits_per_message=1)
    assert decide(rig, (1, "a", Kind.EDIT, 1), (2, "reply", Kind.TEXT, 1), (1, "", Kind.DELETE, 1)) == [0, 0, 0]


def test_changes_are_counted_by_kind() -> None:
    rig = rig_with()
    decide(rig, (1, "a", Kind.EDIT, 1), (2, "x", Kind.REACTION, 1), (2, "y", Kind.REACTION, 1))
    keys = [ChangesKey(GENERAL, 1, Kind.EDIT), ChangesKey(GENERAL, 1, Kind.REACTION), ChangesKey(GENERAL, 9, Kind.EDIT)]
    with rig.store.transaction() as tx:
        assert tx.count_changes(keys) == dict(zip(keys, (1, 2, 0), strict=True))


def test_day_allows_a_burst_and_then_a_steady_rate() -> None:
    made = Daily[str](3)
    assert [made.take("anna", 0.0) for _ in range(4)] == [0, 0, 0, pytest.approx(DAY / 3)]
    assert made.take("boris", 0.0) == 0
    assert made.take("anna", DAY / 3) == 0
    assert made.take("anna", DAY / 3) > 0


def test_unused_entries_expire_after_a_day_and_the_map_is_bounded() -> None:
    made = Daily[int](3, keys_max=10)
    for key in range(100):
        made.take(key, 0.0)
    assert len(made) == 10
    made.take(1000, 2 * DAY)
    assert len(made) == 1


def test_ipv6_network_counts_as_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::2%eth0") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("server")
    config = folder / "server.toml"
    config.write_text(LIMITS_CONFIG)
    with ServerProcess(folder, extra=["--config", str(config)]) as process:
        process.add_account("admin")
        yield process


def test_bounds_are_announced(server: ServerProcess) -> None:
    with RawClient(server.port) as client:
        limits = client.hello().limits
    shown = (limits.edits_per_message, limits.rooms_total, limits.accounts_per_day, limits.message_rate)
    assert shown == (2, 4, 4, Limits().message_rate)


def test_accounts_of_one_address_are_bounded(server: ServerProcess) -> None:
    answers = []
    for number in range(5):
        with RawClient(server.port, source="127.9.9.9") as client:
            answers.append(client.register(f"crowd{number}"))
    assert [type(answer) for answer in answers] == [wire.LoggedIn] * 4 + [wire.Failure]
    assert (answers[-1].code, answers[-1].retry_ms > 0) == (Code.LIMIT_REACHED, True)
    with RawClient(server.port) as elsewhere:
        assert isinstance(elsewhere.register("elsewhere"), wire.LoggedIn)


def test_rooms_are_bounded_by_user_and_in_total(server: ServerProcess) -> None:
    with RawClient(server.port) as anna, RawClient(server.port) as boris:
        anna.register("anna")
        boris.register("boris")

        def create(client: RawClient, name: str, kind: RoomKind = RoomKind.PUBLIC) -> object:
            answer = client.request(wire.CreateRoom(name, kind, HistoryPolicy.EVERYTHING))
            return Code(answer.code) if isinstance(answer, wire.Failure) else answer.room.name

        assert [create(anna, f"r{n}") for n in range(4)] == ["r0", "r1", "r2", Code.LIMIT_REACHED]
        # Taken names use up nothing; with `general` there are four rooms now.
        assert create(boris, "r0") is Code.NAME_TAKEN
        assert create(boris, "r4", RoomKind.PRIVATE) is Code.LIMIT_REACHED
        assert anna.request(wire.OpenDirect(boris.user_id)).code == Code.LIMIT_REACHED
        for _ in range(5):
            assert isinstance(boris.request(wire.OpenDirect(anna.user_id)), wire.RoomResult)


def test_registration_codes_of_one_user_are_bounded(server: ServerProcess) -> None:
    with RawClient(server.port) as admin:
        admin.log_in("admin")
        answers = [admin.request(wire.CreateInvite(1, 60)) for _ in range(3)]
    assert [type(answer) for answer in answers] == [wire.InviteCode, wire.InviteCode, wire.Failure]
    assert answers[-1].code == Code.LIMIT_REACHED


def test_daily_usage_survives_a_restart(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text(LIMITS_CONFIG)

    def tries(process: ServerProcess, number: int) -> list[type]:
        with RawClient(process.port) as admin, RawClient(process.port, source="127.9.9.9") as newcomer:
            admin.log_in("admin")
            room = wire.CreateRoom(f"r{number}", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING)
            return [
                type(admin.request(room)),
                type(admin.request(wire.CreateInvite(1, 60))),
                type(newcomer.register(f"newcomer{number}")),
            ]

    made = [wire.RoomResult, wire.InviteCode, wire.LoggedIn]
    process = ServerProcess(tmp_path, extra=["--config", str(config)])
    process.add_account("admin")
    for number in range(5):
        with process:
            expected = [made[kind] if number < most else wire.Failure for kind, most in enumerate((3, 2, 4))]
            assert tries(process, number) == expected
        process = process.restart()
    with process:
        assert tries(process, 5) == [wire.Failure] * 3


@pytest.mark.parametrize("code", [Code.LIMIT_REACHED, Code.TOO_MANY_CHANGES])
def test_each_bound_has_its_own_error_text(code: Code) -> None:
    assert code_text(code) != details_text(refused_with(9999))
