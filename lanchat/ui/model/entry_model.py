"""What the pages before the conversation show. No Tk, no network."""

import enum

import msgspec

from lanchat.app.api import Server, ServerOffer, Trust
from lanchat.protocol.codes import Registration, Setup
from lanchat.ui.kit.fields.field_problems import FieldName

_ROUNDS_KEPT = 3  # a server that so many searches in a row did not find is taken off the list
_SERVERS_MAX = 200  # beside the known ones: anybody on the network can announce servers


class WindowPage(enum.Enum):
    """What the window shows."""

    SERVERS = enum.auto()
    IDENTITY = enum.auto()
    CHANGED = enum.auto()
    LOGIN = enum.auto()
    REGISTER = enum.auto()
    RECOVER = enum.auto()
    RECOVER_CODE = enum.auto()
    INVITE = enum.auto()
    CHAT = enum.auto()


class LaunchOptions(msgspec.Struct, frozen=True):
    """What the command line asked for."""

    address: str = ""
    invite: str = ""
    fingerprint: str = ""
    accept_new: bool = False
    user: str = ""
    link: str = ""  # from a browser: a person is asked about it
    hidden: bool = False  # begin as an icon

    @property
    def names_server(self) -> bool:
        """Whether they say which server: by address, link or fingerprint."""
        return bool(self.address or self.invite or self.fingerprint)


class LoginModel(msgspec.Struct):
    """What the pages before the conversation show. `busy`: what is being waited for; `error`, `done`: how it ended;
    `field`: what the error is about; `address`: the address or link that was tried last."""

    page: WindowPage = WindowPage.SERVERS
    servers: dict[tuple[str, str, int], Server] = {}
    searched: bool = False  # one search has ended
    left_out: bool = False  # more servers were heard of than are listed
    server: Server | None = None
    offer: ServerOffer | None = None
    user: str = ""
    busy: str = ""
    error: str = ""
    done: str = ""
    field: FieldName | None = None
    address: str = ""
    seen: dict[tuple[str, str, int], int] = {}
    round: int = 0
    anew: Server | None = None  # what stands in the place of a known server, and may be started anew with

    def add(self, server: Server) -> None:
        """A search found it. A known one is always listed; of the others the one that was not found for longest gives
        way."""
        key = (server.fingerprint, server.host, server.port)
        if key not in self.servers and server.trust is not Trust.PINNED:
            strangers = [other for other, shown in self.servers.items() if shown.trust is not Trust.PINNED]
            if len(strangers) >= _SERVERS_MAX:
                loser = min(strangers, key=lambda other: self.seen[other])
                del self.servers[loser], self.seen[loser]
        self.servers[key] = server
        self.seen[key] = self.round

    def drop_lost(self) -> None:
        """A search has ended: what some in a row did not find is listed no more."""
        for key in [key for key, seen in self.seen.items() if self.round - seen >= _ROUNDS_KEPT]:
            del self.servers[key], self.seen[key]

    @property
    def needs_invite(self) -> bool:
        """Whether the server registers people only with a code."""
        offer = self.offer
        return offer is not None and offer.registration is Registration.INVITE and not self.is_first

    @property
    def is_first(self) -> bool:
        """Whether the server has no account yet: the first one is its administrator's."""
        return self.offer is not None and self.offer.setup is not Setup.NONE

    @property
    def needs_setup_code(self) -> bool:
        """Whether the first account takes the code that the server shows: it runs on another computer."""
        return self.offer is not None and self.offer.setup is Setup.CODE

    @property
    def may_register(self) -> bool:
        """Whether people make accounts themselves, with a code or without."""
        return self.offer is None or self.offer.registration is not Registration.CLOSED or self.is_first

    def listed(self) -> list[Server]:
        """The servers found, each once, best way to it first."""
        rank = {"known": 0, "invite": 1, "typed": 1, "zeroconf": 2, "probe": 3, "peer": 4}
        found = sorted(self.servers.values(), key=lambda s: (rank.get(s.via, 9), s.name.casefold(), s.host))
        unique: dict[str, Server] = {}
        for server in found:
            unique.setdefault(server.fingerprint or f"{server.host} {server.port}", server)
        return sorted(unique.values(), key=lambda s: (s.trust is not Trust.PINNED, s.name.casefold(), s.host))
