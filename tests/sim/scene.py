"""What a run is made of, drawn from its seed: accounts, computers, rooms, limits, how fast the database is.

Limits are small in many runs, so that few messages reach them; waiting times of a minute are shortened, so that a run
is short. Everything else is what the product ships with.
"""

from dataclasses import dataclass, replace
from random import Random

from lanchat.core.config import ClientConfig
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.datagram.seal import SealLimits
from lanchat.protocol.log.certificates import CertificateBody, issue_certificate
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.records import genesis_hash
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.model import DeviceRow, LogState, MembershipRow, RoomHead, RoomRow, UserRow
from lanchat_server.service.net.connection import ConnectionLimits
from tests.support.memory_store import MemoryDatabase
from tests.support.rig import DAY_MS, GENERAL, LOG_ID, LOG_KEY, Author, make_author

PRIVATE = 9
SINCE_JOINING = 10
USERS = (1, 2, 3)
NOW_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Scene:
    """The constants of one run. Times in seconds; `rate` and `burst` are what the server allows per session."""

    duration: float
    talk_rate: float
    fault_rate: float
    latency: float
    commit_faults: float
    rate: float
    burst: int
    use_udp: bool
    seal: SealLimits
    connection: ConnectionLimits
    core: CoreConfig
    client_config: ClientConfig
    # Whether clients talk with each other while they do not reach the server.
    peers: bool = False

    def with_peers(self, random: Random) -> "Scene":
        """Long enough for servers to be away, and quiet enough for that."""
        return replace(
            self,
            duration=random.uniform(30.0, 80.0),
            talk_rate=random.choice([0.5, 1.0, 2.0]),
            fault_rate=random.choice([0.05, 0.2, 0.4]),
            use_udp=True,
            peers=True,
        )

    @classmethod
    def drawn(cls, random: Random) -> "Scene":
        slow = random.random() < 0.1
        return cls(
            duration=random.uniform(8.0, 30.0) if slow else random.uniform(1.5, 5.5),
            talk_rate=random.choice([1.0, 2.5, 6.0]) if slow else random.choice([2.0, 4.0, 9.0]),
            fault_rate=random.choice([0.2, 0.7, 1.5]),
            latency=0.002 * 150 ** random.random(),
            commit_faults=random.choice([0.0, 0.0, 0.05, 0.25]),
            rate=random.choice([4.0, 10.0, 100.0]),
            burst=random.choice([3, 30]),
            use_udp=random.random() < 0.9,
            seal=SealLimits(
                key_lifetime=random.choice([4.0, 3600.0, 3600.0]),
                packets_per_key=random.choice([60, 1 << 20, 1 << 20]),
                old_key_grace=random.choice([2.0, 30.0]),
                replay_window=random.choice([16, 1024]),
            ),
            connection=_connection(random.choice([64 * 1024, 3 << 20])),
            core=_core(random),
            client_config=_client_config(random),
        )


def _connection(write_buffer: int) -> ConnectionLimits:
    return ConnectionLimits(write_buffer_max=write_buffer, write_buffer_busy=write_buffer // 4)


def _core(random: Random) -> CoreConfig:
    """Of the server's core."""
    return CoreConfig(
        batch_max=random.choice([2, 64]),
        ahead_enough=random.choice([1, 3, 128]),
        queue_max=random.choice([6, 4096]),
        session_queue_max=random.choice([4, 256]),
        hold_per_run=random.choice([3, 64]),
        hold_max=random.choice([8, 4096]),
        hold_time=3.0,
        hold_own=12.0,
        lag_octets=random.choice([3_000, 1 << 20]),
        recent_per_room=random.choice([2, 16, 512]),
        progress_max=random.choice([2, 65536]),
        cursor_interval=random.choice([0.2, 1.0]),
    )


def _client_config(random: Random) -> ClientConfig:
    return ClientConfig(
        first_page=random.choice([3, 100]),
        page=random.choice([4, 200]),
        reorder_max=random.choice([4, 256]),
        heads_max=random.choice([2, 64]),
        recent_max=random.choice([3, 512]),
        stored_max=random.choice([2, 1024]),
        window=random.choice([3, 64]),
        pulls_at_once=random.choice([1, 4]),
        adopt_after=random.choice([0.5, 5.0]),
        adopt_every=random.choice([1.0, 5.0]),
        keep_alive=random.choice([3.0, 25.0]),
        request_timeout=random.choice([4.0, 30.0]),
    )


def make_database(computers: dict[int, Author]) -> MemoryDatabase:
    """Three users in `general`; a private room of 1 and 2; one of 1 and 3 whose history is for those who were there."""
    database = MemoryDatabase(LogState(LOG_ID, 1), GENERAL)
    for user in USERS:
        name = f"user{user}"
        role = Role.ADMINISTRATOR if user == 1 else Role.MEMBER
        database.users[user] = UserRow(user, name, name, "", "", role, False, 0, 0)
        database.memberships[GENERAL, user] = MembershipRow(GENERAL, user, 0, 1, 0, 0)
    for author in computers.values():
        _enrol(database, author)
    _add_room(database, PRIVATE, "secret", HistoryPolicy.EVERYTHING, (1, 2))
    _add_room(database, SINCE_JOINING, "fresh", HistoryPolicy.SINCE_JOINING, (1, 3))
    return database


def _enrol(database: MemoryDatabase, author: Author) -> None:
    name, public = f"user{author.user}", public_octets(author.key)
    body = CertificateBody(LOG_ID, author.user, public, name, name, NOW_MS + 3 * DAY_MS, 1)
    certificate = issue_certificate(LOG_KEY, body)
    database.devices[author.device] = DeviceRow(author.device, author.user, public, name, 0, 0, 0, certificate)


def _add_room(database: MemoryDatabase, room: int, name: str, history: HistoryPolicy, members: tuple[int, ...]) -> None:
    head = RoomHead(0, genesis_hash(LOG_ID, room), 0)
    database.rooms[room] = RoomRow(room, name, RoomKind.PRIVATE, history, 1, 0, head)
    database.records[room] = []
    for user in members:
        database.memberships[room, user] = MembershipRow(room, user, 0, 1, 0, 0)


def draw_computers(random: Random) -> dict[int, Author]:
    """One computer for each user, a second one for some. By number, which is also the key's."""
    owners = [*USERS, *(user for user in USERS if random.random() < 0.3)]
    return {number: _computer(number, user) for number, user in enumerate(owners, 1)}


def _computer(number: int, user: int) -> Author:
    author = make_author(number)
    author.user = user
    return author
