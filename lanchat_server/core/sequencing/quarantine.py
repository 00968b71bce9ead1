"""What others hand in of authors who were shut out: it waits for an administrator, who takes or drops it.

Nothing shows whether a message is older than the end of its author's right, so a person decides. What waits is bounded,
also of one author, whose key somebody else may have now.
"""

from lanchat.protocol.codes import Code
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits import usage
from lanchat_server.core.model import QuarantinedMessage, QuarantineSize

# Why an author is shut out.
SHUT_OUT = frozenset((Code.AUTHOR_REVOKED, Code.AUTHOR_DISABLED))


def octets_of(message: QuarantinedMessage) -> int:
    """What it takes, as the log counts it."""
    return usage.message_octets(len(message.message.header), len(message.message.body))


class QuarantineRoom:
    """Room that is left for messages, within one transaction."""

    def __init__(self, config: CoreConfig, sizes: dict[int, QuarantineSize]) -> None:
        """`sizes`: by author, what waits already."""
        self._config = config
        self._sizes = dict(sizes)

    @property
    def messages(self) -> int:
        """How many wait."""
        return sum(size.messages for size in self._sizes.values())

    def take(self, message: QuarantinedMessage) -> bool:
        """Whether there is room for one more, which is counted then."""
        config, octets = self._config, octets_of(message)
        mine = self._sizes.get(message.author, QuarantineSize(0, 0))
        total = sum(size.octets for size in self._sizes.values())
        if mine.messages >= config.quarantine_author_max or mine.octets + octets > config.quarantine_author_octets:
            return False
        if self.messages >= config.quarantine_max or total + octets > config.quarantine_octets:
            return False
        self._sizes[message.author] = QuarantineSize(mine.messages + 1, mine.octets + octets)
        return True
