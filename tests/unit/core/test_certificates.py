"""Requests for certificates: one per device in a session, and again in the next session after a refusal."""

from typing import Any

from lanchat.core.people.certificates import CertificateRequests
from lanchat.protocol import wire
from lanchat.protocol.codes import Code

DEVICE = b"d" * 16


class FakeAuthors:
    """Learns one device from any certificate."""

    def __init__(self) -> None:
        self.known: set[bytes] = set()

    def unknown(self, devices: list[bytes]) -> list[bytes]:
        return [device for device in devices if device not in self.known]

    def learn_untrusted(self, certificates: list[Any]) -> None:
        self.known.add(DEVICE)


class FakeContext:
    def __init__(self) -> None:
        self.asked: list[tuple[wire.GetCertificates, Any]] = []

    def request(self, operation: wire.GetCertificates, handler: Any) -> None:
        self.asked.append((operation, handler))

    def emit(self, _event: object) -> None: ...


def test_refused_device_is_requested_again_only_in_the_next_session() -> None:
    core_context = FakeContext()
    questions = CertificateRequests(core_context, FakeAuthors())  # type: ignore[arg-type]
    questions.want([DEVICE])
    questions.ask()
    core_context.asked[0][1](wire.Failure(1, Code.BUSY, "later"))
    questions.want([DEVICE])
    questions.ask()
    assert len(core_context.asked) == 1
    assert questions.open_for([DEVICE])
    questions.begin_session()
    questions.ask()
    assert [operation.devices for operation, _ in core_context.asked] == [[DEVICE], [DEVICE]]
    core_context.asked[1][1](wire.Certificates([]))
    assert not questions.any_open
    assert not questions.open_for([DEVICE])
