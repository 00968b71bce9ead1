"""One computer of one user. Its store survives crashes; several processes may run on it at once."""

from typing import Any

from tests.sim.client import Process
from tests.sim.store import SimLocalStore
from tests.support.rig import Author


class Profile:
    """`gone`: it never comes back. `revoked`: the server lets it in no more. `image`: a backup of its disk."""

    def __init__(self, world: Any, number: int, author: Author) -> None:
        self.world = world
        self.number = number
        self.author = author
        self.user = author.user
        self.store = SimLocalStore(world, author.user)
        self.image: SimLocalStore | None = None
        self.processes: list[Process] = []
        self.gone = False
        self.revoked = False
        self.asleep_until = 0.0
        # The last one that the server gave it.
        self.certificate: Any = None
        # Whether its disk has all that its processes were told is kept.
        self.forgot = False

    @property
    def kept_all(self) -> bool:
        """Whether what its processes carried must be in the log in the end."""
        return self.lives and not self.forgot

    @property
    def device(self) -> bytes:
        return self.author.device

    @property
    def lives(self) -> bool:
        """Whether everything that it made must be decided in the end."""
        return bool(self.processes) and not self.revoked

    @property
    def awake(self) -> bool:
        awake: bool = self.world.clock.now >= self.asleep_until
        return awake

    def start(self) -> Process:
        process = Process(self)
        self.world.checker.started(process)
        self.processes.append(process)
        process.begin()
        return process

    def sleep(self, seconds: float) -> None:
        """The lid is closed: nothing of it runs, and nobody is told."""
        self.asleep_until = self.world.clock.now + seconds
        for process in self.processes:
            if process.link is not None:
                process.link.down.stalled_until = max(process.link.down.stalled_until, self.asleep_until)

    def put_back_image(self) -> None:
        """The disk is as it was when the image was made; what waited since then is lost."""
        image, self.image = self.image, None
        self.forgot = True
        assert image is not None
        for item in self.store.outgoing():
            if not image.has(item.key):
                image.damaged.add(item.key)
        self.store = image

    def online_since(self, server: Any) -> float | None:
        """When the oldest session of this computer that a server has began; None: there is none, or one whose TLS is
        dead."""
        links = server.links.values()
        mine = [process for process in self.processes if process.link is not None and process.link in links]
        if any(process.link.dead for process in mine if process.link is not None):
            return None
        return min((process.session_began for process in mine if process.session_began is not None), default=None)
