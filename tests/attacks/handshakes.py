"""TLS of the control port: which versions and ciphers are spoken, and what testssl.sh has to say."""

import json
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.outcome import Outcome

# What OpenSSL knows of TLS 1.3; the rest of its list is of older versions.
SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")
# Findings of testssl.sh that say what is meant to be so: nobody vouches for the certificate, no host name is in it, it
# has no end date and nobody can withdraw it, because clients know it by its fingerprint. (3.0 cannot read it: Ed25519.)
EXCLUDED = ("cert_", "DNS_CAArecord")
SEVERE = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}


def old_versions(port: int) -> Iterator[tuple[str, bool]]:
    """Each version that must be refused, and whether it was."""
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        # The library itself no longer speaks the old ones at its usual level.
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        yield version.name, not _completes(port, context)
    for name, octets in (("SSLv2", _SSL2), ("SSLv3", _ssl3())):
        yield name, _refused(port, octets)


# A ClientHello of SSL 2.0: length, type 1, version, three ciphers, no session, a challenge of 16 octets.
_SSL2 = b"\x80\x22\x01\x00\x02\x00\x09\x00\x00\x00\x10\x01\x00\x80\x07\x00\xc0\x03\x00\x80" + bytes(range(16))


def _ssl3() -> bytes:
    ciphers = b"\x00\x2f\x00\x35\x00\x0a"
    body = b"\x03\x00" + bytes(32) + b"\x00" + len(ciphers).to_bytes(2, "big") + ciphers + b"\x01\x00"
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x00" + len(message).to_bytes(2, "big") + message


def _completes(port: int, context: ssl.SSLContext) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as raw, context.wrap_socket(raw):
            return True
    except (OSError, ssl.SSLError):
        return False


def _refused(port: int, octets: bytes) -> bool:
    """An alert or the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.settimeout(5)
        try:
            sock.sendall(octets)
            answer = sock.recv(100)
        except ConnectionError:
            return True
        except TimeoutError:
            return False
    return answer == b"" or answer[:1] == b"\x15"


def openssl_s_client_output(port: int, *options: str, said: str = "") -> str:
    """What `openssl s_client` tells of a connection."""
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-alpn", "lanchat/1", *options]
    done = subprocess.run(argv, input=said, capture_output=True, text=True, errors="replace", timeout=30)
    return done.stdout + done.stderr


def check_tls_configuration(port: int) -> Outcome:
    """Old versions refused; the suites of TLS 1.3 spoken; no compression, renegotiation, tickets, early data."""
    outcome = Outcome("TLS: versions, ciphers, renegotiation, compression, early data", 0)
    for name, refused in old_versions(port):
        outcome.attempts += 1
        outcome.accepted += not refused
        outcome.expect(refused, f"{name} is spoken")
    for suite in SUITES:
        told = openssl_s_client_output(port, "-tls1_3", "-ciphersuites", suite)
        outcome.expect(f"New, TLSv1.3, Cipher is {suite}" in told, f"{suite} is not spoken")
        outcome.expect("Compression: NONE" in told, "compression")
        outcome.expect("No client certificate CA names sent" in told, "a client certificate is asked for")
        outcome.expect("Early data was not sent" in told, "early data")
        outcome.expect("New Session Ticket" not in told, "a ticket")
    for suite in ("TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"):
        outcome.attempts += 1
        outcome.accepted += f"Cipher is {suite}" in openssl_s_client_output(port, "-tls1_3", "-ciphersuites", suite)
    outcome.attempts += 1
    outcome.accepted += "RENEGOTIATING" in openssl_s_client_output(port, "-tls1_3", said="R\n") and _renegotiates(port)
    return outcome


def _renegotiates(port: int) -> bool:
    told = openssl_s_client_output(port, "-tls1_3", said="R\n")
    return "wrong ssl version" not in told.lower() and "error" not in told.lower()


def run_testssl(port: int, folder: Path, timeout: float = 600.0) -> Outcome:
    """All checks of testssl.sh; a finding of MEDIUM or above that is not excluded counts as accepted."""
    outcome = Outcome("testssl.sh, all checks", 0)
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if program is None:
        raise RuntimeError("testssl.sh is not installed (Debian: apt-get install testssl.sh)")
    report = folder / "testssl.json"
    argv = [program, "--quiet", "--warnings", "off", "--color", "0", "--ip", "127.0.0.1", "--jsonfile", str(report)]
    subprocess.run([*argv, f"127.0.0.1:{port}"], capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout)
    findings = json.loads(report.read_text())
    outcome.attempts = len(findings)
    severe = [each for each in findings if each["severity"] in SEVERE]
    excused = [each for each in severe if each["id"].startswith(EXCLUDED)]
    for each in severe:
        if each not in excused:
            outcome.accepted += 1
            outcome.faults.append(f"testssl.sh: {each['severity']} {each['id']}: {each['finding']}")
    ids = sorted({each["id"].split()[0] for each in excused})
    checked = {each["id"] for each in findings}
    outcome.expect(
        {"TLS1_2", "TLS1_3", "heartbleed", "secure_renego", "CRIME_TLS"} <= checked, "it did not get through"
    )
    outcome.seen = f"{len(findings)} findings; excluded: {', '.join(ids) or 'none'}"
    return outcome
