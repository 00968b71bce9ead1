"""`AdminContext`: what an operation of administration may use, wherever it runs and whoever asks.

A *host* is where it runs: the running server, or a database that no server has. An *actor* is who asks: a session over
TLS, or a command on the server's computer, which may do everything that administrators may.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from lanchat.platform.entropy import Entropy
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat.protocol.log.messages import MessageKey
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts.changes import DirectoryChange, checked
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import Decision, DeletedRoom, DeviceRow, QuarantinedMessage, RoomRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.core.sequencing.sequencer import Verdict
from lanchat_server.passwords import PasswordHasher

T = TypeVar("T")


class Actor(Protocol):
    """Who asks."""

    @property
    def user(self) -> int:
        """The account; 0: a command on the server's computer."""

    @property
    def device(self) -> bytes:
        """Of the session; empty: there is none."""

    @property
    def claims(self) -> bool:
        """Whether it moves a backup away itself."""

    @property
    def role(self) -> Role:
        """As it is now."""

    def check(self) -> None:
        """Raise Refused when its right to ask has ended meanwhile."""

    async def check_owner(self, password: str) -> None:
        """Raise Refused unless a person shows to be the account's owner (as in RevokeDevice)."""


class LocalActor:
    """A command on the server's computer: it can read the data directory, so that nothing more is asked of it."""

    user = 0
    device = b""
    role = Role.ADMINISTRATOR

    def __init__(self, claims: bool = True) -> None:
        """`claims`: it moves a backup away itself, as a command does; else backups are kept like those of sessions."""
        self.claims = claims

    def check(self) -> None:
        """The right does not end."""

    async def check_owner(self, password: str) -> None:
        """It has shown that it knows the token."""


class Host(Protocol):
    """Where operations run. `check` of its methods raises Refused within the transaction."""

    @property
    def config(self) -> ServerConfig:
        """Folders, bounds and quotas that operations keep to."""

    @property
    def directory(self) -> Directory:
        """Accounts and rooms as of the last commit; `transact` changes them."""

    @property
    def hasher(self) -> PasswordHasher:
        """For passwords that are set; its methods raise HasherBusy when too many wait."""

    @property
    def entropy(self) -> Entropy:
        """What codes are drawn from."""

    def wall_ms(self) -> int:
        """Milliseconds UTC."""

    async def transact(self, job: Callable[[Transaction], DirectoryChange[T]]) -> T:
        """Commit what the job does, then change the directory; the job's value. Raises Refused and StoreError."""

    def added(self, user: UserRow) -> None:
        """The account was made."""

    def changed(self, user: UserRow) -> None:
        """What others see of it was changed."""

    async def disable(self, user: int, disabled: bool, actor: Actor, check: Callable[[], None]) -> None:
        """Shut an account out at once, or let it in again."""

    async def delete(self, user: int, actor: Actor, check: Callable[[], None]) -> None:
        """End an account for good, with its devices and sessions."""

    def end_sessions(self, user: int, actor: Actor) -> int:
        """Say goodbye to all sessions of an account; how many there were."""

    def sessions(self) -> dict[int, wire.SessionDetails]:
        """Who is connected now, by the number of the session."""

    def online(self, user: int) -> set[bytes]:
        """The devices that have a session."""

    async def revoke(self, device: DeviceRow, actor: Actor, check: Callable[[], None]) -> None:
        """End a device's right, and its sessions."""

    def room_changed(self, room: int) -> None:
        """Its name or policy was changed."""

    def archived(self, room: int) -> None:
        """It was archived, or taken back."""

    async def deleted(self, rooms: list[DeletedRoom]) -> None:
        """They were deleted: what they held is to be erased."""

    async def quarantined(self) -> list[QuarantinedMessage]:
        """What waits for an administrator, in any order. Raises StoreError."""

    async def judge(self, messages: list[QuarantinedMessage], verdict: Verdict) -> dict[MessageKey, Decision]:
        """Take messages out of the quarantine; what became of those that were decided. Raises StoreError."""

    def messages(self, room: RoomRow) -> int:
        """The number of its newest record."""

    def status(self, rooms_above: int | None) -> wire.StatusReport:
        """Figures of the running server."""

    async def backup(self, *, claimed: bool) -> wire.BackupMade:
        """Write a backup; `claimed`: whoever asked moves it away."""


class AdminContext(msgspec.Struct, frozen=True):
    """`role`: the lowest for which the operation is, looked at again within each transaction."""

    host: Host
    actor: Actor
    role: Role

    @property
    def directory(self) -> Directory:
        """The host's, to look up in."""
        return self.host.directory

    def check(self) -> None:
        """Raise Refused unless whoever asks may still do so."""
        self.actor.check()
        self.check_role(self.role)

    def check_role(self, role: Role) -> None:
        """Raise Refused for lower roles."""
        if self.actor.role < role:
            raise Refused(Code.NOT_ALLOWED, f"for those with the role {role.name.lower()}")

    async def transact(self, job: Callable[[Transaction], DirectoryChange[T]]) -> T:
        """As `Host.transact`. A request that waited while whoever made it lost the right to it is refused."""
        return await self.host.transact(checked(self.check, job))
