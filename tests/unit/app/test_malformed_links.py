"""Invite links as pasted from mails, chats and clipboards: parsed when complete, else refused with a message."""

import pytest

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.identity import InviteLink, parse_invite_untrusted, tidy_address
from lanchat.ui.kit.fields.forms import address_problem
from tests.support.ui_desk import Workbench

DIGITS = "ab" * 32
LINK = f"lanchat://192.0.2.7:47400/#{DIGITS}"
OTHER = f"lanchat://192.0.2.8:47400/#{'cd' * 32}"
CUT = "not complete"
SEVERAL = "several invite links"
VERSION = "another version"
LONG = "too long"
BROKEN = "damaged"

COMPLETE = {
    "uppercase scheme": f"LANCHAT://192.0.2.7:47400/#{DIGITS}",
    "mixed scheme": f"Lanchat://192.0.2.7:47400/#{DIGITS}",
    "uppercase digits": f"lanchat://192.0.2.7:47400/#{DIGITS.upper()}",
    "words around": f"Here it is: {LINK} \u2013 see you, Bob",
    "words on other lines": f"Hello,\n\n{LINK}\n\nadd me, Abe",
    "full stop behind": f"{LINK}.",
    "comma and word behind": f"{LINK}, please",
    "brackets": f"(invite: <{LINK}>)",
    "markdown": f"[our chat]({LINK})",
    "quotation marks": f"\u00ab{LINK}\u00bb",
    "line break in the digits": LINK[:60] + "\r\n" + LINK[60:],
    "indented line break of a mail": LINK[:60] + "\r\n  " + LINK[60:],
    "invisible marks": f"\u2066{LINK[:9]}\u200b{LINK[9:40]}\u202a{LINK[40:]}\u2069\ufeff",
    "full-width": "".join(chr(ord(char) + 0xFEE0) for char in LINK),
    "twice the same": LINK + LINK,
    "twice the same with a blank": f"{LINK} {LINK.upper()}",
    "cut, then whole": f"{LINK[:50]}{LINK}",
    "later version's query": f"lanchat://192.0.2.7:47400/?new=1#{DIGITS}",
    "later version's fragment": f"{LINK}&v=2",
    "escaped ampersand": f"lanchat://192.0.2.7:47400/?a=1&amp;b=2#{DIGITS}",
    "blank behind the scheme": f"lanchat: //192.0.2.7:47400/#{DIGITS}",
}


@pytest.mark.parametrize("text", COMPLETE.values(), ids=COMPLETE)
def test_reads_link_however_it_was_pasted(text: str) -> None:
    assert address_problem(text) == ""
    tidied = tidy_address(text)
    assert tidy_address(tidied) == tidied
    assert parse_invite_untrusted(tidied) == InviteLink("192.0.2.7", 47400, DIGITS)


def test_reads_percent_encoded_zone_between_words() -> None:
    text = f"my link: LANCHAT://[FE80::1%25eth0]:47400/?also=[fe80::2%25wlan0]:1#{DIGITS} ok?"
    expected = InviteLink("fe80::1%eth0", 47400, DIGITS, (("fe80::2%wlan0", 1),))
    assert parse_invite_untrusted(tidy_address(text)) == expected


REFUSED = {
    "nothing behind the scheme": ("lanchat://", CUT),
    "cut in the address": ("lanchat://192.0.2", CUT),
    "cut before the port": ("lanchat://192.0.2.7", CUT),
    "cut before the digits": ("lanchat://192.0.2.7:47400/", CUT),
    "cut at the hash": ("lanchat://192.0.2.7:47400/#", CUT),
    "one digit short": (LINK[:-1], CUT),
    "cut, with words behind": (f"{LINK[:60]} \u2026 see you", CUT),
    "shortened by an ellipsis": (f"{LINK[:50]}\u2026", CUT),
    "a digit too many": (f"{LINK}a", BROKEN),
    "letters that are no digits": (f"lanchat://192.0.2.7:47400/#{'xy' * 32}", BROKEN),
    "no port": (f"lanchat://192.0.2.7/#{DIGITS}", BROKEN),
    "port that is none": (f"lanchat://192.0.2.7:99999/#{DIGITS}", BROKEN),
    "host that is none": (f"lanchat://a..b:1/#{DIGITS}", BROKEN),
    "zone that is none": (f"lanchat://[fe80::1%25e%2Fth]:1/#{DIGITS}", BROKEN),
    "host with a user": (f"lanchat://trusted@192.0.2.7:1/#{DIGITS}", BROKEN),
    "two different links": (LINK + OTHER, SEVERAL),
    "two different links in a sentence": (f"{LINK} or {OTHER}", SEVERAL),
    "other path": (f"lanchat://192.0.2.7:47400/v2#{DIGITS}", VERSION),
    "other scheme": (f"lanchat2://192.0.2.7:47400/#{DIGITS}", VERSION),
    "other scheme with a plus": (f"see LANCHAT+quic://192.0.2.7:47400/#{DIGITS}", VERSION),
    "huge host": (f"lanchat://{'h' * 5000}:1/#{DIGITS}", LONG),
    "huge query": (f"lanchat://h:1/?x={'y' * 100_000}#{DIGITS}", LONG),
    "huge nonsense": ("lanchat://" * 20_000, LONG),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_reports_what_is_wrong_with_a_link(text: str, reason: str) -> None:
    problem = address_problem(text)
    assert reason in problem
    assert len(problem.splitlines()) == 1
    assert len(problem) < 200
    with pytest.raises(ProtocolError):
        parse_invite_untrusted(tidy_address(text))
    bench = Workbench()
    bench.flow.connect(text)
    assert bench.engine.calls == []
    assert reason in bench.entry.error


def test_host_named_lanchat_is_an_address() -> None:
    assert address_problem("lanchat:47400") == ""
    assert parse_invite_untrusted(f"lanchat://lanchat:47400/#{DIGITS}").host == "lanchat"
    assert tidy_address(f"lanchat://lanchat:47400/#{DIGITS}") == f"lanchat://lanchat:47400/#{DIGITS}"


def test_text_naming_the_program_is_no_link() -> None:
    assert "not an address" in address_problem("use lanchat, please")
