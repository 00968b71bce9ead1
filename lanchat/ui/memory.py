"""What the window remembers from one run to the next, in the profile: language, theme, size, last room, drafts.

The profile may be in use by other processes; settings.py merges what each of them writes.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lanchat.net.api import Account
from lanchat.protocol.wire import Role
from lanchat.store.settings import GEOMETRY, LANGUAGE, THEME

if TYPE_CHECKING:
    from lanchat.store.profile import Profile

_TEXT_SIZE = "text_size"
_DRAFTS_MAX = 100  # rooms with an unsent text; 16 KiB each at most


class Memory:
    """Main thread. Every method raises LocalStoreError when the disk fails."""

    def __init__(self, profile: "Profile") -> None:
        self._profile = profile
        self._settings = profile.settings
        self._changed = False

    def _set(self, key: str, value: str | int | dict[str, str]) -> None:
        if self._settings.get(key, type(value)()) != value:
            self._settings.set(key, value)
            self._changed = True

    @property
    def notice(self) -> str:
        """What a person should know about the settings' file; else empty."""
        return self._settings.notice

    @property
    def language(self) -> str:
        return self._settings.language

    @language.setter
    def language(self, code: str) -> None:
        self._set(LANGUAGE, code)

    @property
    def theme(self) -> str:
        return self._settings.theme

    @theme.setter
    def theme(self, name: str) -> None:
        self._set(THEME, name)

    @property
    def geometry(self) -> str:
        return self._settings.geometry

    @geometry.setter
    def geometry(self, value: str) -> None:
        self._set(GEOMETRY, value)

    @property
    def text_size(self) -> int:
        """Points more or less than usual."""
        return self._settings.get(_TEXT_SIZE, 0)

    @text_size.setter
    def text_size(self, step: int) -> None:
        self._set(_TEXT_SIZE, step)

    def remembered(self) -> Account | None:
        """The account that this profile is logged in to on the server used last."""
        server = self._profile.last_server()
        device = self._profile.device(server.log_id) if server else None
        return Account(device.user_id, device.user_name, device.display_name, Role.MEMBER) if device else None

    def _log(self) -> bytes:
        server = self._profile.last_server()
        return server.log_id if server else b""

    def last_room(self) -> int:
        """The room that was open last on this server; 0 for none."""
        return self._settings.last_room(self._log())

    def keep_room(self, room: int) -> None:
        log = self._log()
        if room and log and room != self._settings.last_room(log):
            self._settings.set_last_room(log, room)
            self._changed = True

    def drafts(self, user: int) -> dict[int, str]:
        """Texts that were not sent, by room."""
        kept = self._settings.get(self._drafts_key(user), dict[str, str]())
        return {int(room): text for room, text in kept.items() if room.isdigit() and isinstance(text, str) and text}

    def keep_drafts(self, user: int, drafts: Mapping[int, str]) -> None:
        if not user:
            return
        gone = {str(room): "" for room in self.drafts(user)}
        kept = {str(room): text for room, text in list(drafts.items())[-_DRAFTS_MAX:]}
        if gone or kept:
            self._set(self._drafts_key(user), gone | kept)

    def _drafts_key(self, user: int) -> str:
        return f"drafts_{self._log().hex()}_{user}"

    def save(self) -> None:
        """Writes what changed since the last time, when something did."""
        if self._changed:
            self._settings.save()
            self._changed = False
