"""The server's configuration: sources of each value, their precedence, and messages about invalid ones."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.i18n import set_language
from lanchat.protocol.codes import Registration
from lanchat.protocol.datagram.beacon import DISCOVERY_PORT
from lanchat_server.config import SETTINGS, ConfigError, ServerConfig, default_data_dir, default_name, load, read_file

EVERYTHING = """
name = "Office"
host = "192.0.2.1"
port = 4711
public_host = "chat.example,[2001:db8::1]"
database = "mysql://chat:secret@db/chat"
data-dir = "state"
json = true
standby = true
reseed = true

[discovery]
enabled = false
port = 5000

[registration]
mode = "invite"

[logging]
json = false
level = "warning"

[metrics]
port = 9000

[backup]
folder = "backups"
keep = 3
time = "23:45"

[limits]
message_rate = 5
message_burst = 20
total_rate = 250.5
sessions_per_user = 3
sessions_total = 100
unauthenticated_max = 16
edits_per_message = 20
reactions_per_message = 30
rooms_total = 40
rooms_per_day = 50
accounts_per_day = 60
invites_per_day = 70
user_octets_per_day = 80
log_octets = 90
disk_reserve_mib = 7
file_octets = 11
user_file_octets = 12
total_file_octets = 13
files_reserve_mib = 14

[passwords]
memory_kib = 65536
time_cost = 3
parallelism = 4
workers = 1

[smtp]
host = "mail.example"
port = 2525
user = "robot"
password = "mail secret"
sender = "chat@mail.example"
security = "plain"
"""


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "server.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_without_configuration() -> None:
    config = load({}, None, {})
    assert config == ServerConfig(name=default_name(), data_dir=default_data_dir())
    assert (config.port, config.discovery_port, config.discovery) == (47400, DISCOVERY_PORT, True)
    assert (config.database, config.smtp, config.metrics_port) == (None, None, 0)
    assert config.registration is Registration.OPEN


def test_file_sets_every_setting(tmp_path: Path) -> None:
    config = load({}, written(tmp_path, EVERYTHING), {})
    plain = load({}, None, {})
    changed = {name for name in ServerConfig.__slots__ if getattr(config, name) != getattr(plain, name)}
    assert changed == set(ServerConfig.__slots__) - {"json_logs"}
    assert (config.data_dir, config.backup_folder) == (tmp_path / "state", tmp_path / "backups")
    assert config.registration is Registration.INVITE
    assert config.smtp is not None
    assert (config.smtp.port, config.smtp.security) == (2525, "plain")
    assert (config.argon2.memory_kib, config.argon2.workers) == (65536, 1)


def test_example_contains_every_setting(tmp_path: Path) -> None:
    # `no_discovery` and `discovery_port` are the command line's names for what [discovery] says.
    fields = set(read_file(written(tmp_path, EVERYTHING)))
    assert fields == set(SETTINGS.values())


def test_precedence_is_command_line_environment_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 1\nname = "file"\ndatabase = "mysql://file@h/d"')
    environment = {"LANCHAT_DATABASE": "mysql://environment@h/d"}
    assert load({}, file, {}).database == "mysql://file@h/d"
    assert load({}, file, {"LANCHAT_DATABASE": ""}).database == "mysql://file@h/d"
    assert load({}, file, environment).database == "mysql://environment@h/d"
    config = load({"database": "mysql://typed@h/d", "port": 2}, file, environment)
    assert (config.database, config.port, config.name) == ("mysql://typed@h/d", 2, "file")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("no-discovery = true", "discovery", False),
        ("no_discovery = false", "discovery", True),
        ("discovery = false", "discovery", False),
        ("discovery-port = 99", "discovery_port", 99),
        ('registration = "closed"', "registration", Registration.CLOSED),
        ('[registration]\nmode = "Closed"', "registration", Registration.CLOSED),
        ("[logging]\njson = true", "json_logs", True),
        ("json = true", "json_logs", True),
        ("json = true\n[logging]\njson = false", "json_logs", False),
        ('database = "sqlite:////srv/chat.db"', "database", "sqlite:////srv/chat.db"),
    ],
)
def test_each_notation_is_parsed(tmp_path: Path, text: str, field: str, value: object) -> None:
    assert getattr(load({}, written(tmp_path, text), {}), field) == value


@pytest.mark.parametrize(("security", "port"), [("", 587), ("security = 'starttls'", 587), ("security = 'tls'", 465)])
def test_mail_port_defaults_to_that_of_its_security(tmp_path: Path, security: str, port: int) -> None:
    text = f'[smtp]\nhost = "mail.example"\nsender = "chat@mail.example"\n{security}'
    smtp = load({}, written(tmp_path, text), {}).smtp
    assert smtp is not None
    assert (smtp.port, smtp.user) == (port, "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("colour = 1", "there is no setting colour"),
        ("[limits]\nmessage_rat = 1", "there is no setting limits.message_rat"),
        ("[nonsense]\nname = 1", "there is no setting nonsense"),
        ("name = 5", "name must be a text"),
        ('name = " "', "name must be a name of 1 to 64 characters"),
        ('name = "\\u202e"', "name must be a name of 1 to 64 characters"),
        ('name = "a\\ue000b"', "name must be a name without U+E000"),
        ("port\u00a0= 1", "U+00A0 NO-BREAK SPACE stands in line 1, column 5"),
        ("host = 'a'\n\u200bport = 1", "U+200B ZERO WIDTH SPACE stands in line 2, column 1"),
        ('port = "47400"', "port must be a whole number from 0 to 65535"),
        ("port = true", "port must be a whole number from 0 to 65535"),
        ("port = 65536", "port must be a whole number from 0 to 65535"),
        ("discovery = 1", "discovery.enabled must be true or false"),
        *(
            (f"[limits]\n{name} = {value}", f"limits.{name} must be a number from 0.001 to 1000000")
            for name in ("message_rate", "total_rate")
            for value in ("0", "-1", "nan", "inf", "-inf", "1e-9", "1000001", "1e300", "1" + 400 * "0", "'5'", "true")
        ),
        ("[limits]\nunauthenticated_max = 4097", "limits.unauthenticated_max must be a whole number from 1 to 4096"),
        ("[limits]\nsessions_total = 0", "limits.sessions_total must be a whole number from 1 to 1000000"),
        ("[passwords]\nmemory_kib = 1024", "passwords.memory_kib must be a whole number from 19456 to"),
        ('[logging]\nlevel = "loud"', "logging.level must be one of debug, info, warning, error"),
        ('registration = "maybe"', "registration.mode must be one of open, invite, closed"),
        ("registration = 1", "registration.mode must be one of open, invite, closed"),
        ("[logging]\nlevel = 1", "logging.level must be one of debug, info, warning, error"),
        ("data_dir = 1", "data_dir must be a path"),
        ("no_discovery = 0", "no_discovery must be true or false"),
        ("[smtp]\nsecurity = 'ssl'", "smtp.security must be one of starttls, tls, plain"),
        ("[smtp]\nport = 0", "smtp.port must be a whole number from 1 to 65535"),
        ("[smtp]\npassword = 5", "smtp.password must be a text"),
        ("[limits]\nlog_octets = -1", "limits.log_octets must be a whole number from 0 to 1152921504606846976"),
        ('database = "postgres://u:hush@h/d"', "database must be a database URL such as"),
        ('data_dir = ""', "data_dir must be a path"),
        ("name = ", "is not valid TOML"),
        ('[smtp]\nsender = "a@b"', "smtp.host is missing"),
        ('[smtp]\nhost = "mail.example"', "smtp.sender is missing"),
        ('[smtp]\nhost = "mail.example"\nsender = ""', "smtp.sender is missing"),
        *(
            (f"[smtp]\nhost = 'mail.example'\nsender = '{sender}'", "smtp.sender must be an e-mail address such as")
            for sender in ("bad", "@mail.example", "chat@", "a@b, c@d", "Chat <chat>", "a b@mail.example <", "(" * 3000)
        ),
    ],
)
def test_invalid_file_is_refused_with_its_name_and_the_key(tmp_path: Path, text: str, complaint: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load({}, file, {})
    message = str(refused.value)
    assert str(file) in message
    assert complaint in message
    assert "\n" not in message
    assert "hush" not in message


COUNTS = """edits_per_message reactions_per_message rooms_total rooms_per_day accounts_per_day invites_per_day
message_burst sessions_per_user sessions_total unauthenticated_max user_octets_per_day log_octets disk_reserve_mib
file_octets user_file_octets total_file_octets files_reserve_mib"""

INVALID_COUNTS = [
    "-1",
    "1.5",
    "1e3",
    "inf",
    "nan",
    "'7'",
    "''",
    "true",
    "[1]",
    "{}",
    "1979-05-27",
    "1" + 40 * "0",
    "9" * 5000,
]


@pytest.mark.parametrize("name", COUNTS.split())
@pytest.mark.parametrize("value", INVALID_COUNTS)
def test_invalid_count_is_refused_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({}, written(tmp_path, f"[limits]\n{name} = {value}"), {})
    message = str(refused.value).replace(str(tmp_path), "")
    # A number that no reader takes is refused by its place.
    assert f"limits.{name} must be a whole number from" in message or "is not valid TOML: " in message
    assert len(message) < 120
    assert "\n" not in message


@pytest.mark.parametrize("guide", ["USER_GUIDE.md", "USER_GUIDE.ru.md"])
def test_guide_shows_the_defaults(tmp_path: Path, guide: str) -> None:
    """Limits, costs and logging of its example are those of a server without a file."""
    text = (Path(__file__).parents[3] / "docs" / guide).read_text(encoding="utf-8")
    (example,) = (block for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[limits]" in block)
    config, plain = load({}, written(tmp_path, example), {}), load({}, None, {})
    made_up = {"name", "data_dir", "database", "smtp", "backup_folder"}
    assert {name for name in ServerConfig.__slots__ if getattr(config, name) != getattr(plain, name)} == made_up
    shown = set(read_file(written(tmp_path, example)))
    assert shown == set(SETTINGS.values())


def test_mail_sender_may_have_a_name(tmp_path: Path) -> None:
    text = '[smtp]\nhost = "mail.example"\nsender = "LAN Chat <chat@mail.example>"'
    smtp = load({}, written(tmp_path, text), {}).smtp
    assert smtp is not None
    assert smtp.sender == "LAN Chat <chat@mail.example>"


def test_file_of_any_editor_is_read(tmp_path: Path) -> None:
    text = 'name = "Büro"\r\nhost = "\u200e127.0.0.1"\r\nport = 4711\r\n[smtp]\r\nhost = "mail\u200b.example"\r\n'
    text += 'sender = "\u202achat@example.org\u202c"\r\npassword = " a\u200b b "\r\n'
    file = tmp_path / "server.toml"
    file.write_bytes(text.encode("utf-8-sig"))
    config = load({}, file, {})
    assert (config.name, config.host, config.port) == ("Büro", "127.0.0.1", 4711)
    assert config.smtp is not None
    assert (config.smtp.host, config.smtp.sender) == ("mail.example", "chat@example.org")
    assert config.smtp.password == " a\u200b b "
    file.write_bytes(text.encode("utf-16"))
    with pytest.raises(ConfigError, match="is not valid TOML: it is in UTF-16: save it as UTF-8"):
        load({}, file, {})


def test_missing_or_undecodable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load({}, tmp_path / "none.toml", {})
    file = tmp_path / "octets.toml"
    file.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load({}, file, {})


def test_invalid_variable_is_refused_without_its_value() -> None:
    with pytest.raises(ConfigError, match="LANCHAT_DATABASE must be a database URL") as refused:
        load({}, None, {"LANCHAT_DATABASE": "oracle://u:hush@h"})
    assert "hush" not in str(refused.value)


def test_printed_configuration_contains_no_password(tmp_path: Path) -> None:
    config = load({}, written(tmp_path, EVERYTHING), {})
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"port": 65536}, "--port must be a whole number from 0 to 65535"),
        ({"port": "80"}, "--port must be a whole number from 0 to 65535"),
        ({"discovery": 1}, "--no-discovery must be true or false"),
        ({"data_dir": 5}, "--data-dir must be a path"),
        ({"log_level": "loud"}, "--log-level must be one of debug, info, warning, error"),
    ],
)
def test_invalid_option_is_refused_by_its_name(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(options, None, {})
    assert str(refused.value) == complaint


def test_errors_are_reported_in_russian(tmp_path: Path) -> None:
    set_language("ru")
    file = written(tmp_path, "[limits]\nmessage_rate = 0")
    with pytest.raises(ConfigError) as refused:
        load({}, file, {})
    assert str(refused.value) == f"{file}: limits.message_rate: ожидается число от 0.001 до 1000000"


def test_every_setting_type_has_its_own_error_text(tmp_path: Path) -> None:
    """A value of another type is refused in one line that names what is expected."""
    for key in SETTINGS:
        section, _dot, name = key.rpartition(".")
        text = f"[{section}]\n{name} = 1979-05-27" if section else f"{name} = 1979-05-27"
        with pytest.raises(ConfigError, match=rf"{re.escape(key)} must be [a-z]") as refused:
            load({}, written(tmp_path, text), {})
        assert "\n" not in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="each user has a home folder there")
def test_user_without_a_home_folder_needs_a_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError

    for variable in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert load({"data_dir": tmp_path}, None, {}).data_dir == tmp_path
    assert load({}, written(tmp_path, "data_dir = '/srv/chat'"), {}).data_dir == Path("/srv/chat")
    with pytest.raises(ConfigError, match="--data-dir"):
        load({}, None, {})
