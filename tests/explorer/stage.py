"""The server's handlers around a memory store: a moderator with two devices, an administrator, a private room."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.certificates import CertificateBody, issue_certificate
from lanchat.protocol.keys import public_octets
from lanchat.protocol.wire import Role
from lanchat_server import recovery
from lanchat_server.core.model import DeviceRow
from lanchat_server.core.sessions import Path
from lanchat_server.service.handlers import login
from lanchat_server.service.notices import Notices
from lanchat_server.service.room_keys import RoomKeys
from lanchat_server.service.service import Service
from tests.explorer.orders import Gate, Run
from tests.support.rig import DAY_MS, LOG_ID, LOG_KEY, Author, Rig, make_author

OWNER, MEMBER, OTHER = 1, 2, 3
ROOM = Rig.PRIVATE
# MEMBER's second device; one that is to be enrolled.
PHONE, NEWCOMER = make_author(8), make_author(9)
CODE = "12345678"

DAILY = {"rooms_total": 100, "rooms_per_day": 100, "invites_per_day": 100}


class Stage:
    """`commits`: who committed, in order; with `ended`, the length of `commits` when the first of a name was."""

    def __init__(self) -> None:
        self.run = Run({})
        self.commits: list[str] = []
        rig = self.rig = Rig()
        database = rig.database
        database.users[MEMBER] = replace(database.users[MEMBER], role=Role.MODERATOR, password_hash="right")
        database.devices[PHONE.device] = _device(PHONE)
        rig.start()
        for session, author in ((OWNER, rig.authors[OWNER]), (MEMBER, rig.authors[MEMBER]), (4, PHONE)):
            rig.core.add_session(session, OWNER if session == OWNER else MEMBER, author.device, 0.0)
        said = rig.authors[OWNER].message("needle", room=ROOM)
        rig.core.receive(OWNER, wire.Submit([said]), Path.TLS, 0.5)
        rig.run_batches(0.5)
        with rig.store.transaction() as tx:
            tx.set_recovery(recovery.new_recovery(LOG_ID, MEMBER, CODE, 1000), MEMBER)
        self.service: Any = self._service()

    def _service(self) -> Any:
        rig = self.rig
        notices = Notices(rig.core, rig.directory, rig.sequencer, lambda: 1.0)
        throttle = SimpleNamespace(delay=lambda *_: 0.0, failed=_nothing, succeeded=_nothing, seen=_nothing)
        hasher = SimpleNamespace(
            verify=lambda password, stored: Gate(lambda: password == stored, in_turn=False),
            hash=lambda password: Gate(lambda: password, in_turn=False),
            needs_rehash=lambda _stored: False,
        )
        service: Any = SimpleNamespace(
            directory=rig.directory,
            core=rig.core,
            store=rig.store,
            sequencer=rig.sequencer,
            writer=self,
            room_keys=RoomKeys(rig.directory, self, notices, lambda: 1000),  # type: ignore[arg-type]
            hasher=hasher,
            mailer=SimpleNamespace(enabled=False),
            keys=SimpleNamespace(log_key=LOG_KEY),
            config=SimpleNamespace(name="Test", sessions_per_user=5, sessions_total=5, **DAILY),
            metrics=SimpleNamespace(login_failures=0),
            throttle=throttle,
            notices=notices,
            now=lambda: 1.0,
            wall_ms=lambda: 1000,
            certificate_is_fresh=lambda _device: False,
            send_event=_nothing,
            send_session_keys=_nothing,
            end_sessions=_nothing,
            check_place=_nothing,
            check_disk=_nothing,
            _connections={},
            open_session=lambda _connection, user, _device: user,
            read=lambda work: Gate(work, in_turn=False),
            to_erase=SimpleNamespace(set=_nothing),
        )
        for name in ("revoke", "revocation", "set_disabled", "rooms_deleted"):
            setattr(service, name, getattr(Service, name).__get__(service))
        return service

    def transact(self, job: Callable[[Any], Any]) -> Gate:
        """As `Writer.transact`."""
        name = self.run.current

        def work() -> Any:
            with self.rig.store.transaction() as tx:
                change = job(tx)
            change.apply()
            self.commits.append(name)
            return change.value

        return Gate(work, in_turn=True)

    def connection(self, session: int) -> Any:
        """A session: OWNER's, or MEMBER's on the first (MEMBER) or second device (4)."""
        user = OWNER if session == OWNER else MEMBER
        device = PHONE.device if session == 4 else make_author(user).device
        return _connection(user, session, device)


def stranger() -> Any:
    """Nobody yet."""
    return _connection(None, 77, b"")


def _connection(user: int | None, session: int, device: bytes) -> Any:
    known = {"user": user, "session": session, "device": device, "address": "10.0.0.9", "challenge": b"c"}
    return SimpleNamespace(**known, open=True, proven=1.0, password_number=0, end_after_answer=_nothing)


def _device(author: Author) -> DeviceRow:
    public = public_octets(author.key)
    certificate = issue_certificate(LOG_KEY, CertificateBody(LOG_ID, MEMBER, public, "user2", "user2", DAY_MS, 1))
    return DeviceRow(author.device, MEMBER, public, "phone", 0, 0, 0, certificate)


def _nothing(*_arguments: object, **_named: object) -> None:
    """For what does not matter here."""


def without_proofs() -> AbstractContextManager[Any]:
    """Signatures and throttles of a log-in are not the subject."""
    stack = ExitStack()
    for name in ("_challenge", "_check_enrolment", "_throttle", "_bound"):
        stack.enter_context(patch.object(login, name, lambda *_: b""))
    stack.enter_context(patch("lanchat.protocol.keys.check_signature", _nothing))
    return stack
