"""Targets: what people type, paste or configure. The input is the text's UTF-8; octets that are none are replaced."""

import argparse
import contextlib
import io
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lanchat.cli.options import parse
from lanchat.protocol import limits
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text import cleaning as texts
from lanchat.protocol.text import identity, markup, names, reactions, search_words
from lanchat.protocol.text.links import links
from lanchat_server.cli import main
from lanchat_server.core.accounts import recovery
from lanchat_server.core.ports import StoreError
from lanchat_server.logs import redact
from lanchat_server.store.connection.url import parse_url
from tests.fuzz import letter
from tests.fuzz.target import Never, Target, rule


def _text(octets: bytes) -> str:
    """Lone surrogates come from file names and environments: octets that are no UTF-8 become such."""
    return octets.decode("utf-8", "surrogateescape")


# --- Identities and addresses ---------------------------------------------------------------------------------------


def _invite_link(octets: bytes) -> None:
    text = _text(octets)
    invite = identity.parse_invite_untrusted(text)
    assert "@" not in text, "a link that names one host and leads to another one"
    assert 0 < invite.port < 65536
    assert 0 < len(invite.host) <= identity.HOST_MAX
    assert len(bytes.fromhex(invite.fingerprint)) == 32
    assert not any(char.isspace() or char in "@/?#" for char in invite.host)
    assert len(invite.also) < identity.ADDRESSES_MAX
    link = identity.make_invite(invite.host, invite.port, invite.fingerprint, [host for host, _port in invite.also])
    again = identity.parse_invite_untrusted(link)
    assert again[:3] == invite[:3]
    assert {host for host, _port in again.also} >= {host for host, _port in invite.also} - {invite.host}
    assert len(identity.fingerprint_words(invite.fingerprint).split()) == identity.WORD_COUNT


def _address(octets: bytes) -> None:
    text = _text(octets)
    host, port = identity.parse_address(text, identity.DEFAULT_PORT)
    assert "@" not in text, "an address that names one host and leads to another one"
    assert 0 < port < 65536
    assert 0 < len(host) <= identity.HOST_MAX
    assert host.isprintable()
    assert not any(char.isspace() or char in "@/?#" for char in host)


def _fingerprint(octets: bytes) -> None:
    digits = identity.clean_fingerprint(_text(octets))
    assert len(bytes.fromhex(digits)) == 32
    assert digits == identity.clean_fingerprint(digits)


# --- Names and codes ------------------------------------------------------------------------------------------------

_CLEANERS: tuple[tuple[Callable[[str], str], int], ...] = (
    (names.clean_user_name, limits.USER_NAME_MAX),
    (names.clean_room_name, limits.ROOM_NAME_MAX),
    (names.clean_display_name, limits.DISPLAY_NAME_MAX),
    (names.clean_email, limits.EMAIL_MAX),
)


def _name(octets: bytes) -> None:
    """A name that one of the readers takes is clean for good, and shown as it is."""
    text = _text(octets)
    shown = names.inert(text)
    assert not any(char in shown for char in "\n\r\0\x1b\u202e\u2066\u2028")
    assert names.inert(shown) == shown
    taken = 0
    for clean, longest in _CLEANERS:
        try:
            name = clean(text)
        except ProtocolError:
            continue
        taken += 1
        assert clean(name) == name, "a clean name is not clean"
        assert 0 < len(name) <= longest
        assert not letter.INVISIBLE & set(name), "a name with a letter that nobody sees"
        assert names.inert(name, 300) == name, "a clean name that may not be shown"
        assert names.name_key(name).encode()
    if not taken:
        raise ProtocolError("no name at all")


def _cleaned(octets: bytes) -> None:
    """Cleaning once is enough, and what is cleaned is taken."""
    text = _text(octets)[:20_000]
    cleaned = texts.clean_text(text)
    assert texts.clean_text(cleaned) == cleaned, "cleaning again changes a text"
    if not texts.SURROGATE.search(cleaned):
        names.check_text(cleaned, len(cleaned))
        letter.check_text(cleaned)
    assert len(texts.clean_line(text).splitlines()) <= 1
    tidy = names.tidy_name(text)
    assert names.tidy_name(tidy) == tidy, "tidying again changes a name"
    assert names.name_key(tidy) == names.name_key(texts.IGNORED.sub("", tidy)), "a name that only looks like another"
    form = reactions.normal_reaction(text)
    assert reactions.normal_reaction(form) == form, "a reaction with two forms"


def _links(octets: bytes) -> None:
    text, last = _text(octets)[:20_000], 0
    for link in links(text):
        assert last <= link.start < link.end <= len(text)
        assert not any(char.isspace() for char in text[link.start : link.end])
        last = link.end


def _markup(octets: bytes) -> None:
    """What is shown are parts of the text in their order, and what is left out are marks."""
    text, last, left_out = _text(octets)[:20_000], 0, []
    for paragraph in markup.paragraphs(text):
        assert last <= paragraph.start <= paragraph.end <= len(text)
        assert 0 <= paragraph.depth <= markup.DEPTH_MAX
        for span in (*((paragraph.marker,) if paragraph.marker else ()), *paragraph.spans):
            assert last <= span.start < span.end <= paragraph.end
            left_out.append(text[last : span.start])
            last = span.end
        if paragraph.kind is not markup.ParagraphKind.CODE:
            left_out.append(text[last : paragraph.end])
        last = paragraph.end
    assert last == len(text)
    if "```" not in text:  # a fence names its language
        assert set("".join(left_out)) <= set("*_`> \t\n"), "something was left out that is no mark"
    assert len(markup.visible(text)) <= len(text)


def _password(octets: bytes) -> None:
    text = _text(octets)
    names.check_password(text)
    assert limits.PASSWORD_MIN_CHARACTERS <= len(text) <= limits.PASSWORD_OCTETS_MAX


def _code(octets: bytes) -> None:
    """Codes as typed: two spellings of one code are one code, whatever stands there."""
    text = _text(octets)
    code = recovery.normalise_code(text)
    plain = "".join(char for char in text if char.isascii() and char.isalnum())[:16]
    assert recovery.normalise_code(" ".join(plain)) == plain.upper() == recovery.normalise_code("-".join(plain))
    for digest in (recovery.code_hash(b"l" * 16, 1, text), recovery.invite_hash(b"l" * 16, text)):
        assert len(digest) == 32
    right = recovery.new_recovery(b"l" * 16, 1, "12345678", 0)
    assert recovery.is_right(right, b"l" * 16, text, 1) == (code == "12345678")


def _search_words(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace")[:20_000]
    found = search_words.words(text)
    assert all(word.isascii() and word.isalnum() and word.islower() for word in found)
    assert all(len(word) <= search_words.WORD_MAX for word in found)
    assert len(search_words.tokens(text)) <= 65_535
    query = text[: limits.SEARCH_CHARACTERS_MAX]
    assert search_words.has_words(search_words.tokens(query), search_words.query_words(query)) == bool(
        search_words.query_words(query)
    )


def _log_line(octets: bytes) -> None:
    """What a library writes into the log with our secret in it, a stranger's text before and behind it."""
    text = octets.decode("utf-8", "replace")[:4000]
    assert _SECRET not in redact(f"{text}\nmysql://lanchat:{_SECRET}@host/name {text}")
    assert _SECRET not in redact(f"{text}\npassword='{_SECRET}' {text}")
    shown = names.inert(redact(text), 8192)
    assert "\n" not in shown


def _database_url(octets: bytes) -> None:
    """A password is in no error and in nothing that is shown, as long as it stands nowhere else in the URL."""
    text = _text(octets).replace("SECRET", _SECRET)
    try:
        address = parse_url(text, Path("/nowhere"))
    except StoreError as error:
        rule(_SECRET not in str(error) or not _AS_PASSWORD.match(text), "a password in an error")
        raise
    if _AS_PASSWORD.match(text):
        assert _SECRET not in f"{address} {address!r}", "a password in what is shown"


_SECRET = "hunter2"
_AS_PASSWORD = re.compile(f"(?!.*{_SECRET}.*{_SECRET})[a-z]+://[^:/?#@]*:{_SECRET}@", re.DOTALL)


# --- Command lines --------------------------------------------------------------------------------------------------


class UsageError(Exception):
    """The command line was refused in one line, with exit code 2."""


def _command_line(octets: bytes, read: Callable[[list[str]], argparse.Namespace]) -> None:
    """Arguments are separated by NUL, as in /proc."""
    argv = _text(octets).split("\0")[:40]
    out, complaint = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaint):
            read(argv)
    except SystemExit as end:
        if end.code in (None, 0):
            assert out.getvalue()
            return
        rule(end.code == 2, "another exit code")
        rule(complaint.getvalue().count("\n") == 1, "a complaint of several lines")
        raise UsageError from None


def _client_line(octets: bytes) -> None:
    _command_line(octets, parse)


def _server_line(octets: bytes) -> None:
    _command_line(octets, _server_parser().parse_args)


@cache
def _server_parser() -> argparse.ArgumentParser:
    return main.server_parser()


def _texts(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode("utf-8", "surrogatepass") for text in texts]


_FINGERPRINT = "0123456789abcdef" * 4
_NAMES = (
    "anna", "Анна Б.", "#x", "a@b.c", "\U0001f469\u200d\U0001f680", "e\u0301", "\ufb01", "ไทย", "x" * 64, "an\u3164na",
)  # fmt: skip
TARGETS = (
    Target(
        "invite-link",
        _invite_link,
        ProtocolError,
        _texts(
            f"lanchat://office.example:47400/#{_FINGERPRINT}",
            f"lanchat://[fe80::1]:1/#{_FINGERPRINT.upper()}",
            f" lanchat://10.0.0.1:65535#{_FINGERPRINT}\n",
            f"lanchat://office.example@10.0.0.1:1/#{_FINGERPRINT}",
        ),
    ),
    Target(
        "address",
        _address,
        ProtocolError,
        _texts("host", "host:1", "[::1]:47400", "::1", "10.0.0.1:80", "ü.de", "a@b:1"),
    ),
    Target(
        "fingerprint",
        _fingerprint,
        ProtocolError,
        _texts(_FINGERPRINT, ":".join(_FINGERPRINT[i : i + 2] for i in range(0, 64, 2)), "AB " * 32),
    ),
    Target("name", _name, ProtocolError, _texts(*_NAMES)),
    Target(
        "cleaned-text",
        _cleaned,
        Never,
        _texts(
            *_NAMES,
            "\u202d1,234\u202c\x0b\x1b[31mred\u2028",
            "5\ufe0f\u20e3\u2764",
            "\u05d0\u200e\u0634\u200c\u0634",
            "\udc80",
        ),
    ),
    Target(
        "links",
        _links,
        Never,
        _texts("(https://a.example/b_(c)), \u201chttp://[::1]/\u201d lanchat://h:1/#f https://a\u3092 'https://b.c/d'"),
    ),
    Target(
        "markup",
        _markup,
        Never,
        _texts("**b** _i_ `c` > q\n> *a **b***\n- x\n1) y\n```py\nz\n```\nhttps://a.example/(_b_).", "*_`" * 30),
    ),
    Target("password", _password, ProtocolError, _texts("correct horse", "пароль пароль", "\ud800" * 9, "x" * 512)),
    Target("code", _code, Never, _texts("12345678", "１２３４ ５６７８", "ABCD-EFGH-JKMN-PQRS", "abcd il0o", "٣")),
    Target(
        "search-words", _search_words, Never, _texts("hello world", "Привет, мир", "東京タワー", "ß ﬁ İ ı", "a" * 200)
    ),
    Target("log-line", _log_line, Never, _texts("plain", "http://a:b@c", "token = x", "password:", '"secret": "y"')),
    Target(
        "database-url",
        _database_url,
        StoreError,
        _texts(
            "mysql://lanchat:SECRET@host:3306/name?ssl_ca=x",
            "sqlite:///a/b.db",
            "mariadb://u:SECRET@[::1]/n",
            "x://",
            "mysql://u:SECRET@h1:3306,[::1]:3307,h3/n",
        ),
    ),
    Target(
        "client-arguments",
        _client_line,
        UsageError,
        _texts(
            "send\0general\0Hello",
            "--server\0host:1\0history\0general\0--limit\x0010",
            f"--invite\0lanchat://h:1/#{_FINGERPRINT}\0listen\0--json",
            "--language=ru\0--timeout=0.5\0rooms\0--help",
        ),
        examples=20,
    ),
    Target(
        "server-arguments",
        _server_line,
        UsageError,
        _texts(
            "run\0--name\0Office\0--port\x000",
            "--database\0mysql://u:p@h/n\0init-db\0--admin-url\0mysql://r:p@h/",
            "users\0add\0anna\0--role\0moderator\0--email\0a@b.c",
            "users\0invite-code\0--uses\x0020\0--days\x007\0--json",
        ),
        examples=30,
    ),
)
