"""The tables, as queries see them. What creates them is db/versions; a test compares the two.

Times are milliseconds since 1970-01-01 UTC in BIGINT columns named `…_ms`: the server time of a record is part of a
hash and must come back exactly, from either database. The view `messages` shows them as dates, with names, for people.

Binary columns hold ids, keys, hashes and signatures. `name_key` is the form in which two names are the same; it is
compared octet by octet, so that no collation of a database has a say in who is who.
"""

from typing import Any

from sqlalchemy import (
    BINARY,
    VARBINARY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

# The revision in db/versions that makes these tables.
REVISION = "0004"
NAME_KEY_OCTETS = 3072  # what InnoDB indexes at most; 64 code points have less than 2,200 octets after NFKC

metadata = MetaData()
_big = BigInteger()
_serial = BigInteger().with_variant(Integer(), "sqlite")
_exact_text = Text(collation="utf8mb4_bin").with_variant(Text(), "sqlite")


def _fixed(octets: int) -> TypeEngine[bytes]:
    return BINARY(octets).with_variant(LargeBinary(), "sqlite")


def _octets(most: int) -> TypeEngine[bytes]:
    return VARBINARY(most).with_variant(LargeBinary(), "sqlite")


def _required(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, nullable=False)


log = Table(
    "log",
    metadata,
    Column("id", Integer(), primary_key=True, autoincrement=False),
    _required("log_id", _fixed(16)),
    _required("epoch", _big),
)

# `changes`: counts transactions since the lease was taken, from a random number. `identity`: of the keys of
# the server that had it last (service/lifecycle/standby.py); empty: none had. `serves_ms`: it stops serving when it has
# not changed the lease for so long; 0: it goes on. `standby`: who waits to take over, and looked last at `standby_ms`.
lease = Table(
    "lease",
    metadata,
    Column("id", Integer(), primary_key=True, autoincrement=False),
    _required("incarnation", _big),
    _required("changes", _big),
    _required("holder", String(255)),
    _required("taken_ms", _big),
    _required("renewed_ms", _big),
    _required("identity", _octets(32)),
    _required("serves_ms", _big),
    _required("standby", String(255)),
    _required("standby_ms", _big),
)

# `id`: see AccountWrites.add_user. `number`, `revoked_number`: of statements (core/directory/statements.py).
users = Table(
    "users",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=False),
    _required("name", String(64)),
    _required("name_key", _octets(NAME_KEY_OCTETS)),
    _required("display_name", String(128)),
    _required("email", String(320)),
    _required("password_hash", String(255)),
    _required("role", SmallInteger()),
    _required("disabled", Boolean()),
    _required("created_ms", _big),
    _required("last_seen_ms", _big),
    _required("pending_email", String(320)),
    _required("email_from_ms", _big),
    _required("number", _big),
    UniqueConstraint("name_key", name="users_name_key"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", _fixed(16), primary_key=True),
    Column("user_id", _serial, ForeignKey("users.id", name="devices_user"), nullable=False),
    _required("public_key", _fixed(32)),
    _required("name", String(128)),
    _required("created_ms", _big),
    _required("last_seen_ms", _big),
    _required("revoked_ms", _big),
    _required("certificate", _octets(1024)),
    _required("certificate_signature", _fixed(64)),
    _required("revoked_number", _big),
    UniqueConstraint("public_key", name="devices_public_key"),
    Index("devices_user_id", "user_id"),
)

# `state`: see core.model.RoomState. The row of a deleted room stays, without its name, so that its id is not used
# again, and with its memberships, so that messages for it are answered.
rooms = Table(
    "rooms",
    metadata,
    Column("id", _big, primary_key=True, autoincrement=False),
    _required("name", String(128)),
    _required("name_key", _octets(NAME_KEY_OCTETS)),
    _required("kind", SmallInteger()),
    _required("history", SmallInteger()),
    _required("creator_id", _big),
    _required("created_ms", _big),
    _required("head_seq", _big),
    _required("head_hash", _fixed(32)),
    _required("head_ms", _big),
    _required("state", SmallInteger()),
    _required("number", _big),
    UniqueConstraint("name_key", name="rooms_name_key"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("room_id", _big, ForeignKey("rooms.id", name="memberships_room"), primary_key=True, autoincrement=False),
    Column("user_id", _serial, ForeignKey("users.id", name="memberships_user"), primary_key=True, autoincrement=False),
    _required("joined_ms", _big),
    _required("first_seq", _big),
    _required("received_seq", _big),
    _required("read_seq", _big),
    Index("memberships_user_id", "user_id"),
)

# Loses rows with their room alone; a deletion sets `body` to NULL. `ref_seq`: the record that this one speaks of, 0 for
# none.
records = Table(
    "records",
    metadata,
    Column("room_id", _big, primary_key=True, autoincrement=False),
    Column("seq", _big, primary_key=True, autoincrement=False),
    _required("time_ms", _big),
    _required("author_id", _big),
    _required("device_id", _fixed(16)),
    _required("run", _big),
    _required("n", _big),
    _required("kind", SmallInteger()),
    _required("ref_seq", _big),
    _required("header", _octets(128)),
    _required("signature", _fixed(64)),
    Column("body", _exact_text, nullable=True),
    _required("body_hash", _fixed(32)),
    _required("hash", _fixed(32)),
    UniqueConstraint("room_id", "device_id", "run", "n", name="records_message"),
    Index("records_ref", "room_id", "ref_seq", "kind"),
    sqlite_with_rowid=False,
)

rejections = Table(
    "rejections",
    metadata,
    Column("room_id", _big, primary_key=True, autoincrement=False),
    Column("device_id", _fixed(16), primary_key=True),
    Column("run", _big, primary_key=True, autoincrement=False),
    Column("n", _big, primary_key=True, autoincrement=False),
    _required("code", Integer()),
    _required("time_ms", _big),
    sqlite_with_rowid=False,
)

# Messages of authors who were shut out, that others handed in (core/sequencing/quarantine.py): until an administrator
# takes or drops them. `brought_id`: the user who handed it in.
quarantine = Table(
    "quarantine",
    metadata,
    Column("room_id", _big, primary_key=True, autoincrement=False),
    Column("device_id", _fixed(16), primary_key=True),
    Column("run", _big, primary_key=True, autoincrement=False),
    Column("n", _big, primary_key=True, autoincrement=False),
    _required("author_id", _big),
    _required("brought_id", _big),
    _required("brought_ms", _big),
    _required("header", _octets(128)),
    _required("signature", _fixed(64)),
    _required("body", _exact_text),
    sqlite_with_rowid=False,
)

# Contents of files that are here whole, in the folder `files` beside the database (store/contents.py).
contents = Table(
    "contents",
    metadata,
    Column("root", _fixed(32), primary_key=True),
    _required("size", _big),
    _required("sha256", _fixed(32)),
    _required("stored_ms", _big),
)

# Which records name them.
content_uses = Table(
    "content_uses",
    metadata,
    Column("root", _fixed(32), primary_key=True),
    Column("room_id", _big, primary_key=True, autoincrement=False),
    Column("seq", _big, primary_key=True, autoincrement=False),
    _required("author_id", _big),
    Index("content_uses_record", "room_id", "seq"),
    Index("content_uses_author", "author_id"),
)

# Who brought them last and has named them in no message yet.
uploads = Table(
    "uploads",
    metadata,
    Column("root", _fixed(32), primary_key=True),
    Column("user_id", _big, primary_key=True, autoincrement=False),
    _required("time_ms", _big),
    Index("uploads_user", "user_id"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column(
        "user_id", _serial, ForeignKey("users.id", name="recovery_codes_user"), primary_key=True, autoincrement=False
    ),
    _required("code_hash", _octets(64)),
    _required("not_after_ms", _big),
    _required("tries", Integer()),
)

invites = Table(
    "invites",
    metadata,
    Column("code_hash", _octets(64), primary_key=True),
    _required("uses_left", Integer()),
    _required("not_after_ms", _big),
    _required("creator_id", _big),
)

# What is used of the room for messages, and of what somebody may make within a day: `amount` is octets of the log
# (core/limits/usage.py), else the time at which all is free again, in microseconds (core/limits/allowance.py).
used = Table(
    "used",
    metadata,
    Column("what", SmallInteger(), primary_key=True, autoincrement=False),
    Column("name", _octets(64), primary_key=True),
    _required("amount", _big),
)

room_keys = Table(
    "room_keys",
    metadata,
    Column("room_id", _big, ForeignKey("rooms.id", name="room_keys_room"), primary_key=True, autoincrement=False),
    _required("number", _big),
    _required("room_key", _octets(64)),
    _required("not_after_ms", _big),
)

# The present words of text messages, encoded by lanchat/protocol/text/search_words.py; a full-text index lies over
# `tokens` in either database. `time_ms`: the server's time of the message, or of the earliest record after it where the
# clock was set back since; so it never goes down from one number to the next.
search = Table(
    "search",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    _required("room_id", _big),
    _required("seq", _big),
    _required("time_ms", _big),
    _required("tokens", _exact_text),
    UniqueConstraint("room_id", "seq", name="search_record"),
)

# One row. `version`: the rules by which all of `search` was indexed; `building`: those by which it is being indexed
# anew, 0 for none: rooms below `room_id` are done, of that one the records from `seq` up. No row: nobody knows.
search_state = Table(
    "search_state",
    metadata,
    Column("id", Integer(), primary_key=True, autoincrement=False),
    _required("version", Integer()),
    _required("building", Integer()),
    _required("room_id", _big),
    _required("seq", _big),
)

# The records of a room up to `seq` are in `search` (searching/filling.py); no row: none is.
search_heads = Table(
    "search_heads",
    metadata,
    Column("room_id", _big, primary_key=True, autoincrement=False),
    _required("seq", _big),
)
