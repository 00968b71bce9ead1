"""The contract of StatementStore, on every implementation."""

from lanchat.core.ports import StatementStore, StoredStatements
from lanchat.protocol.codes import Role
from lanchat.protocol.log.statements import AccountBody, RevocationsBody, Statement, issue_statement
from lanchat.protocol.wire import Member
from tests.support.fake_log import LOG_ID, key_of
from tests.support.local_log import certificate


def account(number: int, user: int = 1) -> Statement:
    return issue_statement(key_of(1), AccountBody(LOG_ID, number, user, "anna", "Anna", Role.MEMBER, False))


def revocations(number: int) -> Statement:
    return issue_statement(key_of(1), RevocationsBody(LOG_ID, number, 1, bytes(32)))


def test_store_without_statements_is_empty(store: StatementStore) -> None:
    assert store.statements() == StoredStatements([], {}, [], 0)


def test_newer_statement_about_the_same_subject_is_kept(store: StatementStore) -> None:
    store.save_statements([account(3), account(4, user=2), revocations(5)])
    store.save_statements([account(2), account(6, user=2)])
    stored = store.statements().statements
    assert set(stored) == {account(3), account(6, user=2), revocations(5)}
    assert len(stored) == 3


def test_lists_replace_those_before(store: StatementStore) -> None:
    store.save_statements([], members={1: [Member(1, 1)], 2: [Member(1, 1)]}, revoked=[b"a" * 16])
    store.save_statements([], members={1: [Member(2, 5), Member(3, 1)]})
    found = store.statements()
    assert found.members == {1: [Member(2, 5), Member(3, 1)], 2: [Member(1, 1)]}
    assert found.revoked == [b"a" * 16]
    store.save_statements([], revoked=[])
    assert store.statements().revoked == []


def test_number_never_goes_down(store: StatementStore) -> None:
    store.save_statements([], number=7)
    store.save_statements([], number=5)
    store.save_statements([])
    assert store.statements().number == 7


def test_newer_certificate_is_kept(store: StatementStore) -> None:
    a, b = b"a" * 16, b"b" * 16
    store.save_certificates([(a, certificate(10, 3)), (b, certificate(5))])
    store.save_certificates([(a, certificate(9, 4)), (b, certificate(7))])
    assert store.certificates([a, b, b"c" * 16]) == {a: certificate(9, 4), b: certificate(7)}
    store.save_certificates([(a, certificate(10, 4))])
    assert store.certificates([a]) == {a: certificate(10, 4)}
    assert store.certificates([]) == {}


def test_older_certificate_replaces_nothing(store: StatementStore) -> None:
    device = b"a" * 16
    store.save_certificates([(device, certificate(10, 4))])
    store.save_certificates([(device, certificate(11, 3))])
    store.save_certificates([(device, certificate(9, 4))])
    assert store.certificates([device]) == {device: certificate(10, 4)}
