"""What a client keeps and bounds at the point of growth: filled far beyond its bound, and measured."""

import asyncio
import socket
import tracemalloc
from collections.abc import Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.app import account_session, api, rooms
from lanchat.cli import follow
from lanchat.cli.commands import chat
from lanchat.core import events
from lanchat.core.config import ClientConfig
from lanchat.core.ports import OutboxItem, StoredSpan
from lanchat.core.rooms.chain import Chain
from lanchat.core.rooms.heads import HeadBook
from lanchat.core.session.outbox import Outbox
from lanchat.discovery import mdns
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import Limits
from lanchat.protocol.log.messages import MessageKey
from lanchat.protocol.log.records import Head
from lanchat.store.profile import ProfileStore
from lanchat.terminal import line_editor
from lanchat.transport import udp
from lanchat.ui.kit import fonts
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields import editor as ui_editor
from lanchat.ui.model import chat_model
from lanchat.ui.settings import memory
from tests.support import local_log
from tests.support.allocated import taken
from tests.support.memory_local import MemoryLocalStore
from tests.support.stores import octets

KIB, MIB = 1 << 10, 1 << 20
CONFIG = ClientConfig()
ENTRIES = 5_000


# --- The core ---------------------------------------------------------------------------------------------------------


def test_heads_of_a_room_are_bounded() -> None:
    def fill() -> HeadBook:
        book = HeadBook(lambda head: True, CONFIG.heads_max)
        for seq in range(1, ENTRIES):
            head = Head(0, 1, seq, octets(("hash", seq), 32), 1 << 50, octets(("signature", seq), 64))
            if seq % 2:
                book.prove(head)
            else:
                book.offer(head)
        return book

    assert taken(fill) < 2 * CONFIG.heads_max * KIB


@pytest.fixture(scope="module")
def log() -> local_log.Log:
    return local_log.Log().fill(ENTRIES)


def chain(log: local_log.Log, config: ClientConfig) -> Chain:
    return Chain(local_log.LOG_ID, 1, StoredSpan(0, log.hash_at(0), 0, log.hash_at(0)), config)


def test_chain_hashes_below_the_cursor_are_bounded(log: local_log.Log) -> None:
    def fill() -> Chain:
        kept = chain(log, CONFIG)
        for link in log.links:
            kept.add_untrusted(link.record)
            kept.advance(kept.end)
        assert kept.hash_at(ENTRIES - CONFIG.recent_max) is None
        return kept

    assert taken(fill) < CONFIG.recent_max * 256


def test_unproven_records_of_pages_are_bounded(log: local_log.Log) -> None:
    """Besides the octets of the records themselves, which rooms/room_set.py counts."""
    config = ClientConfig(unproven_max=1_000)

    def fill() -> Chain:
        kept = chain(log, config)
        with pytest.raises(ProtocolError, match="too many records"):
            kept.add_page_untrusted([link.record for link in log.links])
        assert kept.end == config.unproven_max
        return kept

    assert CONFIG.unproven_max / config.unproven_max * taken(fill) < 16 * MIB


@pytest.mark.parametrize("from_below", [True, False])
def test_live_records_without_link_or_head_are_bounded(log: local_log.Log, from_below: bool) -> None:
    config = ClientConfig(reorder_max=100)

    def fill() -> Chain:
        kept = chain(log, config)
        # Without the first one all of them wait; with it they are linked, and wait for a head.
        some = log.links[:1_000] if from_below else log.links[1_000:0:-1]
        for link in some:
            kept.add_untrusted(link.record)
        assert len(kept.linked) + len(kept.waiting) <= 2 * config.reorder_max
        assert from_below or list(kept.waiting)[-1] == 2
        return kept

    assert taken(fill) < 2 * config.reorder_max * KIB


def item(n: int) -> OutboxItem:
    said = local_log.message(n, "x" * 500)
    return OutboxItem(n, local_log.key(n), said, 1)


def line(id: str, text: str) -> api.Line:
    return api.Line(id, 1, None, 1, "anna", "Anna", True, text, 0.0, 0.0)


def test_stored_messages_without_record_are_bounded() -> None:
    def fill() -> Outbox:
        outbox = Outbox(CONFIG, MemoryLocalStore(), Limits())
        for n in range(1, ENTRIES):
            outbox.add(item(n), 0.0)
            outbox.decided(wire.Receipt(*local_log.key(n), n))
            outbox.clean_up()
        return outbox

    assert taken(fill) < CONFIG.stored_max * 2 * KIB


# --- The network ------------------------------------------------------------------------------------------------------


def test_remembered_decisions_are_bounded() -> None:
    account: Any = SimpleNamespace(
        _made={}, _decided={}, book=SimpleNamespace(waits={}), _emit=lambda event: None, _changed=None
    )

    def fill() -> object:
        for n in range(2 * account_session.DECIDED_MAX):
            key = MessageKey(1 << 40, octets("device", 16), 1 << 60, n)
            account_session.AccountSession._message_decided(account, events.MessageStored(key, n))
        return account

    assert taken(fill) < account_session.DECIDED_MAX * 256


def test_shown_refused_messages_are_bounded() -> None:
    state = SimpleNamespace(refused={})

    def waiting_line(item: OutboxItem) -> api.Line:
        return line("", f"{item.message.body.decode()} {item.key.n}")

    book: Any = SimpleNamespace(state=lambda room: state, waiting_line=waiting_line)

    def fill() -> object:
        for n in range(1, 2_000):
            rooms.RoomBook.refused(book, local_log.key(n), item(n), wire.Code.NOT_A_MEMBER)
        return state

    assert taken(fill) < rooms.REFUSED_MAX * 3 * KIB
    assert list(state.refused.values())[-1].text.endswith("1999")


def test_keys_that_open_datagrams_are_bounded() -> None:
    async def play() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            relay = udp.UdpRelay(peer.getsockname(), bytes(16), 0, lambda frames: None, lambda: None)

            tracemalloc.start()
            for number in range(ENTRIES):
                relay.use_keys(wire.SessionKeys(number, octets(number, 32), octets(-number, 32), 1000))
                if not number % 100:
                    # Whatever the event loop keeps of cancelled timers it drops now.
                    await asyncio.sleep(0)
            held, _peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            relay.close()
            return held

    assert asyncio.run(play()) < 128 * KIB


def test_concurrent_name_lookups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Info:
        def __init__(self, kind: str, name: str) -> None:
            self.name = name

        def load_from_cache(self, zc: object) -> bool:
            return False

        async def async_request(self, zc: object, timeout: float) -> bool:
            asked.append(self.name)
            await asyncio.Event().wait()
            return False

    monkeypatch.setattr(mdns, "AsyncServiceInfo", Info)

    async def play() -> int:
        place: Any = None
        watcher = mdns.Watcher(place, lambda *_: None, lambda *_: None)

        def fill() -> None:
            for number in range(ENTRIES):
                watcher.add_service(None, "", f"{number}" + "x" * 60)  # type: ignore[arg-type]

        held = taken(fill)
        await asyncio.sleep(0)
        for task in list(watcher._lookups):
            task.cancel()
        return held

    assert asyncio.run(play()) < mdns.LOOKUPS_MAX * 8 * KIB
    assert len(asked) == mdns.LOOKUPS_MAX


# --- The command line -------------------------------------------------------------------------------------------------


def test_printed_conversation_lines_are_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> chat.ConversationOutput:
        output = chat.ConversationOutput(as_json=False)
        for number in range(ENTRIES):
            output._around(f"{number} " + "я" * 1_000, "\n")
        return output

    assert taken(fill) < chat.PRINTED_MAX * 3 * KIB


def test_typed_lines_are_bounded() -> None:
    def fill() -> line_editor.LineEditor:
        line = line_editor.LineEditor()
        for number in range(3 * line_editor.HISTORY_MAX):
            assert line.feed(f"{number} {'x' * 500}\r".encode()) == [f"{number} {'x' * 500}"]
        return line

    assert taken(fill) < line_editor.HISTORY_MAX * KIB


def test_ids_of_shown_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    session: Any = None
    view: Any = SimpleNamespace(message=lambda line: None)

    def fill() -> follow.Follower:
        follower = follow.Follower(session, 0)
        for number in range(5 * follow.SHOWN_MAX):
            follower._message(view, line(f"{number:x}." + "0" * 40, "x"))
        return follower

    # 400 KiB of ids, and those of them that are not stored yet once more.
    assert taken(fill) < follow.SHOWN_MAX * 400


# --- The window -------------------------------------------------------------------------------------------------------


def test_notices_are_bounded() -> None:
    def fill() -> chat_model.ChatModel:
        model = chat_model.ChatModel(lambda: 0.0)
        for number in range(ENTRIES):
            model.notice(f"{number} " + "x" * KIB)
        assert model.notices[-1].startswith(f"{ENTRIES - 1} ")
        return model

    assert taken(fill) < chat_model.NOTICES_MAX * 2 * KIB + 64 * KIB


def test_cached_word_widths_are_bounded() -> None:
    """The longest words of the largest letters, of one font."""
    measured: Any = object.__new__(fonts.Fonts)
    measured._widths, measured._letters = {None: {}}, {None: SimpleNamespace(add_up=False)}
    measured._ask = lambda role, text: len(text) + 1000

    def fill() -> object:
        for number in range(2 * fonts._MEASURED_MAX + 10):
            measured.measure(None, f"{number}".rjust(fonts._WORD_MAX, "\U00020000"))
        return measured

    assert taken(fill) < 10 * MIB


@pytest.fixture
def restored_glyphs() -> Iterator[None]:
    before = glyphs._protected, glyphs._draws
    yield
    glyphs._protected, glyphs._draws = before


@pytest.mark.usefixtures("restored_glyphs")
def test_cached_letter_fonts_are_bounded() -> None:
    def draws(letter: str) -> bool:
        return True

    def fill() -> object:
        glyphs.protect(True, draws)
        for number in range(4 * glyphs._LETTERS_MAX):
            assert glyphs.split(chr(0x20000 + number))[0].name == ""
        return glyphs._draws

    assert taken(fill) < glyphs._LETTERS_MAX * 256
    assert isinstance(glyphs._draws, type(lru_cache(1)(draws)))


def test_stored_drafts_are_bounded(tmp_path: Any) -> None:
    """As many as allowed, of the longest texts in the largest letters: they are read back."""
    kept = memory.WindowSettings(ProfileStore.open(tmp_path))
    text = "\U00020000" * memory._DRAFT_MAX
    kept.keep_drafts(1, {room: f"{room} {text}"[: memory._DRAFT_MAX] for room in range(1, 1_000)})
    kept.keep_drafts(2, {room: f"{room} short" for room in range(1, 1_000)})
    kept.save()
    again = memory.WindowSettings(ProfileStore.open(tmp_path))
    assert again.notice == ""
    long, short = again.drafts(1), again.drafts(2)
    assert 1 <= len(long) < len(short) == memory._DRAFTS_MAX
    assert max(long) == max(short) == 999
    assert sum(len(text.encode()) for text in long.values()) <= memory._DRAFTS_OCTETS_MAX


def test_images_in_a_text_are_bounded() -> None:
    """Each is a Tk object; beyond the bound a placeholder is shown."""
    pictures: list[glyphs.GlyphRun] = []
    shown: list[str] = []
    field: Any = object.__new__(ui_editor.TextEditor)
    field.text = SimpleNamespace(image_names=lambda: pictures[::2], window_names=lambda: pictures[1::2])
    field._mirror = SimpleNamespace(insert=lambda text, _: shown.append(text), plain=list)
    field._put_picture = pictures.append
    for _ in range(3):
        field._put("\U0001f600" * 500)
    assert len(pictures) == ui_editor._PICTURES_MAX
    assert "".join(shown).count(ui_editor._STAND_IN) == 1_500 - ui_editor._PICTURES_MAX
