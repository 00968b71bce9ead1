"""The contract of StatementStore, on every implementation."""

from lanchat.core.ports import StatementStore
from tests.support.local_log import certificate


def test_newer_certificate_is_kept(store: StatementStore) -> None:
    a, b = b"a" * 16, b"b" * 16
    store.save_certificates([(a, certificate(10, 3)), (b, certificate(5))])
    store.save_certificates([(a, certificate(9, 4)), (b, certificate(7))])
    assert store.certificates([a, b, b"c" * 16]) == {a: certificate(9, 4), b: certificate(7)}
    store.save_certificates([(a, certificate(10, 4))])
    assert store.certificates([a]) == {a: certificate(10, 4)}
    assert store.certificates([]) == {}


def test_older_certificate_replaces_nothing(store: StatementStore) -> None:
    device = b"a" * 16
    store.save_certificates([(device, certificate(10, 4))])
    store.save_certificates([(device, certificate(11, 3))])
    store.save_certificates([(device, certificate(9, 4))])
    assert store.certificates([device]) == {device: certificate(10, 4)}
