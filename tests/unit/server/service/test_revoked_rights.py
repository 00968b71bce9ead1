"""Revoked rights: registration codes end with the role, waiting requests and addresses with the password."""

import asyncio
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat.protocol.log.messages import Kind, Message
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.model import Decision
from lanchat_server.service.requests import account, login, rooms
from lanchat_server.service.requests.table import administer
from tests.support.rig import GENERAL, LOG_ID, Rig, make_author
from tests.unit.server.service.test_races_accounts import (
    CHANGES,
    MEMBER,
    OWNER,
    ROOM,
    RequestHarness,
    code_for,
    connection_of,
    refusal,
)
from tests.unit.server.service.test_races_accounts import harness as harness

REQUESTS = {
    **{name: request for name, request in CHANGES.items() if name != "change_password"},
    "revoke_device": lambda s: administer(s, connection_of(), wire.RevokeDevice(make_author(MEMBER).device)),
    "logout": lambda s: account.logout(s, connection_of(), wire.Logout()),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request_behind_a_new_password_changes_nothing(harness: RequestHarness, name: str) -> None:
    directory = harness.rig.directory
    harness.service.revoke = lambda *_, check, **__: _run_check(harness, check)
    harness.writer.first.append(lambda tx: accounts.set_password(tx, directory, MEMBER, "of the owner"))
    assert refusal(REQUESTS[name](harness.service)) is Code.BUSY
    assert harness.member.email == ""
    assert len(directory.rooms) == 2


async def _run_check(harness: RequestHarness, check: Any) -> None:
    harness.writer.transact_now(lambda tx: (check(), accounts.revoke_devices(tx, harness.rig.directory, [], 1))[1])


@pytest.mark.parametrize("how", [{"role": Role.MEMBER}, {"disabled": True}])
def test_registration_codes_end_with_the_right_to_create_them(harness: RequestHarness, how: dict[str, Any]) -> None:
    harness.writer.transact_now(harness.change(role=Role.MODERATOR))
    code = asyncio.run(administer(harness.service, connection_of(), wire.CreateInvite(5, 60))).code
    kept = lambda tx: accounts.add_invite(tx, harness.rig.directory, "ABCD", 5, 10**15, OWNER)  # noqa: E731
    harness.writer.transact_now(kept)
    assert len(harness.rig.database.invites) == 2
    harness.writer.transact_now(harness.change(**how))
    assert [values[2] for values in harness.rig.database.invites.values()] == [OWNER]
    assert code
    # It does not come back with the right.
    harness.writer.transact_now(harness.change(role=Role.MODERATOR, disabled=False))
    assert len(harness.rig.database.invites) == 1


def test_codes_of_others_are_not_listed_after_a_demotion_meanwhile(harness: RequestHarness) -> None:
    harness.writer.transact_now(harness.change(role=Role.ADMINISTRATOR))
    of_others = lambda tx: accounts.add_invite(tx, harness.rig.directory, "ABCD", 5, 10**12, OWNER)  # noqa: E731
    harness.writer.transact_now(of_others)
    transact = harness.writer.transact

    async def demote_afterwards(job: Any) -> Any:
        result = await transact(job)
        harness.writer.transact_now(harness.change(role=Role.MODERATOR))
        return result

    harness.writer.transact = demote_afterwards  # type: ignore[method-assign]
    assert asyncio.run(administer(harness.service, connection_of(), wire.ListInvites())).invites == []


def test_disabled_account_has_no_recovery_code(harness: RequestHarness) -> None:
    code_for(harness)
    harness.writer.transact_now(harness.change(disabled=True))
    assert not harness.rig.database.recoveries


@pytest.mark.parametrize("how", ["role", "account", "device"])
def test_recovery_codes_end_with_the_administrators_right(harness: RequestHarness, how: str) -> None:
    """Whoever found the device of an administrator made himself a way into any account."""
    harness.writer.transact_now(harness.change(role=Role.ADMINISTRATOR))
    row = recovery.new_recovery(LOG_ID, OWNER, "12345678", harness.wall)
    harness.writer.transact_now(lambda tx: DirectoryChange(tx.set_recovery(row, OWNER), lambda: None))
    ends = {"role": {"role": Role.MODERATOR}, "account": {"disabled": True}}
    harness.writer.transact_now(harness.change(**ends[how]) if how in ends else harness.revoke())
    assert not harness.rig.database.recoveries


@pytest.mark.parametrize("role", [Role.MEMBER, Role.MODERATOR])
def test_recovery_codes_of_others_outlive_who_could_not_make_them(harness: RequestHarness, role: Role) -> None:
    harness.writer.transact_now(harness.change(role=role))
    row = recovery.new_recovery(LOG_ID, OWNER, "12345678", harness.wall)
    harness.writer.transact_now(lambda tx: DirectoryChange(tx.set_recovery(row, OWNER), lambda: None))
    harness.writer.transact_now(harness.revoke())
    harness.writer.transact_now(harness.change(disabled=True))
    assert list(harness.rig.database.recoveries) == [OWNER]


# --- Addresses that wait ----------------------------------------------------------------------------------------------


class RecordingMailer:
    """A mailer that records what it was asked to send."""

    enabled = True

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []
        self.codes: list[str] = []

    async def send_change(self, address: str, _user: str, email: str, _server: str, _hours: int) -> None:
        self.changes.append((address, email))

    async def send_code(self, address: str, *_more: object) -> None:
        self.codes.append(address)


@pytest.fixture
def mailer(harness: RequestHarness) -> RecordingMailer:
    harness.service.credentials.mailer = mailer = RecordingMailer()
    harness.writer.transact_now(harness.change(email="old@example.org"))
    change = wire.SetProfile(None, "new@example.org", "the password")
    asyncio.run(account.set_profile(harness.service, connection_of(), change))
    return mailer


def test_new_address_is_delayed_and_the_old_one_is_notified(harness: RequestHarness, mailer: RecordingMailer) -> None:
    assert mailer.changes == [("old@example.org", "new@example.org")]
    assert (harness.member.email, harness.member.pending_email) == ("old@example.org", "new@example.org")
    asyncio.run(login._send_code(harness.service, harness.member))
    harness.wall += accounts.EMAIL_WAIT_MS
    asyncio.run(login._send_code(harness.service, harness.member))
    assert mailer.codes == ["old@example.org", "new@example.org"]
    assert (harness.member.email, harness.member.pending_email) == ("new@example.org", "")


@pytest.mark.parametrize("how", ["password", "recovery", "old address", "device shut out", "account shut out"])
def test_delayed_address_is_dropped(harness: RequestHarness, mailer: RecordingMailer, how: str) -> None:
    service = harness.service
    if how == "password":
        change = wire.ChangePassword("old", "a new password")
        asyncio.run(account.change_password(service, connection_of(), change))
    elif how == "recovery":
        code_for(harness)
        confirm = wire.RecoverConfirm("user2", "12345678", "a new password")
        asyncio.run(login.recover_confirm(service, connection_of(None), confirm))
    elif how == "device shut out":
        harness.writer.transact_now(harness.revoke())
    elif how == "account shut out":
        for disabled in (True, False):
            harness.writer.transact_now(harness.change(disabled=disabled))
    else:
        asyncio.run(account.set_profile(service, connection_of(), wire.SetProfile(None, "old@example.org")))
    harness.wall += accounts.EMAIL_WAIT_MS
    asyncio.run(login._send_code(harness.service, harness.member))
    assert mailer.codes == ["old@example.org"]
    assert harness.member.pending_email == ""


def test_delay_of_an_address_moves_with_the_clock(harness: RequestHarness, mailer: RecordingMailer) -> None:
    day = 86_400_000
    ahead = harness.wall + 3650 * day
    harness.writer.transact_now(lambda tx: accounts.move_emails(tx, harness.rig.directory, 3650 * day, ahead))
    assert harness.member.email_from_ms == ahead + accounts.EMAIL_WAIT_MS
    harness.writer.transact_now(lambda tx: accounts.move_emails(tx, harness.rig.directory, -3650 * day, harness.wall))
    assert harness.member.email_from_ms == harness.wall + accounts.EMAIL_WAIT_MS


# --- What one may not know --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.EDIT, Kind.DELETE, Kind.REACTION])
def test_answers_about_messages_before_joining_are_equal(kind: Kind) -> None:
    rig = Rig()
    owner, late = rig.authors[OWNER], rig.authors[3]
    rig.core.add_session(OWNER, OWNER, owner.device, 0.0)
    stored = [owner.message("before", room=ROOM), owner.message("👍", room=ROOM, kind=Kind.REACTION, ref=1)]
    rig.sequencer.commit(rig.store, [rig.submission(message) for message in stored], 1)
    rig.join(ROOM, 3, first_seq=3)
    rig.start()
    codes = []
    for ref in (1, 2, 99):
        message = late.message(
            "👍" if kind is Kind.REACTION else "" if kind is Kind.DELETE else "x", room=ROOM, kind=kind, ref=ref
        )
        outcome = rig.sequencer.commit(rig.store, [rig.submission(message)], 2)
        codes.append(outcome.decided[0][1])
    assert codes == [Decision(0, Code.NO_SUCH_TARGET)] * 3


def test_forged_message_does_not_reveal_what_is_stored() -> None:
    rig = Rig()
    owner, other_author = rig.authors[OWNER], rig.authors[3]
    message = owner.message("nobody's business", room=ROOM)
    rig.sequencer.commit(rig.store, [rig.submission(message)], 1)
    forged = Message(message.header, b"guessed", other_author.message("x", room=GENERAL).signature)
    outcome = rig.sequencer.commit(rig.store, [rig.submission(forged, session=3)], 2)
    assert [decision for _, decision in outcome.decided] == [Decision(0, Code.BAD_SIGNATURE)]
    again = rig.sequencer.commit(rig.store, [rig.submission(message)], 3)
    assert [decision for _, decision in again.decided] == [Decision(1, 0)]


def test_room_names_do_not_collide_with_invisible_rooms(harness: RequestHarness) -> None:
    create = wire.CreateRoom("Secret", wire.RoomKind.PRIVATE, wire.HistoryPolicy.EVERYTHING)
    assert refusal(rooms.create_room(harness.service, connection_of(), create)) is Code.NAME_TAKEN
    harness.writer.transact_now(harness.remove())
    assert asyncio.run(rooms.create_room(harness.service, connection_of(), create)).room.name == "Secret"
