"""Signed statements: what opens, and what does not."""

import pytest
from msgspec.structs import replace

from lanchat.protocol.codec import encode
from lanchat.protocol.codes import Role
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log import keys
from lanchat.protocol.log.statements import (
    STATEMENT_MAX,
    AccountBody,
    RoomBody,
    Statement,
    StatementBody,
    StatementKind,
    devices_hash,
    issue_statement,
    members_hash,
    open_statement_untrusted,
    read_statement_untrusted,
    subject_of,
)
from tests.support.fake_log import LOG_ID, key_of
from tests.vectors import examples

KEY = key_of(1)
PUBLIC = keys.public_octets(KEY)
BODIES = [replace(body, log_id=LOG_ID) for body in examples.statement_bodies()]


@pytest.mark.parametrize("body", BODIES)
def test_statement_opens_as_it_was_issued(body: StatementBody) -> None:
    statement = issue_statement(KEY, body)
    assert open_statement_untrusted(PUBLIC, LOG_ID, statement) == body
    assert read_statement_untrusted(statement) == body
    assert subject_of(body)[0] is statement.kind


@pytest.mark.parametrize("body", BODIES)
def test_statement_of_another_key_is_refused(body: StatementBody) -> None:
    with pytest.raises(ProtocolError):
        open_statement_untrusted(PUBLIC, LOG_ID, issue_statement(key_of(2), body))


@pytest.mark.parametrize("body", BODIES)
def test_statement_of_another_log_is_refused(body: StatementBody) -> None:
    with pytest.raises(ProtocolError):
        open_statement_untrusted(PUBLIC, bytes(16), issue_statement(KEY, body))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", StatementKind)
def test_signature_holds_for_one_kind_only(body: StatementBody, kind: StatementKind) -> None:
    statement = issue_statement(KEY, body)
    if kind is not statement.kind:
        with pytest.raises(ProtocolError):
            open_statement_untrusted(PUBLIC, LOG_ID, Statement(kind, statement.octets, statement.signature))


@pytest.mark.parametrize("body", BODIES)
def test_changed_octet_is_refused(body: StatementBody) -> None:
    statement = issue_statement(KEY, body)
    for place in range(len(statement.octets)):
        octets = bytearray(statement.octets)
        octets[place] ^= 1
        with pytest.raises(ProtocolError):
            open_statement_untrusted(PUBLIC, LOG_ID, replace(statement, octets=bytes(octets)))


def test_signed_octets_that_say_nothing_are_refused() -> None:
    octets = encode([LOG_ID, "no number"])
    statement = Statement(StatementKind.ACCOUNT, octets, KEY.sign(keys.ACCOUNT_CONTEXT + octets))
    with pytest.raises(ProtocolError):
        open_statement_untrusted(PUBLIC, LOG_ID, statement)


def test_longest_names_fit() -> None:
    account = AccountBody(LOG_ID, 2**63 - 1, 2**63 - 1, "\U00020000" * 32, "\U00020000" * 64, Role.MEMBER, True)
    (room,) = (body for body in BODIES if isinstance(body, RoomBody) and body.name)
    for body in (account, replace(room, name="\U00020000" * 64, room=2**63 - 1, creator=2**63 - 1)):
        assert len(issue_statement(KEY, body).octets) <= STATEMENT_MAX


def test_hashes_ignore_the_order_of_their_lists() -> None:
    members = [(2, 1), (1, 7), (3, 2**63 - 1)]
    assert members_hash(members) == members_hash(sorted(members)) == members_hash(iter(reversed(members)))
    assert members_hash(members) != members_hash([(2, 1), (1, 8), (3, 2**63 - 1)])
    devices = [bytes([number]) * 16 for number in (3, 1, 2)]
    assert devices_hash(devices) == devices_hash(sorted(devices))
    assert devices_hash(devices) != devices_hash(devices[1:])
