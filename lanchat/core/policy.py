"""What an administrator fixes for everybody on a computer, as a value; `lanchat.store.policy` reads it."""

from collections.abc import Mapping

import msgspec

from lanchat.protocol.problems import ProblemDetails
from lanchat.protocol.text.identity import InviteLink

# Settings that can be fixed.
LANGUAGE = "language"
THEME = "theme"
TEXT_SIZE = "text_size"


class Policy(msgspec.Struct, frozen=True):
    """`file`: where it stands, empty without one. `server`: the one that is connected to, and no other. `discovery`:
    whether servers are searched. `settings`: those that are fixed, with their values. `ignored`: why a file was not
    taken."""

    file: str = ""
    server: InviteLink | None = None
    discovery: bool = True
    settings: Mapping[str, str | int] = {}
    ignored: ProblemDetails | None = None

    def fixes(self, setting: str) -> bool:
        """Whether people cannot choose this setting themselves."""
        return setting in self.settings

    @property
    def language(self) -> str:
        """The code of the fixed language; empty: people choose."""
        return str(self.settings.get(LANGUAGE, ""))


NO_POLICY = Policy()
