"""The server's long-lived keys: its identity (the TLS certificate that clients pin) and the log key.

Made at the first start, kept in `<data dir>/keys` with mode 0600, part of every backup. The certificate never expires
in practice, because clients pin it: renewing it would look like another server.
"""

import contextlib
import hashlib
import tempfile
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk.files import (
    check_private_folder,
    close_folder_to_others,
    close_to_others,
    create_private,
    make_private_folder,
    read_private,
    sync_folder,
)
from lanchat.platform.disk.renames import rename
from lanchat.transport.certificates import private_pem, self_signed
from lanchat_server.service.errors import StartError

IDENTITY_KEY = "identity.key"
IDENTITY_CERTIFICATE = "identity.crt"
LOG_KEY = "log.key"
# Octets; each of them has a few hundred.
_FILE_MAX = 64 << 10


class ServerKeys(msgspec.Struct, frozen=True):
    """`fingerprint`: SHA-256 of the certificate in DER, hex."""

    certificate_file: Path
    identity_file: Path
    fingerprint: str
    log_key: Ed25519PrivateKey


def has_keys(data_dir: Path) -> bool:
    """Whether any of them is there."""
    return any((data_dir / "keys" / name).exists() for name in (IDENTITY_KEY, IDENTITY_CERTIFICATE, LOG_KEY))


def load_or_create(data_dir: Path) -> ServerKeys:
    """The keys of this data directory; made when none of them is there. Raises StartError when some are missing or
    unreadable: a server that silently took a new identity would look like an impostor to every client."""
    directory = data_dir / "keys"
    names = (IDENTITY_KEY, IDENTITY_CERTIFICATE, LOG_KEY)
    present = [name for name in names if (directory / name).exists()]
    if not present:
        _create(directory)
    elif len(present) < len(names):
        missing = ", ".join(name for name in names if name not in present)
        raise StartError(
            _("Files are missing in {directory}: {missing}. Restore them from a backup.").format(
                directory=directory, missing=missing
            )
        )
    try:
        check_private_folder(directory, strict=False)
        close_folder_to_others(directory)
        for name in names:
            close_to_others(directory / name)
        return _load(directory)
    except (OSError, ValueError) as error:
        reason = os_error_text(error) if isinstance(error, OSError) else str(error)
        raise StartError(
            _("The keys in {directory} cannot be read: {error}").format(directory=directory, error=reason)
        ) from error


def _load(directory: Path) -> ServerKeys:
    log_key = _private_key(directory / LOG_KEY)
    identity = _private_key(directory / IDENTITY_KEY)
    certificate = x509.load_pem_x509_certificate(read_private(directory / IDENTITY_CERTIFICATE, _FILE_MAX))
    if certificate.public_key() != identity.public_key():
        raise ValueError("certificate and key do not belong together")
    fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    return ServerKeys(directory / IDENTITY_CERTIFICATE, directory / IDENTITY_KEY, fingerprint, log_key)


def _private_key(path: Path) -> Ed25519PrivateKey:
    """Raises OSError, ValueError."""
    try:
        key = load_pem_private_key(read_private(path, _FILE_MAX), None)
    except (TypeError, UnsupportedAlgorithm, InternalError) as error:
        # It asks for a password, or is of a kind or a content that OpenSSL does not know.
        raise ValueError("not a key that can be used") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return key


def _create(directory: Path) -> None:
    """All keys or none: they are made in a folder beside, which then takes its place. A start that was cut short must
    not leave some of them, which nobody could tell from a loss."""
    make_private_folder(directory.parent, strict=False)
    draft = Path(tempfile.mkdtemp(prefix=".keys-", dir=directory.parent))  # mkdtemp makes it with mode 0700
    with contextlib.suppress(OSError):  # refused when the keys are read
        close_folder_to_others(draft)
    identity = Ed25519PrivateKey.generate()
    create_private(draft / LOG_KEY, private_pem(Ed25519PrivateKey.generate()))
    create_private(draft / IDENTITY_KEY, private_pem(identity))
    create_private(draft / IDENTITY_CERTIFICATE, self_signed(identity).public_bytes(Encoding.PEM))
    sync_folder(draft)
    if directory.exists():
        directory.rmdir()
    rename(draft, directory)
    sync_folder(directory.parent)
