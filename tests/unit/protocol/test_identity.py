"""Fingerprints, invite links, addresses."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.identity import (
    ADDRESSES_MAX,
    INVITE_MAX,
    InviteLink,
    clean_fingerprint,
    fingerprint_words,
    make_invite,
    parse_address,
    parse_invite_untrusted,
)
from lanchat.protocol.text.wordlist import WORDS

FINGERPRINT = bytes(range(32)).hex()
FINGERPRINTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
PORTS = st.integers(1, 65535)
HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{1,9}){0,3}", fullmatch=True),
    st.just("fe80::1%eth0"),
)


def test_word_list_and_words_of_a_fingerprint() -> None:
    assert len(WORDS) == len(set(WORDS)) == 256
    assert list(WORDS) == sorted(WORDS)
    assert all(word.isascii() and word.isalpha() and word.islower() and 4 <= len(word) <= 8 for word in WORDS)
    assert fingerprint_words(FINGERPRINT) == " ".join(WORDS[:8])


@given(one=FINGERPRINTS, other=FINGERPRINTS)
def test_words_encode_the_first_64_bits(one: str, other: str) -> None:
    assert (fingerprint_words(one) == fingerprint_words(other)) == (one[:16] == other[:16])


def test_pasted_fingerprints_are_parsed() -> None:
    colons = ":".join(FINGERPRINT[i : i + 2] for i in range(0, 64, 2)).upper()
    for text in (FINGERPRINT, FINGERPRINT.upper(), colons, f" {FINGERPRINT[:32]} {FINGERPRINT[32:]}\n"):
        assert clean_fingerprint(text) == FINGERPRINT
    for text in ("", FINGERPRINT[1:], FINGERPRINT + "0", "g" + FINGERPRINT[1:], "٣" * 64, "0x" + FINGERPRINT[2:]):
        with pytest.raises(ProtocolError):
            clean_fingerprint(text)


# Invite links


@given(host=HOSTS, port=PORTS, fingerprint=FINGERPRINTS)
def test_link_contains_address_and_fingerprint(host: str, port: int, fingerprint: str) -> None:
    link = make_invite(host, port, fingerprint)
    assert link.isascii()
    assert len(link) <= INVITE_MAX
    assert parse_invite_untrusted(f" {link}\n") == InviteLink(host, port, fingerprint)


@given(hosts=st.lists(HOSTS, min_size=1, max_size=12, unique=True), port=PORTS, fingerprint=FINGERPRINTS)
def test_link_contains_further_addresses(hosts: list[str], port: int, fingerprint: str) -> None:
    link = make_invite(hosts[0], port, fingerprint, hosts[1:])
    assert link.isascii()
    assert len(link) <= INVITE_MAX
    also = tuple((host, port) for host in hosts[1:ADDRESSES_MAX])
    assert parse_invite_untrusted(link) == InviteLink(hosts[0], port, fingerprint, also)


def test_further_addresses_of_a_link_are_parsed_and_bounded() -> None:
    link = f"lanchat://a:1/?also=b&also=[fe80::1%25eth0]:3&later=x&also=a:1&also=b#{FINGERPRINT}"
    assert parse_invite_untrusted(link) == InviteLink("a", 1, FINGERPRINT, (("b", 1), ("fe80::1%eth0", 3)))
    many = "&".join(f"also=h{number}" for number in range(100))
    assert len(parse_invite_untrusted(f"lanchat://a:1/?{many}#{FINGERPRINT}").also) == ADDRESSES_MAX - 1
    for query in ("also=", "also=x@y", "also=a:0", "also=[::1", "also=a/b", "also=a b", "also=a?b", "also", "&"):
        with pytest.raises(ProtocolError):
            parse_invite_untrusted(f"lanchat://a:1/?{query}#{FINGERPRINT}")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("fe80::1%eth0", "fe80::1%eth0", 7),
        ("[fe80::1%eth0]:9", "fe80::1%eth0", 9),
        ("[fe80::1%25eth0]:9", "fe80::1%eth0", 9),
        ("[fe80::1%3]", "fe80::1%3", 7),
        ("fe80::A%25wlan0.1", "fe80::a%wlan0.1", 7),
    ],
)
def test_addresses_with_a_zone_are_parsed(text: str, host: str, port: int) -> None:
    assert parse_address(text, 7) == (host, port)


@pytest.mark.parametrize("text", ["fe80::1%", "[fe80::1%e/th]", "host%eth0", "1.2.3.4%eth0", "fe80::1%" + "x" * 16])
def test_invalid_zones_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_address(text, 7)


@pytest.mark.parametrize(
    "link",
    [
        "",
        "lanchat://",
        f"http://host:1/#{FINGERPRINT}",
        f"lanchat://host/#{FINGERPRINT}",
        f"lanchat://host:0/#{FINGERPRINT}",
        f"lanchat://host:65536/#{FINGERPRINT}",
        f"lanchat://host:-1/#{FINGERPRINT}",
        f"lanchat://host:x/#{FINGERPRINT}",
        f"lanchat://:1/#{FINGERPRINT}",
        f"lanchat:host:1/#{FINGERPRINT}",
        "lanchat://host:1/",
        f"lanchat://host:1/#{FINGERPRINT[1:]}",
        f"lanchat://host:1/#{FINGERPRINT}0",
        f"lanchat://host:1/{FINGERPRINT}",
        f"lanchat://[::1:1/#{FINGERPRINT}",
        f"lanchat://ho st:1/#{FINGERPRINT}",
        # What would show one host and go to another, or be read in two ways.
        f"lanchat://trusted.example@evil:1/#{FINGERPRINT}",
        f"lanchat://a:b@evil:1/#{FINGERPRINT}",
        f"lanchat://evil:1/trusted.example#{FINGERPRINT}",
        f"lanchat://evil:1/?trusted#{FINGERPRINT}",
        f"lanchat://ho\nst:1/#{FINGERPRINT}",
        f"lanchat://ho\tst:1/#{FINGERPRINT}",
        f"lanchat://ho\0st:1/#{FINGERPRINT}",
        f"lanchat://ho\u202est:1/#{FINGERPRINT}",
        f"lanchat://{'h' * 254}:1/#{FINGERPRINT}",
        f"lanchat://{'h' * 500}:1/#{FINGERPRINT}",
        f"lanchat://host\uff0fevil:1/#{FINGERPRINT}",
    ],
)
def test_invalid_links_are_refused(link: str) -> None:
    with pytest.raises(ProtocolError):
        parse_invite_untrusted(link)


@settings(max_examples=300)
@given(
    link=st.one_of(
        st.text(max_size=80),
        st.tuples(st.text(max_size=12), st.text(max_size=8)).map(lambda p: f"lanchat://{p[0]}:1{p[1]}/#{FINGERPRINT}"),
        st.text(alphabet="lanch[]:/@#?%.01\\", max_size=40).map(lambda text: "lanchat://" + text),
    )
)
def test_any_link_is_parsed_or_refused(link: str) -> None:
    try:
        invite = parse_invite_untrusted(link)
    except ProtocolError:
        return
    assert 1 <= invite.port <= 65535
    assert invite.host.isprintable()
    assert parse_invite_untrusted(make_invite(*invite)) == invite


# Addresses


@given(host=HOSTS, port=PORTS)
def test_port_of_an_address_is_optional(host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    assert parse_address(f" {shown}:{port} ", 7) == (host, port)
    assert parse_address(shown, 7) == (host, 7)
    assert parse_address(host, 7) == (host, 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Server.Local", ("server.local", 7)),
        ("host:", ("host", 7)),
        ("::1", ("::1", 7)),
        ("[::1]", ("::1", 7)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
        ("сервер.рф:80", ("сервер.рф", 80)),
    ],
)
def test_typed_addresses_are_parsed(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text, 7) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ":80",
        "host:0",
        "host:65536",
        "host:x",
        "host:80:90",
        "a b",
        "a\tb",
        "host/",
        "host/x",
        "user@host",
        "host?x",
        "host?",
        "host#x",
        "host#",
        "[::1",
        "::1]",
        "[]",
        "http://host",
        "ho\x00st",
        "ho\u202est",
        "h" * 254,
    ],
)
def test_invalid_addresses_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_address(text, 7)


@settings(max_examples=300)
@given(text=st.one_of(st.text(max_size=60), st.text(alphabet="ab[]:/@#?%.019 \\", max_size=30)))
def test_any_address_is_parsed_or_refused(text: str) -> None:
    try:
        host, port = parse_address(text, 7)
    except ProtocolError:
        return
    assert 1 <= port <= 65535
    assert host
    assert host.isprintable()
    assert not any(char.isspace() for char in host)


def test_hosts_do_not_depend_on_the_unicode_version_of_python() -> None:
    """As names do: pictures of later versions are pictures, other later characters are not known."""
    assert parse_address("\U0001fae8.example", 1) == ("\U0001fae8.example", 1)
    for char in "\u0cf3\u0ece\u2ffc\u31ef":
        with pytest.raises(ProtocolError):
            parse_address(f"a{char}.example", 1)
