"""The store's contract: accounts, devices, codes. Every test runs on SQLite and on MariaDB."""

import pytest
from msgspec.structs import replace

from lanchat.protocol.codes import Role
from lanchat.protocol.log.certificates import Certificate
from lanchat_server.core.model import DeviceRow, RecoveryRow, UserRow
from lanchat_server.core.ports import CommitFailed
from lanchat_server.store import SqlStore
from tests.support.stores import Database, added, device, octets, user

CODE = b"\x00\xff" * 16


def users(store: SqlStore) -> dict[str, UserRow]:
    return {row.name: row for row in store.snapshot().users}


def enrolled(store: SqlStore, *labels: str) -> list[DeviceRow]:
    [owner] = added(store, "Anna")
    made = [device(owner.id, label) for label in labels]
    with store.transaction() as tx:
        for row in made:
            tx.add_device(row)
    return made


def test_accounts_are_read_back_unchanged(database: Database) -> None:
    store = database.open()
    with store.transaction() as tx:
        first = tx.add_user(user("Zoë", display_name="ẞ 😀 '\"\\", role=Role.ADMINISTRATOR, disabled=True))
        second = tx.add_user(user("anna"))
    assert first.id != second.id
    assert min(first.id, second.id) > 0
    store.close()
    assert users(database.open()) == {"Zoë": first, "anna": second}


@pytest.mark.parametrize("taken", ["anna", "ANNA", "ＡＮＮＡ", "Straße", "STRASSE", "Zoe\u0308", "ZOË"])
def test_name_is_taken_in_any_case_or_composition(store: SqlStore, taken: str) -> None:
    added(store, "Anna", "strasse", "Zoë")
    with store.transaction() as tx, pytest.raises(KeyError):
        tx.add_user(user(taken))
    assert set(users(store)) == {"Anna", "strasse", "Zoë"}


@pytest.mark.parametrize("free", ["Änna", "Anná", "Zoe", "Anna1", "Аnna"])
def test_similar_names_are_different(store: SqlStore, free: str) -> None:
    """The last one begins with a Cyrillic letter. Collations of databases would treat some of these as equal."""
    added(store, "Anna", "Zoë")
    added(store, free)
    assert free in users(store)


def test_name_with_a_much_longer_key_is_stored(store: SqlStore) -> None:
    long = "\ufdfa" * 32  # one character that NFKC makes eighteen of
    added(store, long)
    with store.transaction() as tx, pytest.raises(KeyError):
        tx.add_user(user(long))


def test_taken_name_does_not_break_the_transaction(store: SqlStore) -> None:
    added(store, "Anna")
    with store.transaction() as tx:
        with pytest.raises(KeyError):
            tx.add_user(user("anna"))
        tx.add_user(user("Boris"))
    assert set(users(store)) == {"Anna", "Boris"}


def test_only_given_fields_change(store: SqlStore) -> None:
    anna, boris = added(store, "Anna", "Boris")
    with store.transaction() as tx:
        tx.update_user(anna.id, email="", disabled=True)
        tx.update_user(boris.id)
    assert users(store) == {"Anna": replace(anna, email="", disabled=True), "Boris": boris}
    with store.transaction() as tx:
        tx.update_user(anna.id, password_hash="new", display_name="A", role=Role.MODERATOR, disabled=False)
    changed = replace(anna, email="", password_hash="new", display_name="A", role=Role.MODERATOR)
    assert users(store)["Anna"] == changed


def test_devices_are_read_back_unchanged(database: Database) -> None:
    store = database.open()
    made = enrolled(store, "laptop", "телефон 📱")
    store.close()
    assert sorted(database.open().snapshot().devices, key=lambda row: row.name) == made


def test_key_is_enrolled_once(store: SqlStore) -> None:
    [one] = enrolled(store, "laptop")
    with store.transaction() as tx, pytest.raises(KeyError):
        tx.add_device(replace(one, name="again"))
    assert store.snapshot().devices == [one]


def test_device_needs_an_account(store: SqlStore) -> None:
    with pytest.raises(CommitFailed), store.transaction() as tx:
        tx.add_device(device(4711))


def test_devices_are_revoked_and_renewed(store: SqlStore) -> None:
    made = enrolled(store, *(f"device {i}" for i in range(300)))
    with store.transaction() as tx:
        tx.revoke_devices([row.id for row in made[:299]], 99)
        tx.revoke_devices([], 100)
        certificate = Certificate(b"\x00" * 640, octets("new", 64))
        tx.set_certificate(made[299].id, certificate)
    found = {row.id: row for row in store.snapshot().devices}
    assert [found[row.id].revoked_ms for row in made] == [99] * 299 + [0]
    assert found[made[299].id] == replace(made[299], certificate=certificate)


def test_last_seen_times_are_updated(store: SqlStore) -> None:
    people = added(store, *(f"user{i}" for i in range(300)))
    made = [device(people[0].id, f"device {i}") for i in range(3)]
    with store.transaction() as tx:
        for row in made:
            tx.add_device(row)
    with store.transaction() as tx:
        tx.touch({row.id: 1000 + row.id for row in people[1:]}, {made[0].id: 5, made[2].id: 6})
        tx.touch({}, {})
    seen = {row.id: row.last_seen_ms for row in store.snapshot().users}
    assert seen == {row.id: 1000 + row.id for row in people[1:]} | {people[0].id: people[0].last_seen_ms}
    assert {row.id: row.last_seen_ms for row in store.snapshot().devices} == dict(
        zip([row.id for row in made], [5, 20, 6], strict=True)
    )


def test_recovery_code_is_replaced_and_removed(store: SqlStore) -> None:
    [anna] = added(store, "Anna")
    for row in (RecoveryRow(anna.id, CODE, 5, 0), RecoveryRow(anna.id, CODE[::-1], 9, 2), None):
        with store.transaction() as tx:
            tx.set_recovery(row, anna.id)
            assert tx.recovery(anna.id) == row
        with store.transaction() as tx:
            assert tx.recovery(anna.id) == row


def test_invite_has_limited_uses_until_it_expires(store: SqlStore) -> None:
    with store.transaction() as tx:
        tx.add_invite(CODE, 2, 100, 1)
    with store.transaction() as tx:
        assert tx.use_invite(CODE, 50)
        assert not tx.use_invite(CODE, 100)
        assert not tx.use_invite(CODE[::-1], 50)
    with store.transaction() as tx:
        assert [tx.use_invite(CODE, 99), tx.use_invite(CODE, 99)] == [True, False]
