"""What the window remembers from one run to the next, in the profile: language, theme, size, last room, drafts.

The profile may be in use by other processes; settings.py merges what each of them writes.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from lanchat.app.api import Account
from lanchat.core.policy import LANGUAGE, NO_POLICY, TEXT_SIZE, THEME, Policy
from lanchat.i18n import LANGUAGES
from lanchat.protocol.codec import U63
from lanchat.protocol.codes import Role
from lanchat.protocol.limits import BODY_CHARACTERS_MAX
from lanchat.store.settings import GEOMETRY, LAST_ROOMS, T, fits
from lanchat.ui.kit.fonts import SIZES
from lanchat.ui.kit.theme import PALETTES
from lanchat.ui.model.room_choices import RoomChoices, choices_from
from lanchat.ui.settings.place import GEOMETRY_PATTERN
from lanchat.wording.problems import details_text

if TYPE_CHECKING:
    from lanchat.store.profile import KnownServer, ProfileStore

_MAXIMISED = "maximised"
_RECENT_EMOJI = "recent_emoji"
_BY_NAME = "rooms_by_name"
_QUIET = "no_notifications"
_DRAFTS = "drafts_"
_CHOICES = "room_choices_"
# Rooms with an unsent text, and the octets of these texts, for each account: the newest stay. Settings that are longer
# than 1 MiB would not be read again.
_DRAFTS_MAX = 100
_DRAFTS_OCTETS_MAX = 128 * 1024
_DRAFT_MAX = 2 * BODY_CHARACTERS_MAX
_Draft = Annotated[str, Meta(max_length=_DRAFT_MAX)]
_DraftRoom = Annotated[str, Meta(pattern=r"^[0-9]{1,19}\Z")]

# The types of the settings that are used here; of others any value is left alone.
_TYPES: dict[str, Any] = {
    LANGUAGE: Annotated[str, Meta(pattern=rf"^({'|'.join(('', *LANGUAGES))})\Z")],
    THEME: Annotated[str, Meta(pattern=rf"^({'|'.join(('', *PALETTES))})\Z")],
    GEOMETRY: Annotated[str, Meta(pattern=rf"^({GEOMETRY_PATTERN})?\Z")],
    TEXT_SIZE: Annotated[int, Meta(ge=SIZES[0], le=SIZES[-1])],
    _MAXIMISED: bool,
    _RECENT_EMOJI: Annotated[str, Meta(max_length=1024)],
    _BY_NAME: bool,
    _QUIET: bool,
}
# Of tables: the type of one entry with its name. Each is judged by itself.
_Choice = Annotated[str, Meta(pattern=r"^(pinned|muted|pinned muted)?\Z")]
_ENTRIES: dict[str, Any] = {
    LAST_ROOMS: dict[str, U63],
    _DRAFTS: dict[_DraftRoom, _Draft],
    _CHOICES: dict[_DraftRoom, _Choice],
}


class WindowSettings:
    """Main thread. The properties are in memory. `save`, and what belongs to the server used last (`remembered`, the
    room, drafts), raise LocalStoreError when the profile cannot be read or written."""

    def __init__(self, profile: "ProfileStore", policy: Policy = NO_POLICY) -> None:
        """Values that cannot be used are set aside, and `notice` names them. What `policy` fixes holds instead of what
        was chosen, which stays in the file."""
        self.policy = policy
        self._profile = profile
        self._settings = profile.settings
        self._changed = self._settings.set_aside(_is_usable)

    def _get(self, key: str, default: T) -> T:
        value: Any = self.policy.settings[key] if self.policy.fixes(key) else self._settings.get(key, default)
        return value if fits(value, _TYPES[key]) else default

    def _set(self, key: str, value: str | int | dict[str, str]) -> None:
        if not self.policy.fixes(key) and self._settings.get(key, type(value)()) != value:
            self._settings.set(key, value)
            self._changed = True

    @property
    def notice(self) -> str:
        """What a person should know about the settings' file, or about a policy that is ignored; else empty."""
        return details_text(self.policy.ignored or self._settings.notice)

    @property
    def language(self) -> str:
        """The code of the chosen language; empty: none was chosen."""
        return self._get(LANGUAGE, "")

    @language.setter
    def language(self, code: str) -> None:
        self._set(LANGUAGE, code)

    @property
    def theme(self) -> str:
        """The name of the chosen palette; empty: none was chosen."""
        return self._get(THEME, "")

    @theme.setter
    def theme(self, name: str) -> None:
        self._set(THEME, name)

    @property
    def recent_emoji(self) -> str:
        """The emoji used last, with a blank between two."""
        return self._get(_RECENT_EMOJI, "")

    @recent_emoji.setter
    def recent_emoji(self, value: str) -> None:
        self._set(_RECENT_EMOJI, value)

    @property
    def geometry(self) -> str:
        """Size and place of the window while it is not maximised, in Tk's notation; empty: not known."""
        return self._get(GEOMETRY, "")

    @geometry.setter
    def geometry(self, value: str) -> None:
        self._set(GEOMETRY, value)

    @property
    def maximised(self) -> bool:
        """Whether the window was maximised at the end of the last run."""
        return self._get(_MAXIMISED, False)

    @maximised.setter
    def maximised(self, value: bool) -> None:
        self._set(_MAXIMISED, value)

    @property
    def text_size(self) -> int:
        """Points more or less than usual."""
        return self._get(TEXT_SIZE, 0)

    @text_size.setter
    def text_size(self, step: int) -> None:
        self._set(TEXT_SIZE, step)

    def remembered(self) -> Account | None:
        """The account that this profile is logged in to on the server used last, or the fixed one."""
        server = self._server()
        device = self._profile.device(server.log_id) if server else None
        return Account(device.user_id, device.user_name, device.display_name, Role.MEMBER) if device else None

    def _server(self) -> "KnownServer | None":
        """The one used last, or the fixed one where this profile knows it."""
        fixed = self.policy.server
        return self._profile.known_by_fingerprint(fixed.fingerprint) if fixed else self._profile.last_server()

    def fingerprint(self) -> str:
        """That of the server used last, or of the fixed one; empty: none is known."""
        server = self._server()
        return server.fingerprint if server else ""

    def _log(self) -> bytes:
        server = self._server()
        return server.log_id if server else b""

    def last_room(self) -> int:
        """The room that was open last on this server; 0 for none."""
        return self._settings.last_room(self._log())

    def keep_room(self, room: int) -> None:
        """Remembers the open room for the server used last; 0, or no such server: nothing changes."""
        log = self._log()
        if room and log and room != self._settings.last_room(log):
            self._settings.set_last_room(log, room)
            self._changed = True

    def drafts(self, user: int) -> dict[int, str]:
        """Texts that were not sent, by room."""
        kept = self._settings.get(self._drafts_key(user), dict[str, str]())
        return {int(room): text for room, text in kept.items() if text and fits({room: text}, _ENTRIES[_DRAFTS])}

    def keep_drafts(self, user: int, drafts: Mapping[int, str]) -> None:
        """Replaces an account's texts by these, the newest as far as they fit; `user` 0: nothing changes."""
        if not user:
            return
        gone = {str(room): "" for room in self.drafts(user)}
        kept = {str(room): text for room, text in _newest(drafts)}
        if gone or kept:
            self._set(self._drafts_key(user), gone | kept)

    def room_choices(self, user: int) -> RoomChoices:
        """What an account chose for its list of rooms."""
        kept = self._settings.get(self._choices_key(user), dict[str, str]())
        usable = {int(room): text for room, text in kept.items() if fits({room: text}, _ENTRIES[_CHOICES])}
        return choices_from(usable, by_name=self._get(_BY_NAME, False), quiet=self._get(_QUIET, False))

    def keep_room_choices(self, user: int, choices: RoomChoices) -> None:
        """Remembers them; `user` 0: nothing changes."""
        if user:
            gone = {str(room): "" for room in self.room_choices(user).noted()}
            kept = gone | {str(room): text for room, text in choices.noted().items()}
            if kept:
                self._set(self._choices_key(user), kept)
            self._set(_BY_NAME, choices.by_name)
            self._set(_QUIET, choices.quiet)

    def _choices_key(self, user: int) -> str:
        return f"{_CHOICES}{self._log().hex()}_{user}"

    def _drafts_key(self, user: int) -> str:
        return f"{_DRAFTS}{self._log().hex()}_{user}"

    def save(self) -> None:
        """Writes what changed since the last time, when something did."""
        if self._changed:
            self._settings.save()
            self._changed = False


def _newest(drafts: Mapping[int, str]) -> list[tuple[int, str]]:
    """As many of the last ones as may be kept, in their order."""
    last = list(drafts.items())[-_DRAFTS_MAX:]
    totals = accumulate(len(text.encode("utf-8", "replace")) for _, text in reversed(last))
    fitting = sum(total <= _DRAFTS_OCTETS_MAX for total in totals)
    return last[len(last) - fitting :]


def _is_usable(key: str, value: object, entry: str | None) -> bool:
    """Whether a setting can be used, or one `entry` of a table of them. Settings of others can."""
    kind = next((prefix for prefix in (_DRAFTS, _CHOICES) if key.startswith(prefix)), key)
    entries = _ENTRIES.get(kind)
    if entry is None:
        return isinstance(value, dict) if entries else fits(value, _TYPES.get(key, Any))
    return entries is None or fits({entry: value}, entries)
