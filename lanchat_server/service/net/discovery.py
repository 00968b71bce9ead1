"""Lets clients find this server: the beacon at once, DNS-SD on every interface as soon as it is registered.

The server starts and serves without it: whatever the network does, it costs discovery and a line in the log.
"""

import asyncio
import contextlib
import importlib
import logging
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lanchat.platform.network.interfaces import RESCAN_INTERVAL, list_interfaces
from lanchat.protocol.datagram.beacon import DISCOVERY_PORT, Advert
from lanchat_server.service.net.beacon import Beacon

if TYPE_CHECKING:
    from lanchat.discovery.mdns import MdnsEndpoint

# Goodbyes go out three times within 0.25 s; after this the server goes on with its own end.
STOP_TIMEOUT = 1.0


class DiscoveryService:
    """Announces from `start` to `stop`, both in one event loop; neither raises for network trouble.

    `port` is the control port, `fingerprint` 64 hex digits. `host` is the one address that the server listens on, and
    the only one that is announced then; None, "", "0.0.0.0" and "::" are all.
    """

    def __init__(
        self,
        *,
        name: str,
        port: int,
        log_id: bytes,
        fingerprint: str,
        discovery_port: int = DISCOVERY_PORT,
        host: str | None = None,
        rescan_interval: float = RESCAN_INTERVAL,
        logger: logging.Logger,
    ) -> None:
        """`discovery_port`: the beacon's. `rescan_interval`: seconds between two looks at the network interfaces."""
        self._advert = Advert(log_id, fingerprint, port, name)
        self._host = _single_address(host)
        self._rescan_interval = rescan_interval
        self._log = logger
        self._beacon = Beacon(self._advert, discovery_port, self._host, logger)
        if socket.has_dualstack_ipv6() and (not host or ":" in host):
            self._beacon.speak_ipv6()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """The beacon answers when this returns, after a few milliseconds; DNS-SD follows within two seconds."""
        await self._beacon.reconcile(await asyncio.to_thread(list_interfaces))
        self._tasks = [asyncio.create_task(self._keep_beacon()), asyncio.create_task(self._keep_dns_sd())]

    async def stop(self) -> None:
        """Says goodbye; returns after STOP_TIMEOUT seconds at the latest. The beacon goes first: whoever asks because
        of the goodbye must get no answer."""
        self._beacon.close()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
        self._beacon.close()

    async def _keep_beacon(self) -> None:
        while True:
            await asyncio.sleep(self._rescan_interval)
            await self._beacon.reconcile(await asyncio.to_thread(list_interfaces))

    async def _keep_dns_sd(self) -> None:
        await asyncio.to_thread(importlib.import_module, "lanchat.discovery.mdns")
        from lanchat.discovery import mdns

        def warn(place: "MdnsEndpoint", error: Exception) -> None:
            self._log.warning("no zeroconf announcement on %s: %s", place, error or type(error).__name__)

        await mdns.keep_stations(mdns.Announcer(self._advert).announce, warn, self._host, self._rescan_interval)


def _single_address(host: str | None) -> str | None:
    """`host` when it is one address of this computer, with its zone; a name is treated as all of them."""
    with contextlib.suppress(ValueError):
        address = ip_address(host or "")
        return None if address.is_unspecified else str(address)
    return None
