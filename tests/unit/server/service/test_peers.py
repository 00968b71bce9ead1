"""Clients announce where they take datagrams, and hear of each other."""

from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.log.certificates import open_certificate_untrusted
from lanchat.protocol.log.peers import PeerBody, open_peer_untrusted, sign_peer
from lanchat_server.service.requests import peers
from tests.explorer.harness import MEMBER, OWNER
from tests.support.rig import LOG_ID, LOG_PUBLIC, make_author
from tests.unit.server.service.test_room_deletion import DeletionHarness, do, sent_events


@pytest.fixture
def stage() -> DeletionHarness:
    return DeletionHarness()


def announcement(user: int, boot: int = 1, signer: int = 0, log_id: bytes = LOG_ID) -> wire.AnnouncePeer:
    author = make_author(user)
    body = PeerBody(log_id, author.device, boot, bytes([user]) * 32, 0)
    return wire.AnnouncePeer(sign_peer(make_author(signer or user).key, body), 5000 + user, [bytes([10, 1, 1, user])])


def announce(stage: DeletionHarness, user: int, **changes: Any) -> Any:
    return do(stage, user, peers.announce_peer, announcement(user, **changes))


def users_of(named: list[wire.Peer]) -> list[int]:
    """Each of whom is checked as a client does."""
    found = []
    for peer in named:
        owner = open_certificate_untrusted(LOG_PUBLIC, LOG_ID, peer.certificate)
        assert open_peer_untrusted(owner.public_key, LOG_ID, peer.info).device == owner.device
        found.append(owner.user)
    return found


def test_both_hear_of_each_other(stage: DeletionHarness) -> None:
    assert announce(stage, OWNER).peers == []
    sent_events(stage)
    roster = announce(stage, MEMBER)
    assert users_of(roster.peers) == [OWNER]
    addresses = [(address.host, address.port) for address in roster.peers[0].addresses]
    assert addresses == [(bytes([10, 0, 0, 9]), 5001), (bytes([10, 1, 1, 1]), 5001)]
    (event,) = [event for event in sent_events(stage)[OWNER] if isinstance(event, wire.PeersChanged)]
    assert users_of(event.peers) == [MEMBER]
    assert event.peers[0].warm


def test_end_of_a_session_is_told_to_nobody_and_hears_nothing(stage: DeletionHarness) -> None:
    announce(stage, OWNER)
    stage.service.core.remove_session(OWNER, 1.0)
    sent_events(stage)
    assert users_of(announce(stage, MEMBER).peers) == [OWNER]
    assert not [event for events in sent_events(stage).values() for event in events if type(event) is wire.PeersChanged]


@pytest.mark.parametrize("changes", [{"signer": MEMBER}, {"log_id": bytes(16)}])
def test_announcement_that_the_device_did_not_sign_is_refused(stage: DeletionHarness, changes: dict[str, Any]) -> None:
    assert announce(stage, OWNER, **changes) is Code.BAD_REQUEST
    assert announce(stage, MEMBER).peers == []


def test_device_cannot_announce_another(stage: DeletionHarness) -> None:
    assert do(stage, OWNER, peers.announce_peer, announcement(MEMBER)) is Code.BAD_REQUEST
