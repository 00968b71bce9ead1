"""Reading SQL dumps: quoting, escapes, comments, forms of statements, encodings, damage."""

import pytest

from lanchat_server.maintenance.importing.sqldump import DumpError, declared_charset, read_dump_untrusted

MYSQLDUMP = r"""/*!999999\- enable the sandbox mode */
-- MySQL dump 10.13  Distrib 5.5.62; it's old
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
DROP TABLE IF EXISTS `users`;
CREATE TABLE IF NOT EXISTS `users` (
  `id` int(11) NOT NULL AUTO_INCREMENT, # it's a number
  `name` varchar(32) DEFAULT 'a,b;''c' COMMENT 'x''s (y\'',
  `key` enum('a','b'), PRIMARY KEY (`id`), KEY `k` (`name`(10)), FULLTEXT KEY `f` (`name`)
) ENGINE=MyISAM DEFAULT CHARSET=cp1251;
LOCK TABLES `users` WRITE;
/*!40000 ALTER TABLE `users` DISABLE KEYS */;
INSERT INTO `users` VALUES (1,'O\'Brien ''x'' ""y"" \\ \n;-- no /* no','a'),(2,NULL,0x4142),(-3.5e2,_utf8'z',b'101');
INSERT INTO old.users (name, `id`) VALUES ('q' 'r', 7) ON DUPLICATE KEY UPDATE name='x;y';
DELIMITER ;;
CREATE TRIGGER x BEFORE INSERT ON users FOR EACH ROW BEGIN INSERT INTO users VALUES (99,'no','no'); END ;;
DELIMITER ;
replace into users values (4,"d""q 'w'",true);
INSERT INTO users SELECT * FROM others WHERE name = 'x;';
UNLOCK TABLES;
"""


def rows(text: str) -> list[tuple[str | None, ...]]:
    return [row.values for row in read_dump_untrusted(text)]


def test_mysqldump_with_everything() -> None:
    found = list(read_dump_untrusted(MYSQLDUMP))
    assert {row.table for row in found} == {"users"}
    assert [row.columns for row in found] == [("id", "name", "key")] * 3 + [("name", "id"), ("id", "name", "key")]
    assert [row.values for row in found] == [
        ("1", 'O\'Brien \'x\' ""y"" \\ \n;-- no /* no', "a"),
        ("2", None, "AB"),
        ("-3.5e2", "z", "5"),
        ("qr", "7"),
        ("4", "d\"q 'w'", "1"),
    ]
    assert [row.line for row in found] == [13, 13, 13, 14, 18]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"'a\'b'", "a'b"),
        (r"'a\\'", "a\\"),
        (r"'a\\\'b'", "a\\'b"),
        (r"'\0\b\n\r\t\Z'", "\0\b\n\r\t\x1a"),
        (r"'100\%\_'", r"100\%\_"),
        (r"'\q'", "q"),
        ("''", ""),
        ("''''", "'"),
        ("'a''''b'", "a''b"),
        ('"a""b"', 'a"b'),
        ('"it\'s"', "it's"),
        ("'line\nline'", "line\nline"),
        ("'Привет 😀'", "Привет 😀"),
        ("N'x'", "x"),
        ("_binary 'x'", "x"),
        ("_binary 0x41", "A"),
        ("X'4142'", "AB"),
        ("x''", ""),
        ("0xD09F", "П"),
        ("b'0'", "0"),
        ("0b11", "3"),
        ("NULL", None),
        ("DEFAULT", None),
        ("-1", "-1"),
        (".5", ".5"),
        ("1e10", "1e10"),
        ("TRUE", "1"),
        ("/* c */ 5 -- x\n", "5"),
        ("replace('a\\\\nb','\\\\n',char(10))", "a\nb"),
        ("unistr('\\\\u041f\\\\U0001f600')", "П😀"),
    ],
)
def test_value(written: str, meant: str | None) -> None:
    assert rows(f"INSERT INTO t VALUES ({written},'end')") == [(meant, "end")]


def test_backslashes_of_sqlite_and_of_no_backslash_escapes() -> None:
    assert rows(r"""PRAGMA foreign_keys=OFF; INSERT INTO "t" VALUES(1,'c:\'),(2,'d');""") == [("1", "c:\\"), ("2", "d")]
    text = r"SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES'; INSERT INTO t VALUES('c:\');"
    assert rows(text) == [("c:\\",)]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1",
        "INSERT INTO t VALUES ('a",
        "INSERT INTO t VALUES ('a\\'",
        "/* x",
        "CREATE TABLE t (a int",
        "INSERT INTO t(a) VALUES (1,2)",
        "INSERT INTO t VALUES (now())",
        "INSERT INTO t VALUES (a)",
        "INSERT INTO t VALUES (" + "_a " * 5000,
        "INSERT INTO t VALUES (" + "char(" * 5000,
        "SELECT 'x",
        "INSERT INTO `t",
        "INSERT INTO",
    ],
)
def test_damage_is_named_with_its_line(text: str) -> None:
    with pytest.raises(DumpError) as raised:
        rows("-- a comment\n\n" + text)
    assert str(raised.value).startswith("line 3: ")


@pytest.mark.parametrize(
    "text", ["", ";;;", "-- only\n", "random words 'and text'", "\x00\x01", "--x", "DELIMITER //\nfoo"]
)
def test_what_has_no_rows(text: str) -> None:
    assert rows(text) == []


def test_value_that_fills_the_memory_is_refused() -> None:
    """Functions within each other multiply; a number of more than 4,300 digits cannot be written by Python."""
    nested = "'" + "a" * 1000 + "'"
    for _ in range(4):
        nested = f"replace({nested}, 'a', '{'a' * 1000}')"
    for value in (nested, "b'" + "1" * 100_000 + "'"):
        with pytest.raises(DumpError, match="no constant"):
            rows(f"INSERT INTO t VALUES ({value});")


@pytest.mark.parametrize(
    ("head", "charset"),
    [
        (b"/*!40101 SET NAMES cp1251 */;", "cp1251"),
        (b"SET NAMES 'utf8mb4';", "utf-8"),
        (b"set names utf8;", "utf-8"),
        (b"/*!40101 SET NAMES binary */;", None),
        (b"-- nothing", None),
    ],
)
def test_declared_charset(head: bytes, charset: str | None) -> None:
    assert declared_charset(b"-- dump\n" + head) == charset
