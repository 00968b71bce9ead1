"""`Busy` answers to messages that are not taken: few frames, which name the messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol import wire
from lanchat.protocol.datagram.seal import OVERHEAD
from lanchat.protocol.limits import DATAGRAM_MAX, NOT_TAKEN_MAX, SUBMIT_MAX
from lanchat.protocol.log.messages import MessageKey
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import decode_server_datagram_untrusted
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.busy import BusyAnswers
from lanchat_server.core.relay.outbound import SendFrames, pack_frames
from tests.support.rig import GENERAL, Rig

DEVICE = b"d" * 16


def busy_frames(rig: Rig) -> list[wire.Busy]:
    outputs: list[Any] = rig.core.take_outputs()
    datagrams = [
        output.payload for output in outputs if isinstance(output, SendFrames) and output.path is Transport.UDP
    ]
    frames = [frame for payload in datagrams for frame in decode_server_datagram_untrusted(payload)]
    return [frame for frame in frames if isinstance(frame, wire.Busy)]


def connected(config: CoreConfig) -> Rig:
    rig = Rig(config)
    rig.core.add_session(2, 2, rig.authors[2].device, 0.0)
    rig.core.receive(2, wire.Ping(5), Transport.UDP, 1.0)
    rig.core.take_outputs()
    return rig


def test_several_frames_get_one_answer_that_names_all() -> None:
    rig = connected(CoreConfig(message_rate=0.001, message_burst=1))
    author = rig.authors[2]
    for _ in range(3):
        rig.core.receive(2, wire.Submit([author.message("x") for _ in range(SUBMIT_MAX)]), Transport.UDP, 1.0)
    (busy,) = busy_frames(rig)
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, 2, 3 * SUBMIT_MAX)]
    assert rig.core.counters["submit_over_rate"] == 3 * SUBMIT_MAX - 1
    assert busy_frames(rig) == []


def test_next_turn_gets_a_new_answer() -> None:
    rig = connected(CoreConfig(message_rate=0.001, message_burst=1))
    author = rig.authors[2]
    for n in (1, 2, 3):
        rig.core.receive(2, wire.Submit([author.message("x")]), Transport.UDP, 1.0)
        expected = [] if n == 1 else [[wire.NotTaken(GENERAL, author.device, author.run, n, n)]]
        assert [busy.not_taken for busy in busy_frames(rig)] == expected


def test_full_queue_is_answered_once() -> None:
    rig = connected(CoreConfig(session_queue_max=2, message_burst=100))
    author = rig.authors[2]
    rig.core.receive(2, wire.Submit([author.message("x") for _ in range(5)]), Transport.UDP, 1.0)
    (busy,) = busy_frames(rig)
    assert busy == wire.Busy(500, [wire.NotTaken(GENERAL, author.device, author.run, 3, 5)])


def test_failed_batch_is_answered_once_per_session() -> None:
    rig = connected(CoreConfig())
    author = rig.authors[2]
    rig.core.receive(2, wire.Submit([author.message("x") for _ in range(5)]), Transport.UDP, 1.0)
    batch = rig.core.next_batch(1.0)
    assert batch is not None
    rig.core.commit_failed(batch, 1.0)
    (busy,) = busy_frames(rig)
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, 1, 5)]


def test_longest_wait_is_sent() -> None:
    answers = BusyAnswers()
    for wait in (0.1, 0.7, 0.2):
        answers.note(2, MessageKey(1, DEVICE, 5, 1), wait, 1.0)
    (answer,) = answers.take()
    assert (answer.session, answer.frames[0].retry_ms) == (2, 700)


@pytest.mark.parametrize(("numbers", "ranges"), [
    ([3], [(3, 3)]),
    ([1, 2, 2, 3], [(1, 3)]),
    ([1, 3], [(1, 1), (3, 3)]),
    ([5, 4], [(5, 5), (4, 4)]),
])  # fmt: skip
def test_consecutive_numbers_are_one_range(numbers: list[int], ranges: list[tuple[int, int]]) -> None:
    answers = BusyAnswers()
    for n in numbers:
        answers.note(2, MessageKey(1, DEVICE, 5, n), 0.1, 1.0)
    (answer,) = answers.take()
    assert [(item.n, item.last) for frame in answer.frames for item in frame.not_taken] == ranges


def test_rooms_devices_and_runs_are_separate_ranges() -> None:
    answers = BusyAnswers()
    keys = [MessageKey(1, DEVICE, 5, 1), MessageKey(2, DEVICE, 5, 2), MessageKey(2, b"e" * 16, 5, 3)]
    keys.append(MessageKey(2, b"e" * 16, 6, 4))
    for key in keys:
        answers.note(2, key, 0.1, 1.0)
    (answer,) = answers.take()
    assert answer.frames[0].not_taken == [wire.NotTaken(*key, key.n) for key in keys]


_HUGE = st.integers(1, 2**63 - 1)


@given(st.lists(st.builds(MessageKey, _HUGE, st.just(DEVICE), _HUGE, _HUGE), min_size=1, max_size=100))
def test_answers_name_each_message_in_frames_that_fit_datagrams(keys: list[MessageKey]) -> None:
    answers = BusyAnswers()
    for key in keys:
        answers.note(2, key, 3600.0, 1.0)
    (answer,) = answers.take()
    named = [item for frame in answer.frames for item in frame.not_taken]
    for room, device, run, n in keys:
        assert any(
            (item.room, item.device, item.run) == (room, device, run) and item.n <= n <= item.last for item in named
        )
    for frame in answer.frames:
        assert 1 <= len(frame.not_taken) <= NOT_TAKEN_MAX
    for datagram in pack_frames(answer.frames).datagrams:
        assert len(datagram) + OVERHEAD <= DATAGRAM_MAX


def test_every_one_of_a_hundred_runs_is_named() -> None:
    answers = BusyAnswers()
    for run in range(100):
        answers.note(2, MessageKey(1, DEVICE, run, 1), 0.1, 1.0)
    (answer,) = answers.take()
    assert [len(frame.not_taken) for frame in answer.frames] == [16] * 6 + [4]
    assert [item.run for frame in answer.frames for item in frame.not_taken] == list(range(100))
