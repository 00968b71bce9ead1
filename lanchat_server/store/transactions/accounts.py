"""The part of a transaction that writes accounts, devices and codes.

The writer is alone, so a look before the insert tells whether a name is taken; no error of the database is needed.
"""

from collections.abc import Collection

from msgspec.structs import replace
from sqlalchemy import bindparam, case, delete, func, insert, select, update

from lanchat.protocol.codes import Role
from lanchat.protocol.log.certificates import Certificate
from lanchat_server.core.accounts import recovery
from lanchat_server.core.model import DeviceRow, InviteRow, RecoveryRow, UserRow
from lanchat_server.store.tables import rows, schema
from lanchat_server.store.tables.bulk import StatementBatch, chunks, find_rows, insert_rows
from lanchat_server.store.transactions.writing import LeaseGuarded

_users = schema.users.c
_devices = schema.devices.c
_recovery = schema.recovery_codes.c
_invites = schema.invites.c

_REVOKE = (
    update(schema.devices)
    .where(_devices.id.in_(bindparam("devices", expanding=True)))
    .values(revoked_ms=bindparam("now"))
)


class AccountWrites(LeaseGuarded):
    """See lanchat_server.core.ports.Transaction."""

    def add_user(self, user: UserRow) -> UserRow:
        """The id is `created_ms`, or the highest id plus 1 where that is greater. Raises KeyError when another account
        has the `name_key`."""
        key = rows.key_octets(user.name)
        if self._connection.execute(select(_users.id).where(_users.name_key == key)).first():
            raise KeyError(user.name)
        # A counter in the database would go back with an older copy of it, and the next account would be taken for the
        # one that had its number; time goes on.
        last = self._connection.execute(select(func.max(_users.id))).scalar_one() or 0
        user = replace(user, id=max(last + 1, user.created_ms))
        self._connection.execute(insert(schema.users).values(id=user.id, **rows.user_values(user)))
        return user

    def restore_user(self, user: UserRow) -> bool:
        """One look before the insert."""
        taken = (_users.name_key == rows.key_octets(user.name)) | (_users.id == user.id)
        if self._connection.execute(select(_users.id).where(taken)).first():
            return False
        self._connection.execute(insert(schema.users).values(id=user.id, **rows.user_values(user)))
        return True

    def update_user(
        self,
        user: int,
        *,
        password_hash: str | None = None,
        display_name: str | None = None,
        email: str | None = None,
        pending_email: str | None = None,
        email_from_ms: int | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
    ) -> None:
        """One UPDATE of the columns that are given; nothing happens without any, nor for an unknown account."""
        values = {
            "password_hash": password_hash,
            "display_name": display_name,
            "email": email,
            "pending_email": pending_email,
            "email_from_ms": email_from_ms,
            "role": None if role is None else int(role),
            "disabled": disabled,
        }
        given = {name: value for name, value in values.items() if value is not None}
        if given:
            self._connection.execute(update(schema.users).where(_users.id == user).values(given))

    def add_device(self, device: DeviceRow) -> None:
        """Raises KeyError when the device has a row already, revoked or not."""
        # A log-in by password waits for this, so past SQLAlchemy. The id follows from the key: one look will do.
        if list(find_rows(self._connection, "devices", ("id",), ("id",), [(device.id,)])):
            raise KeyError(device.id)
        values = rows.device_values(device)
        insert_rows(self._connection, schema.devices, [[values[column.name] for column in schema.devices.columns]])

    def revoke_devices(self, devices: Collection[bytes], now_ms: int) -> None:
        """CHUNK devices in a statement; one that was revoked before gets the new time."""
        for chunk in chunks(devices):
            self._connection.execute(_REVOKE, {"devices": chunk, "now": now_ms})

    def set_certificate(self, device: bytes, certificate: Certificate) -> None:
        """Both columns of the certificate: the signed octets and the signature."""
        values = rows.certificate_values(certificate)
        self._connection.execute(update(schema.devices).where(_devices.id == device).values(values))

    def touch(self, users: dict[int, int], devices: dict[bytes, int]) -> None:
        """Both tables in one batch (`StatementBatch`); ids without a row are left out."""
        changes = StatementBatch(self._connection)
        changes.update("users", ("id",), ("last_seen_ms",), list(users.items()))
        changes.update("devices", ("id",), ("last_seen_ms",), list(devices.items()))
        changes.send()

    def set_recovery(self, recovery: RecoveryRow | None, user: int) -> None:
        """Delete the account's row, then insert the new one."""
        self._connection.execute(delete(schema.recovery_codes).where(_recovery.user_id == user))
        if recovery is not None:
            self._connection.execute(insert(schema.recovery_codes).values(rows.recovery_values(recovery)))

    def void_recoveries(self) -> None:
        """Delete all rows: there is one for each account that forgot its password lately."""
        self._connection.execute(delete(schema.recovery_codes))

    def recovery(self, user: int) -> RecoveryRow | None:
        """The row, whatever its time and its tries say; None: the account has no code."""
        found = self._connection.execute(select(schema.recovery_codes).where(_recovery.user_id == user)).first()
        return None if found is None else rows.recovery(found)

    def add_invite(self, code_hash: bytes, uses: int, not_after_ms: int, creator: int) -> None:
        """A hash that has a row already fails the transaction (CommitFailed)."""
        self._connection.execute(
            insert(schema.invites).values(
                code_hash=code_hash, uses_left=uses, not_after_ms=not_after_ms, creator_id=creator
            )
        )

    def use_invite(self, code_hash: bytes, now_ms: int) -> bool:
        """One UPDATE that counts down; True when it found a row with uses left that ends after `now_ms`."""
        usable = (_invites.code_hash == code_hash) & (_invites.uses_left > 0) & (_invites.not_after_ms > now_ms)
        taken = self._connection.execute(update(schema.invites).where(usable).values(uses_left=_invites.uses_left - 1))
        return taken.rowcount == 1

    def invites(self, now_ms: int) -> list[InviteRow]:
        """The rows with uses left that end after `now_ms`."""
        good = (_invites.uses_left > 0) & (_invites.not_after_ms > now_ms)
        found = self._connection.execute(select(schema.invites).where(good).order_by(_invites.not_after_ms.desc()))
        return [InviteRow(row.code_hash, row.uses_left, row.not_after_ms, row.creator_id) for row in found]

    def void_invites(self, *, code_hash: bytes | None = None, creator: int | None = None) -> None:
        """Delete the rows; with both arguments those that either of them names."""
        if code_hash is not None:
            self._connection.execute(delete(schema.invites).where(_invites.code_hash == code_hash))
        if creator is not None:
            self._connection.execute(delete(schema.invites).where(_invites.creator_id == creator))

    def move_deadlines(self, by_ms: int, now_ms: int) -> None:
        """`by_ms` 0 only brings down what ends later than it may. No deadline goes below 0, and one of 0 stays."""
        for table, lifetime_ms in (
            (schema.recovery_codes, recovery.LIFETIME_MS),
            (schema.invites, recovery.INVITE_LIFETIME_MAX * 1000),
        ):
            ends, latest = table.c.not_after_ms, now_ms + lifetime_ms
            moved = case((ends + by_ms < 0, 0), (ends + by_ms > latest, latest), else_=ends + by_ms)
            late = ends > latest if not by_ms else ends > 0
            self._connection.execute(update(table).where(late).values(not_after_ms=moved))
