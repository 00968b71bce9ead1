"""docs/PROTOCOL.md defines each term once, lists each limit, and refers to nothing that does not exist."""

import re
from collections import Counter

import msgspec
import pytest

from lanchat.core.config import ClientConfig
from lanchat.protocol import limits as wire_limits
from lanchat.protocol.codes import Code
from lanchat.protocol.limits import Limits
from lanchat.protocol.log.messages import Kind
from lanchat_server.core.config import CoreConfig
from tests.vectors import limits, outcomes
from tests.vectors.make import FOLDER, VECTORS
from tests.vectors.refused import SMALL_ORDER
from tests.vectors.tables import DOCUMENT

TEXT = DOCUMENT.read_text(encoding="utf-8")
# Fields of CoreConfig that no client can notice apart from others, or that Limits announce.
INTERNAL = {
    *("batch_max", "batch_octets"),
    *("gather", "gather_crowd", "gather_receiver", "gather_longest", "gather_enough", "ahead_enough"),
    *("queue_octets", "hold_max", "hold_octets", "hold_fresh", "recent_per_room", "recent_octets", "fetches_max"),
    *("expect_interval", "progress_max", "peer_ends_max"),
    *("quarantine_max", "quarantine_octets", "quarantine_author_max", "quarantine_author_octets"),
}
# Fields of ClientConfig of this computer alone.
LOCAL = {
    *("reorder_max", "pull_retry", "submit_octets", "adopt_after", "adopt_every", "stored_max", "marks_after"),
    *("doubt_nacks", "doubt_every", "silent_ping_every", "away_after", "renew_retry", "store_retry"),
    *("aside_octets", "users_max", "rooms_max", "entries_max", "folded_max"),
}


def named(rows: list[limits.Row]) -> list[str]:
    return [name for row in rows for name in row.names.split()]


def fields(config: type[msgspec.Struct]) -> set[str]:
    return set(config.__struct_fields__)


def glossary() -> list[str]:
    part = TEXT.split("## Glossary")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in part.splitlines() if line.startswith("| ")]
    return [term.replace("`", "") for row in rows[2:] for term in row.split(", ")]


def test_glossary_has_each_term_once() -> None:
    terms = glossary()
    assert len(terms) > 20
    assert [term for term, count in Counter(terms).items() if count > 1] == []


def test_each_term_of_the_glossary_is_used() -> None:
    body = TEXT.split("## 1. Encoding")[1].lower()
    stems = {term: term.lower().removeprefix("to ").removesuffix("e") for term in glossary()}
    # "handed in", "names its message"
    roots = {"to hand in": "handed in", "name of a message": "name its message"}
    assert [term for term, stem in stems.items() if roots.get(term, stem) not in body] == []


@pytest.mark.parametrize("word", ["incarnation", "filler of", "comes unasked", "either way", "None", "False"])
def test_unclear_words_are_absent(word: str) -> None:
    assert word not in TEXT


def test_document_does_not_refer_to_itself() -> None:
    assert "docs/PROTOCOL.md" not in TEXT


def test_referenced_sections_exist() -> None:
    there = set(re.findall(r"^## (\d+)\.", TEXT, re.MULTILINE))
    assert there == {str(number) for number in range(1, len(there) + 1)}
    assert set(re.findall(r"section (\d+)", TEXT)) <= there


def test_each_bound_of_the_wire_is_in_the_table() -> None:
    constants = {name for name in vars(wire_limits) if name.isupper() and not name.startswith("_")}
    assert constants - set(named(limits.FIXED)) == set()


def test_each_announced_limit_is_in_the_table() -> None:
    assert named(limits.ANNOUNCED) == list(Limits.__struct_fields__)


def test_each_core_setting_is_in_the_table_or_internal() -> None:
    assert fields(CoreConfig) - set(named(limits.SERVER)) - set(named(limits.ANNOUNCED)) == INTERNAL


def test_each_client_setting_is_in_the_table_or_local() -> None:
    assert fields(ClientConfig) - set(named(limits.REFERENCE)) == LOCAL


def test_small_order_points_are_listed() -> None:
    part = TEXT.split("## 2. Keys and signatures")[1].split("## 3. Messages")[0]
    listed = re.findall(r"^    ([0-9a-f]{64})$", part, re.MULTILINE)
    signless = {(int.from_bytes(key, "little") & (2**255 - 1)).to_bytes(32, "little").hex() for key in SMALL_ORDER}
    assert set(listed) == signless


def test_each_vector_file_is_described() -> None:
    part = TEXT.split("## 14. Vectors")[1]
    assert set(re.findall(r"^\| `(\w+)\.json`", part, re.MULTILINE)) == set(VECTORS)
    assert {path.stem for path in FOLDER.glob("*.json")} == set(VECTORS)


def test_each_message_code_is_in_the_outcome_table() -> None:
    shown = outcomes.outcomes_table()
    assert [code.name for code in Code if code >= 100 and f"`{code.name}`" not in shown] == []


def test_target_codes_match_the_outcome_table() -> None:
    text, erased, change, below, none, zero = outcomes.TARGETS
    refused = {Code.NO_SUCH_TARGET}
    for kind in outcomes.CHANGES:
        for target in (change, below, none):
            assert {outcomes.target_code(kind, target, who) for who in outcomes.WHO} == refused
        expected = {0} if kind is Kind.TEXT else refused
        for target in (erased, zero):
            assert {outcomes.target_code(kind, target, who) for who in outcomes.WHO} == expected
    theirs = [[outcomes.target_code(kind, text, who) for who in outcomes.WHO] for kind in outcomes.CHANGES]
    other = Code.TARGET_NOT_YOURS
    assert theirs == [[0, 0, 0], [0, other, other], [0, other, 0], [0, 0, 0]]
