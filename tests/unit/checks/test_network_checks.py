"""TLS, UDP and DNS-SD as `--check` uses them: each works here, and each fails when its part is broken."""

import socket
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from lanchat.checks import network
from lanchat.checks.runner import CheckFailed
from lanchat.discovery import mdns
from lanchat.platform.network import interfaces
from lanchat.protocol.datagram.seal import Opener, Sealer
from lanchat.transport import certificates


def test_tls_handshake_with_own_certificate() -> None:
    finding = network.check_tls()
    assert "handshake" in finding.text
    assert finding.values["version"].startswith("OpenSSL")


def test_other_certificate_fails_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.generate()
    (tmp_path / "key").write_bytes(certificates.private_pem(other))
    (tmp_path / "certificate").write_bytes(certificates.self_signed(other).public_bytes(Encoding.PEM))
    context = certificates.server_context(tmp_path / "certificate", tmp_path / "key")
    monkeypatch.setattr(network, "server_context", lambda certificate, key: context)
    with pytest.raises(CheckFailed, match="not the one that was made"):
        network.check_tls()


def test_refused_connection_fails_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        connect = network.open_channel
        monkeypatch.setattr(network, "open_channel", lambda host, _port, timeout: connect(host, port, timeout))
        with pytest.raises(OSError):
            network.check_tls()


def test_server_without_tls_13_fails_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    def old(certificate: Path, key: Path) -> Any:
        import ssl

        context = certificates.server_context(certificate, key)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    monkeypatch.setattr(network, "server_context", old)
    with pytest.raises(OSError):
        network.check_tls()


def test_sealed_datagrams_over_loopback() -> None:
    assert network.check_udp().values == {"datagrams": 32}


def test_lost_datagrams_fail_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blocked(socket.socket):
        def sendto(self, *arguments: Any) -> int:
            return 0

    monkeypatch.setattr(network, "_ANSWER_TIMEOUT", 0.05)
    monkeypatch.setattr(network.socket, "socket", Blocked)
    with pytest.raises(CheckFailed, match="firewall"):
        network.check_udp()


def test_broken_seal_fails_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sealer, "seal", lambda self, payload: bytes(13) + payload + bytes(16))
    with pytest.raises(CheckFailed, match="seal"):
        network.check_udp()


def test_opener_that_takes_anything_fails_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Opener, "open_untrusted", lambda self, datagram: datagram[13:-16])
    with pytest.raises(CheckFailed, match="seal"):
        network.check_udp()


def test_service_is_registered_and_found() -> None:
    finding = network.check_mdns()
    assert finding.values["interface"] in finding.text


def test_no_interface_fails_mdns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_FOUND_TIMEOUT", 0.1)
    monkeypatch.setattr(mdns, "list_interfaces", list)
    with pytest.raises(CheckFailed, match="no network"):
        network.check_mdns()


def test_refused_multicast_fails_mdns(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any, **named: Any) -> Any:
        raise OSError(19, "No such device")

    monkeypatch.setattr(network, "_FOUND_TIMEOUT", 0.5)
    monkeypatch.setattr(mdns, "AsyncZeroconf", refused)
    monkeypatch.setattr(mdns, "_Answerer", refused)
    lan = interfaces.Interface("lan7", 7, (interfaces.IPv4Interface("192.0.2.7/24"),))
    monkeypatch.setattr(mdns, "list_interfaces", lambda: [lan])
    with pytest.raises(CheckFailed, match=r"lan7.*No such device"):
        network.check_mdns()


def test_check_service_is_not_that_of_servers() -> None:
    from lanchat.protocol.datagram.beacon import SERVICE_TYPE

    assert network.CHECK_SERVICE != SERVICE_TYPE
