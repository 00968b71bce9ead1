"""Asking the server whose devices are: each unknown one once per session, many in one request."""

from collections.abc import Iterable, Sequence
from functools import partial

from lanchat.core.context import CoreContext
from lanchat.core.events import CertificatesLearned
from lanchat.core.people.authors import DEVICES_MAX, Authors
from lanchat.core.ports import LocalStoreError
from lanchat.core.session.requests import Answer
from lanchat.protocol import wire
from lanchat.protocol.limits import PAGE_CERTIFICATES_MAX


class CertificateRequests:
    """A device that the server does not know either is not asked for again in the same session; one about which it did
    not answer is asked for until it does, in the next session if need be."""

    def __init__(self, core_context: CoreContext, authors: Authors) -> None:
        """`core_context` sends the requests and tells of answers; `authors` takes in the certificates."""
        self._core_context = core_context
        self._authors = authors
        self._unknown: dict[bytes, None] = {}
        self._asked: dict[bytes, None] = {}
        self._under_way: dict[bytes, None] = {}
        self._failed: dict[bytes, None] = {}

    def begin_session(self) -> None:
        """Devices that the server did not know may be asked about again; those about which it refused to answer are."""
        self._asked.clear()
        self._unknown |= self._failed
        self._failed.clear()

    def want(self, devices: Iterable[bytes]) -> None:
        """These signed something that will be shown."""
        try:
            unknown = self._authors.unknown(list(devices))
        except LocalStoreError as error:
            self._core_context.store_failed(error)
            return
        for device in unknown:
            if device not in self._asked and len(self._unknown) < DEVICES_MAX:
                self._unknown[device] = None

    def ask(self) -> None:
        """Send what is to be asked."""
        if not self._unknown:
            return
        devices = tuple(self._unknown)[:PAGE_CERTIFICATES_MAX]
        for device in devices:
            del self._unknown[device]
            self._asked[device] = self._under_way[device] = None
            if len(self._asked) > DEVICES_MAX:
                del self._asked[next(iter(self._asked))]
        self._core_context.request(wire.GetCertificates(list(devices)), partial(self._answered, devices))

    def _answered(self, devices: tuple[bytes, ...], answer: Answer) -> None:
        if isinstance(answer, wire.Certificates):
            self._authors.learn_untrusted(answer.certificates)
        else:
            unanswered = self._unknown if answer is None else self._failed
            unanswered |= dict.fromkeys(devices)
        for device in devices:
            self._under_way.pop(device, None)
        self._core_context.emit(CertificatesLearned(devices))

    @property
    def any_open(self) -> bool:
        """Whether a device waits to be asked about, or an answer is under way."""
        return bool(self._unknown or self._under_way)

    def open_for(self, devices: Sequence[bytes]) -> bool:
        """Whether the server is still to say whose some of these are."""
        if not (self._unknown or self._under_way or self._failed):
            return False
        open_ones = (self._unknown, self._under_way, self._failed)
        return any(device in some for device in devices for some in open_ones)
