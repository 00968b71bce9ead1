"""Targets: tables of other programs, which an administrator was given. The first octet chooses what is read for."""

from collections.abc import Callable

from lanchat_server.maintenance.importing.sqldump import DumpError, read_dump_untrusted
from lanchat_server.maintenance.importing.tables import (
    MESSAGES,
    NAMES,
    USERS,
    Columns,
    Format,
    TableError,
    decode_untrusted,
    read_untrusted,
)
from tests.fuzz.target import Target

_KINDS = (USERS, MESSAGES, NAMES)
_CHARSETS = (None, "cp1251", "utf-8", "utf-16", "koi8-r")
_DUMP = rb"""/*!40101 SET NAMES utf8 */; -- it's
CREATE TABLE `users` (`id` int DEFAULT '1,\'x' COMMENT 'a''b', `name` varchar(9), `password` char(32), KEY (`id`));
INSERT INTO `users` VALUES (1,'O\'B''r\\',"d""q"),(2,NULL,0x41),(-3.5e2,_utf8'z',b'101');
REPLACE INTO db.users (name, id) VALUES ('q' 'r', 7) ON DUPLICATE KEY UPDATE name='x;y';
DELIMITER ;;
CREATE TRIGGER x BEGIN END ;;
DELIMITER ;
PRAGMA x; INSERT INTO "messages" (sender, message) VALUES('c:\', replace('a\nb','\n',char(10)));
"""
_TABLE = 'Login;Password;e-mail\r\nАнна;5f4dcc3b5aa765d61d8327deb882cf99;"a""b"\r\n\r\nx\r\n'


def _dump(octets: bytes) -> None:
    """What comes out was in there: no row is made up, and none stands beyond the end."""
    text = octets.decode("utf-8", "surrogateescape")
    lines, last = text.count("\n") + 1, 1
    for row in read_dump_untrusted(text):
        assert last <= row.line <= lines
        last = row.line
        assert row.columns is None or len(row.columns) == len(row.values)


def _table(format_: Format) -> Callable[[bytes], None]:
    def run(octets: bytes) -> None:
        choice = octets[0] if octets else 0
        kind, charset = _KINDS[choice % len(_KINDS)], _CHARSETS[choice // len(_KINDS) % len(_CHARSETS)]
        columns = Columns(format_, charset=charset)
        try:
            for row in read_untrusted(decode_untrusted(octets[1:], columns), kind, columns):
                assert row.fields.keys() <= kind.fields.keys()
        except TableError as error:
            if "\n" in str(error):
                raise AssertionError("an error of several lines") from error
            raise

    return run


TARGETS = (
    Target("sql-dump", _dump, DumpError, lambda: [_DUMP, *_DUMP.splitlines()], octets_max=4096),
    Target(
        "sql-table", _table("sql"), TableError, lambda: [b"\0" + _DUMP, b"\1" + _DUMP, b"\2" + _DUMP], octets_max=4096
    ),
    Target(
        "csv-table",
        _table("csv"),
        TableError,
        lambda: [b"\0" + _TABLE.encode(), b"\3" + _TABLE.encode("cp1251"), b"\x0a" + _TABLE.encode("utf-16")],
        octets_max=4096,
    ),
)
