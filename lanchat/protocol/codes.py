"""Codes and choices that frames carry and that people are shown in words. Numbers are append-only."""

import enum


class Code(enum.IntEnum):
    """Why something was refused; 1–99 a request, 100–199 a message (a decision that never changes); 200 and up: there
    is no room for what a request makes, or a message waits for room."""

    BAD_REQUEST = 1
    BAD_CREDENTIALS = 2
    NOT_ALLOWED = 3
    NOT_FOUND = 4
    NAME_TAKEN = 5
    NAME_INVALID = 6
    PASSWORD_INVALID = 7
    REGISTRATION_CLOSED = 8
    INVITE_INVALID = 9
    TOO_MANY_TRIES = 10
    TOO_MANY_SESSIONS = 11
    ACCOUNT_DISABLED = 12
    DEVICE_REVOKED = 13
    BUSY = 14
    UNAVAILABLE = 15
    RECOVERY_INVALID = 16
    EMAIL_INVALID = 17
    VERSION = 18
    LAST_ADMINISTRATOR = 19
    SETUP_NEEDED = 20
    SETUP_INVALID = 21
    PASSWORD_NEEDED = 22
    LIMIT_REACHED = 23
    ARCHIVED = 24
    FILE_TOO_LARGE = 25

    NOT_A_MEMBER = 100
    BAD_SIGNATURE = 101
    UNKNOWN_DEVICE = 102
    BAD_TEXT = 103
    TOO_LARGE = 104
    NO_SUCH_TARGET = 105
    TARGET_NOT_YOURS = 106
    AUTHOR_DISABLED = 107
    UNSUPPORTED_KIND = 108
    TOO_MANY_CHANGES = 109
    ROOM_ARCHIVED = 110
    ROOM_DELETED = 111
    BAD_HEADER = 112
    AUTHOR_REVOKED = 113

    DISK_FULL = 200
    LOG_FULL = 201
    USER_QUOTA = 202
    CONTENTS_MISSING = 203


class RoomKind(enum.IntEnum):
    """PUBLIC: listed for everybody, and everybody may join. PRIVATE: its members alone see it and invite others.
    DIRECT: between two users, who cannot leave it."""

    PUBLIC = 1
    PRIVATE = 2
    DIRECT = 3


class HistoryPolicy(enum.IntEnum):
    """What a member may read: everything, or what was said since joining."""

    EVERYTHING = 1
    SINCE_JOINING = 2


class Role(enum.IntEnum):
    """What an account may do, each role more than the one before. MODERATOR: delete messages of others, manage rooms as
    a member of them, make registration codes. ADMINISTRATOR: manage accounts and all rooms."""

    MEMBER = 1
    MODERATOR = 2
    ADMINISTRATOR = 3


class PresenceState(enum.IntEnum):
    """OFFLINE: the user has no session. ONLINE: the person is at the computer in at least one of them, AWAY: in
    none."""

    OFFLINE = 0
    ONLINE = 1
    AWAY = 2


class Registration(enum.IntEnum):
    """Who may make an account after the first. CLOSED: administrators alone, INVITE: whoever has a registration code,
    OPEN: everybody."""

    CLOSED = 0
    INVITE = 1
    OPEN = 2


class Setup(enum.IntEnum):
    """Who may make the first account, the administrator's: NONE when there are accounts, HERE: whoever uses this
    connection (it comes from the server's computer), CODE: who has the set-up code that the server shows."""

    NONE = 0
    HERE = 1
    CODE = 2
