"""Who signed: certificates of devices and authors' signatures, each checked once.

A record that the log has is proven by the chain; that its author signed it is checked when it is shown. The caches
are bounded: a device takes about 500 octets, its certificate as many, a checked signature about 180.
"""

from collections.abc import Collection, Iterable

from lanchat.core.ports import StatementStore
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import Certificate, CertificateBody, open_certificate_untrusted
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Header, check_author

# 1,000 people with a few devices each; beyond it the store is asked again.
DEVICES_MAX = 8192
# What one window and its scrolling show: two rooms as far as a fold looks at them. 1.5 MiB.
SIGNATURES_MAX = 8192


class UnknownDevice(ProtocolError):
    """Nobody has said yet whose a device is."""


class Authors:
    """Certificates are kept in the local store, so that the log can be shown while the server is away."""

    def __init__(
        self, log_id: bytes, log_key: bytes, store: StatementStore, signatures_max: int = SIGNATURES_MAX
    ) -> None:
        """`log_key`: the public key whose signature a certificate must have. The store is read when a device is first
        asked about. `signatures_max`: checked signatures that are remembered."""
        self._signatures_max = signatures_max
        self._log_id = log_id
        self._log_key = log_key
        self._store = store
        self._devices: dict[bytes, CertificateBody] = {}
        # Digests of signatures with what they sign.
        self._checked: dict[bytes, None] = {}
        self._learned: dict[bytes, bytes] = {}
        self._unsaved: dict[bytes, Certificate] = {}
        self._missing: dict[bytes, None] = {}

    def learn_untrusted(self, certificates: Iterable[Certificate]) -> None:
        """Keep those that the log signed; `save` makes them durable."""
        for certificate in certificates:
            # Each page brings those of its authors again.
            if self._learned.get(certificate.signature) == certificate.octets:
                continue
            try:
                body = open_certificate_untrusted(self._log_key, self._log_id, certificate)
            except ProtocolError:
                continue
            self._learned[certificate.signature] = certificate.octets
            if len(self._learned) > DEVICES_MAX:
                del self._learned[next(iter(self._learned))]
            if self._is_news(body):
                self._unsaved[body.device] = certificate
                self._remember(body)

    def learn_own_untrusted(self, device: bytes, certificate: Certificate) -> bool:
        """Keep a certificate that the log signed for this very device; False when it is another, or an older one."""
        try:
            body = open_certificate_untrusted(self._log_key, self._log_id, certificate)
        except ProtocolError:
            return False
        known = self._devices.get(device)
        if body.device != device or (known is not None and body.serial < known.serial):
            return False
        self.learn_untrusted([certificate])
        return True

    def save(self) -> None:
        """Write what was learned. Raises LocalStoreError; the next call tries again."""
        if self._unsaved:
            self._store.save_certificates(list(self._unsaved.items()))
            self._unsaved.clear()

    def _is_news(self, body: CertificateBody) -> bool:
        known = self._devices.get(body.device)
        return known is None or body.serial > known.serial

    def _remember(self, body: CertificateBody) -> None:
        self._devices[body.device] = body
        if len(self._devices) > DEVICES_MAX:
            del self._devices[next(iter(self._devices))]

    def unknown(self, devices: Collection[bytes]) -> list[bytes]:
        """Those of `devices` without a certificate here, in order. Raises LocalStoreError."""
        absent = [device for device in dict.fromkeys(devices) if device not in self._devices]
        if not absent:
            return []
        for certificate in self._store.certificates(absent).values():
            try:
                self._remember(open_certificate_untrusted(self._log_key, self._log_id, certificate))
            except ProtocolError:
                continue
        return [device for device in absent if device not in self._devices]

    def take_missing(self) -> list[bytes]:
        """Devices whose messages could not be checked since the last call, because nobody has said whose they are."""
        missing = list(self._missing)
        self._missing.clear()
        return missing

    def owner(self, device: bytes) -> CertificateBody | None:
        """Whose a device is, when it is known. Raises LocalStoreError."""
        known = self._devices.get(device)
        if known is None:
            self.unknown((device,))
            known = self._devices.get(device)
        return known

    def check(self, header: Header, octets: bytes, body_hash: bytes, signature: bytes) -> CertificateBody:
        """The author of a message; raises UnknownDevice, and ProtocolError when the device did not sign this."""
        owner = self.owner(header.device)
        if owner is None:
            self._missing[header.device] = None
            if len(self._missing) > DEVICES_MAX:
                del self._missing[next(iter(self._missing))]
            raise UnknownDevice("unknown device")
        # Of the three only the header may have any length.
        digest = sha256(signature, body_hash, octets)
        if digest not in self._checked:
            check_author(owner.public_key, self._log_id, octets, body_hash, signature)
            self._checked[digest] = None
            if len(self._checked) > self._signatures_max:
                del self._checked[next(iter(self._checked))]
        return owner
