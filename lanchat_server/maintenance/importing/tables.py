"""Tables of the original program as files: CSV or an SQL dump, in any encoding and with any column names. Pure.

Which column is which is told by its name; `Columns.given` says it where that does not do.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Literal, NamedTuple

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.cleaning import SURROGATE
from lanchat_server.maintenance.importing.sqldump import DumpError, declared_charset, read_dump_untrusted

Format = Literal["csv", "sql"]
FORMATS: tuple[Format, ...] = ("csv", "sql")
# Of a row; the longest text of MySQL that people write into has 64 KiB.
_FIELD_MAX = 16 << 20
_SNIFFED = 64 * 1024
# Tried in this order where nobody says which it is.
_BEYOND_ASCII = re.compile(r"[\0-\x7f]+")
_ENCODINGS = ("utf-8-sig", "cp1251")


class OldRow(NamedTuple):
    """A row by the names of fields; what is missing or NULL is left out. `line`: where it stands in the file."""

    line: int
    fields: dict[str, str]


class OldTable(NamedTuple):
    """A kind of table: its possible names, and of each field the possible names of its column, in lower case. `needed`:
    of each of these groups the table has at least one field."""

    tables: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    needed: tuple[tuple[str, ...], ...]


USERS = OldTable(
    ("users", "user", "accounts", "account", "members", "member", "clients", "tbl_users", "tbl_user", "logins"),
    {
        "id": ("id", "user_id", "userid", "uid", "id_user"),
        "name": ("username", "user_name", "login", "name", "nick", "nickname", "user", "account"),
        "password": (
            "password",
            "pass",
            "passwd",
            "pwd",
            "password_md5",
            "md5",
            "md5_password",
            "password_hash",
            "hash",
        ),
        "email": ("email", "e_mail", "mail", "e-mail"),
        "display_name": ("display_name", "displayname", "full_name", "fullname", "realname", "real_name", "fio"),
    },
    (("name",), ("password",)),
)
NAMES = USERS._replace(needed=(("id",), ("name",)))
MESSAGES = OldTable(
    ("messages", "message", "chat", "chats", "history", "log", "tbl_messages", "tbl_message", "posts", "msgs"),
    {
        "author": (
            "author",
            "sender",
            "from",
            "from_user",
            "username",
            "user_name",
            "user",
            "login",
            "nick",
            "nickname",
            "name",
        ),
        "author_id": (
            "author_id",
            "sender_id",
            "from_id",
            "user_id",
            "userid",
            "uid",
            "id_user",
            "from_user_id",
            "id_sender",
        ),
        "room": ("room", "channel", "room_name", "chat", "conference", "group"),
        "to": ("to", "receiver", "recipient", "to_user", "addressee"),
        "to_id": ("to_id", "receiver_id", "recipient_id", "to_user_id", "id_receiver"),
        "text": ("message", "text", "body", "msg", "content", "message_text"),
        "time": (
            "time",
            "date",
            "datetime",
            "timestamp",
            "created_at",
            "created",
            "sent_at",
            "sent",
            "send_time",
            "date_time",
            "dt",
        ),
    },
    (("author", "author_id"), ("text",)),
)


class TableError(ProtocolError):
    """The file is not one that can be imported; `str` says why, in English."""


class Columns(NamedTuple):
    """What the person says of the file. `given`: field to column; of CSV without a line of names, to the number of the
    column, from 1. `table`, `charset` None: find out."""

    format: Format
    given: Mapping[str, str] = {}
    table: str | None = None
    charset: str | None = None


def format_of(file: PurePath) -> Format:
    """By the name of the file."""
    return "sql" if file.suffix.lower() in (".sql", ".dump") else "csv"


def decode_untrusted(octets: bytes, columns: Columns) -> str:
    """The text of the file: in the encoding that the person names, or the dump, or UTF-8 where it is, else
    Windows-1251. Raises TableError."""
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode(octets, "utf-16")
    if columns.charset:
        return _decode(octets, columns.charset)
    declared = declared_charset(octets) if columns.format == "sql" else None
    if declared and declared != "utf-8":
        return _decode(octets, declared)
    try:
        return octets.decode(_ENCODINGS[0])
    except UnicodeDecodeError:
        # A dump of UTF-8 may have octets of other columns in it, as pictures.
        text = octets.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        return text if declared or _is_mostly(text) else octets.decode(_ENCODINGS[1], "replace")


def _is_mostly(text: str) -> bool:
    """Whether there are more characters outside of ASCII than octets that are no UTF-8."""
    beyond = _BEYOND_ASCII.sub("", text)
    return len(beyond) > 2 * len(SURROGATE.findall(beyond))


def _decode(octets: bytes, charset: str) -> str:
    try:
        return octets.decode(charset).removeprefix("\ufeff")
    except (UnicodeError, LookupError):
        raise TableError(f"not {charset}") from None


def read_untrusted(text: str, kind: OldTable, columns: Columns) -> Iterator[OldRow]:
    """The rows of the table of this kind. Raises TableError, also while rows are taken."""
    try:
        yield from _read_csv(text, kind, columns) if columns.format == "csv" else _read_sql(text, kind, columns)
    except (csv.Error, DumpError) as error:
        raise TableError(str(error)) from error


def has_table(text: str, kind: OldTable, columns: Columns) -> bool:
    """Whether a dump has a table of this kind. Raises TableError."""
    try:
        next(read_untrusted(text, kind, columns), None)
    except TableError as error:
        if isinstance(error.__cause__, DumpError):
            raise
        return False
    return True


def _read_csv(text: str, kind: OldTable, columns: Columns) -> Iterator[OldRow]:
    csv.field_size_limit(_FIELD_MAX)
    if "\0" in text:
        raise TableError("line 1: this is no text")
    reader = csv.reader(io.StringIO(text, newline=""), _dialect(text), strict=True)
    if columns.given and all(column.isascii() and column.isdecimal() for column in columns.given.values()):
        names = tuple(str(number) for number in range(1, 1 + max(int(column[:4]) for column in columns.given.values())))
    else:
        header = next(reader, None)
        if header is None:
            raise TableError("the file is empty")
        names = tuple(name.strip().lower() for name in header)
    fields = _fields(names, kind, columns)
    if fields is None:
        raise TableError(f"line 1: {_missing(kind)} is not among the columns {', '.join(names)[:200]}")
    for values in reader:
        if values:
            yield OldRow(reader.line_num, _named(fields, values))


def _dialect(text: str) -> type[csv.Dialect]:
    """Commas, semicolons or tabs, whichever the first line has most of."""
    first = text[:_SNIFFED].partition("\n")[0]

    class FoundDialect(csv.excel):
        delimiter = max(",;\t|", key=first.count)

    return FoundDialect


def _read_sql(text: str, kind: OldTable, columns: Columns) -> Iterator[OldRow]:
    chosen = columns.table.lower() if columns.table else None
    seen: dict[str, tuple[str, ...] | None] = {}
    for row in read_dump_untrusted(text):
        seen.setdefault(row.table, row.columns)
        if chosen is None and _fits(row.table, row.columns, kind, columns):
            chosen = row.table
        if row.table != chosen:
            continue
        fields = _fields(row.columns or (), kind, columns)
        if fields is None:
            named = (
                "says nothing of its columns" if row.columns is None else f"has the columns {', '.join(row.columns)}"
            )
            raise TableError(f"line {row.line}: {_missing(kind)} is missing: the table {chosen} {named}"[:300])
        yield OldRow(row.line, _named(fields, row.values))
    if chosen is None or chosen not in seen:
        raise TableError(f"no such table among {', '.join(seen)[:200] or 'none'}: say its name")


def _fits(table: str, names: tuple[str, ...] | None, kind: OldTable, columns: Columns) -> bool:
    """A table of another name is none, although it may have such columns."""
    return table in kind.tables and names is not None and _fields(names, kind, columns) is not None


def _fields(names: tuple[str, ...], kind: OldTable, columns: Columns) -> dict[str, int] | None:
    """Field to place of its column; None: one that is needed is not there."""
    found: dict[str, int] = {}
    for field, known in kind.fields.items():
        wanted = (columns.given[field].lower(),) if field in columns.given else known
        place = next((names.index(name) for name in wanted if name in names), None)
        if place is not None and place not in found.values():
            found[field] = place
    return found if all(any(field in found for field in fields) for fields in kind.needed) else None


def _missing(kind: OldTable) -> str:
    return " and ".join(" or ".join(fields) for fields in kind.needed)


def _named(fields: dict[str, int], values: "tuple[str | None, ...] | list[str]") -> dict[str, str]:
    named = {field: values[place] for field, place in fields.items() if place < len(values)}
    return {field: value for field, value in named.items() if value is not None}
