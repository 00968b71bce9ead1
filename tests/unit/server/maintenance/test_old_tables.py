"""Old tables from CSV and SQL: which column is which, encodings, times."""

from datetime import UTC

import pytest

from lanchat_server.maintenance.importing.tables import (
    MESSAGES,
    USERS,
    Columns,
    OldTable,
    TableError,
    decode_untrusted,
    read_untrusted,
)
from lanchat_server.maintenance.importing.times import TimeReader

MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"


def fields(octets: bytes | str, kind: OldTable = USERS, columns: Columns | None = None) -> list[dict[str, str]]:
    octets = octets.encode() if isinstance(octets, str) else octets
    columns = columns or Columns("csv")
    return [row.fields for row in read_untrusted(decode_untrusted(octets, columns), kind, columns)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_csv_in_each_form(delimiter: str, encoding: str) -> None:
    lines = [["id", "Login", "PASSWORD", "e-mail"], ["1", "Анна", MD5, "a@b.example"], ["2", '"x ""y"""', MD5, ""]]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    assert fields(text.encode(encoding)) == [
        {"id": "1", "name": "Анна", "password": MD5, "email": "a@b.example"},
        {"id": "2", "name": 'x "y"', "password": MD5, "email": ""},
    ]


def test_given_columns_and_charset() -> None:
    columns = Columns("csv", {"name": "Кто", "password": "x"}, charset="koi8-r")
    assert fields("кто,x\nАнна,1\n".encode("koi8-r"), columns=columns) == [{"name": "Анна", "password": "1"}]


@pytest.mark.parametrize("charset", [None, "utf-8", "UTF-8", "utf8"])
@pytest.mark.parametrize("rest", ["", ",\udcff\udcd8"])
def test_byte_order_mark_is_no_part_of_the_first_name(charset: str | None, rest: str) -> None:
    octets = f"\ufeffname,password\nИван,b{rest}\n".encode("utf-8", "surrogateescape")
    if charset and rest:
        with pytest.raises(TableError):
            fields(octets, columns=Columns("csv", charset=charset))
    else:
        assert fields(octets, columns=Columns("csv", charset=charset)) == [{"name": "Иван", "password": "b"}]


def test_csv_without_a_line_of_names() -> None:
    columns = Columns("csv", {"name": "2", "password": "3"})
    assert fields(f"1,anna,{MD5}\n2,boris,{MD5},more\n3,short\n", columns=columns) == [
        {"name": "anna", "password": MD5},
        {"name": "boris", "password": MD5},
        {"name": "short"},
    ]
    for wrong in ({"name": "0", "password": "3"}, {"name": "2"}):
        with pytest.raises(TableError):
            fields("1,anna,x\n", columns=Columns("csv", wrong))


def test_sql_takes_the_table_of_its_kind() -> None:
    dump = f"""SET NAMES cp1251;
        INSERT INTO rooms (id, name) VALUES (1, 'general');
        INSERT INTO sessions (username, password) VALUES ('no', 'no');
        INSERT INTO users (id, username, pass) VALUES (1, 'Анна', '{MD5}');
        INSERT INTO messages (sender_id, message, `date`) VALUES (1, 'Привет', NULL);"""
    octets = dump.encode("cp1251")
    assert fields(octets, USERS, Columns("sql")) == [{"id": "1", "name": "Анна", "password": MD5}]
    assert fields(octets, MESSAGES, Columns("sql")) == [{"author_id": "1", "text": "Привет"}]
    assert fields(octets, USERS, Columns("sql", table="sessions")) == [{"name": "no", "password": "no"}]


def test_dump_that_says_utf8_and_is_not() -> None:
    octets = b"SET NAMES utf8;INSERT INTO users (name,password,x) VALUES ('\xff','b','c')"
    assert fields(octets, USERS, Columns("sql")) == [{"name": "\udcff", "password": "b"}]


def test_dump_of_utf8_with_a_picture_in_it() -> None:
    octets = "INSERT INTO users (name,password,ava) VALUES ('Иван','b',_binary '".encode() + b"\xff\xd8\xfe')"
    assert fields(octets, USERS, Columns("sql")) == [{"name": "Иван", "password": "b"}]


@pytest.mark.parametrize(
    ("octets", "columns"),
    [
        (b"", Columns("csv")),
        (b"a,b\n1,2\n", Columns("csv")),
        (b'name,password\n"x,y\n', Columns("csv")),
        (b"\0\0\0", Columns("csv")),
        (b"\xff\xfe\x00", Columns("csv")),
        (b"name,password\n\xff", Columns("csv", charset="ascii")),
        (b"name,password\n", Columns("csv", charset="nonsense")),
        (b"", Columns("sql")),
        (b"INSERT INTO other (a) VALUES (1);", Columns("sql")),
        (b"INSERT INTO users (a) VALUES (1);", Columns("sql", table="users")),
        (b"INSERT INTO users VALUES (1);", Columns("sql", table="users")),
        (b"INSERT INTO users (name,password) VALUES ('a','b'),(", Columns("sql")),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(octets: bytes, columns: Columns) -> None:
    with pytest.raises(TableError) as raised:
        fields(octets, USERS, columns)
    assert str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1700000000", 1_700_000_000_000),
        ("1700000000123", 1_700_000_000_123),
        ("2009-02-13 23:31:30", 1_234_567_890_000),
        ("2009-02-13T23:31:30Z", 1_234_567_890_000),
        ("2009-02-14 02:31:30+03:00", 1_234_567_890_000),
        ("2009-02-13 23:31:30.250", 1_234_567_890_250),
        ("13.02.2009 23:31:30", 1_234_567_890_000),
        ("13.02.2009 23:31", 1_234_567_860_000),
        ("20090213233130", 1_234_567_890_000),
        ("", 5),
        ("yesterday", None),
        ("0000-00-00 00:00:00", None),
        ("1900-01-01", None),
        ("9999-12-31 23:59:59", 253_402_300_799_000),
    ],
)
def test_time(text: str, ms: int | None) -> None:
    assert TimeReader(UTC).read(text, 5) == ms
