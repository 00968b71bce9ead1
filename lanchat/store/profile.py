"""One person on one computer: which servers they accepted, their device keys, settings, local copies of logs.

A folder that is private to the user. Several processes may use it at once: whatever is written is read, changed and
replaced under one lock file, so nobody sees half a file and nobody's change is lost.
"""

import ipaddress
from pathlib import Path
from typing import Self

import msgspec
import platformdirs

from lanchat.core.ports import LocalStoreError
from lanchat.platform.disk.files import close_to_others, make_private_folder, os_reason
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.names import name_key
from lanchat.store.identities import DevicesFile, KnownServer, ServersFile, StoredDevice, TypedFile
from lanchat.store.local import SqliteLocalStore
from lanchat.store.settings import Settings

__all__ = ["KnownServer", "ProfileStore", "StoredDevice", "default_profile_directory"]

PINNED = "pinned"
NEW = "new"
CHANGED = "changed"


def default_profile_directory() -> Path:
    """Where this user's profile is when nobody says otherwise, per platform."""
    return platformdirs.user_data_path("lanchat", appauthor=False)


class ProfileStore:
    """Any thread, any number of processes (`settings`: one thread). Every method raises LocalStoreError."""

    def __init__(self, directory: Path) -> None:
        """`directory` exists and is private to this user: `open` sees to that. Reads the settings."""
        self.directory = directory
        lock = directory / "profile.lock"
        self._servers = TypedFile(directory / "servers.toml", lock, ServersFile)
        self._devices = TypedFile(directory / "devices.toml", lock, DevicesFile)
        self.settings = Settings(directory / "settings.toml", lock)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Use this folder, made for this user alone when it is not there."""
        try:
            make_private_folder(directory)
            close_to_others(directory / "devices.toml")
        except OSError as error:
            raise LocalStoreError(Problem.PROFILE_UNUSABLE, folder=str(directory), reason=os_reason(error)) from error
        return cls(directory)

    # Servers

    def servers(self) -> list[KnownServer]:
        """In the order in which they were accepted."""
        return list(self._servers.load().servers)

    def known_by_fingerprint(self, fingerprint: str) -> KnownServer | None:
        """The accepted server with this fingerprint (64 lower-case hex digits), else None."""
        return next((server for server in self.servers() if server.fingerprint == fingerprint), None)

    def known_by_log(self, log_id: bytes) -> KnownServer | None:
        """The accepted server that keeps this log, else None."""
        return next((server for server in self.servers() if server.log_id == log_id), None)

    def pin(self, server: KnownServer) -> None:
        """Trust this fingerprint from now on, or renew what is known of it (name, address, log). Raises when another
        fingerprint is known for its log: that one must be forgotten first, by a person's decision."""

        def change(file: ServersFile) -> ServersFile:
            if any(_is_rival(known, server) for known in file.servers):
                raise LocalStoreError(Problem.OTHER_IDENTITY_KNOWN, name=server.name)
            return msgspec.structs.replace(file, servers=_put(file.servers, server))

        self._servers.update(change)

    def replace_others(self, server: KnownServer) -> None:
        """Whatever else stood at the place of this one is not expected there any more. Device keys and local copies
        stay, and so does the trust in its key."""
        place = _place(server.host, server.port)

        def change(file: ServersFile) -> ServersFile:
            servers = tuple(
                msgspec.structs.replace(known, replaced=True)
                if known.fingerprint != server.fingerprint and _place(known.host, known.port) == place
                else known
                for known in file.servers
            )
            return msgspec.structs.replace(file, servers=servers)

        self._servers.update(change)

    def forget_server(self, fingerprint: str) -> None:
        """Trust it no more. Device key and local copy stay."""

        def change(file: ServersFile) -> ServersFile:
            kept = tuple(known for known in file.servers if known.fingerprint != fingerprint)
            return ServersFile("" if file.last == fingerprint else file.last, kept)

        self._servers.update(change)

    def trust(self, host: str, port: int, name: str, fingerprint: str, log_id: bytes | None = None) -> str:
        """What this profile makes of a server that shows `fingerprint`: "pinned", "changed" (it stands where, or says
        that it keeps the log that, a known server with another key does), or "new".

        A name alone proves nothing: two honest servers may both be called Office. See `same_name`.
        """
        servers = self.servers()
        if any(known.fingerprint == fingerprint for known in servers):
            return PINNED
        place = _place(host, port)
        if any(
            known.log_id == log_id or (not known.replaced and _place(known.host, known.port) == place)
            for known in servers
        ):
            return CHANGED
        return NEW

    def same_name(self, name: str, fingerprint: str) -> bool:
        """Whether a known server with another fingerprint has this name, so that a person can be warned."""
        key = name_key(name)
        return any(known.fingerprint != fingerprint and name_key(known.name) == key for known in self.servers())

    def last_server(self) -> KnownServer | None:
        """The known server that was used last."""
        file = self._servers.load()
        return next((server for server in file.servers if server.fingerprint == file.last), None)

    def set_last(self, fingerprint: str) -> None:
        """Makes the server with this fingerprint the one that `last_server` names."""
        self._servers.update(lambda file: msgspec.structs.replace(file, last=fingerprint))

    # Devices

    def device(self, log_id: bytes) -> StoredDevice | None:
        """This profile's device key on a log. A broken file raises and is set aside: log in again, or bring it back."""
        return next((device for device in self._devices.load().devices if device.log_id == log_id), None)

    def save_device(self, device: StoredDevice) -> None:
        """Replaces the one that was there for this log."""
        self._devices.update(lambda file: DevicesFile((*_without(file, device.log_id), device)))

    def forget_device(self, log_id: bytes) -> None:
        """Deletes the device key on this log, for good; the server is not told."""
        self._devices.update(lambda file: DevicesFile(_without(file, log_id)))

    # Local copies

    def local_store(self, log_id: bytes, user_id: int) -> SqliteLocalStore:
        """What this profile keeps of one log for one account; the caller closes it."""
        return SqliteLocalStore(self.directory / "logs" / f"{log_id.hex()}-{user_id}.sqlite")


def _is_rival(known: KnownServer, server: KnownServer) -> bool:
    return known.log_id == server.log_id and known.fingerprint != server.fingerprint


def _put(servers: tuple[KnownServer, ...], server: KnownServer) -> tuple[KnownServer, ...]:
    """In the place of the one with its fingerprint, else at the end."""
    if any(known.fingerprint == server.fingerprint for known in servers):
        return tuple(server if known.fingerprint == server.fingerprint else known for known in servers)
    return (*servers, server)


def _without(file: DevicesFile, log_id: bytes) -> tuple[StoredDevice, ...]:
    return tuple(device for device in file.devices if device.log_id != log_id)


def _place(host: str, port: int) -> tuple[str, int]:
    """Two spellings of one address are one place."""
    plain = host.strip("[]").rstrip(".").casefold()
    try:
        return ipaddress.ip_address(plain).compressed, port
    except ValueError:
        return plain, port
