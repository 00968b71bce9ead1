"""What the pages before the conversation show. No Tk, no network."""

import enum

import msgspec

from lanchat.app.api import Server, ServerOffer, Trust
from lanchat.ui.kit.fields.field_problems import FieldName


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

    def listed(self) -> list[Server]:
        """The servers found, each once, best way to it first."""
        rank = {"known": 0, "invite": 1, "typed": 1, "zeroconf": 2, "probe": 3, "peer": 4}
        found = sorted(self.servers.values(), key=lambda s: (rank.get(s.via, 9), s.name.casefold(), s.host))
        unique: dict[str, Server] = {}
        for server in found:
            unique.setdefault(server.fingerprint or f"{server.host} {server.port}", server)
        return sorted(unique.values(), key=lambda s: (s.trust is not Trust.PINNED, s.name.casefold(), s.host))
