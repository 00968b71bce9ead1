"""The backup of every night, for which the settings name a folder.

It is due when the time of day has come since the newest backup in the folder was made: a server that was not running
then makes it when it starts. One that fails is logged and tried again after an hour; the older ones stay.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import cast

from lanchat_server.admin.backups import make_nightly
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.reserve import MIB, DiskReserve
from lanchat_server.maintenance.rotation import DRAFTS, backup_name, newest_ms
from lanchat_server.service.context import RequestContext
from lanchat_server.service.work.threads import ThreadPool
from lanchat_server.store import SqlStore

# Seconds between two looks at the clock, which may be set.
LOOK = 20.0
RETRY_MS = 3_600_000

log = logging.getLogger(__name__)


async def run_nightly(context: RequestContext, folder: Path, looks: ThreadPool, count: Callable[[str], None]) -> None:
    """Until cancelled. `looks`: a thread that a disk may keep waiting."""
    tried_ms = 0
    with contextlib.suppress(StoreError):
        await looks.run(partial(_remove_drafts, folder))
    while True:
        now_ms = context.wall_ms()
        due = False
        try:
            made_ms = await looks.run(partial(newest_ms, folder, now_ms))
            due = is_due(now_ms, made_ms, tried_ms, context.config.backup_time)
        except StoreError:  # the thread is busy: at the next look
            pass
        except OSError as error:
            due = abs(now_ms - tried_ms) >= RETRY_MS
            log.warning("the folder of the nightly backup cannot be read: %s", error)
        if due:
            tried_ms = now_ms
            count("nightly_backup_made" if await _make(context, folder, now_ms) else "nightly_backup_failed")
        await asyncio.sleep(LOOK)


async def _make(context: RequestContext, folder: Path, now_ms: int) -> bool:
    config = context.config
    file = folder / backup_name(now_ms, context.entropy)
    reserve = DiskReserve(config.data_dir, config.disk_reserve_mib * MIB)
    work = partial(make_nightly, cast(SqlStore, context.store), config.data_dir, reserve, file, config.backup_keep)
    try:
        _file, summary = await context.work.backups.run(work, reserve)
    except StoreError as error:
        log.error("the nightly backup failed, the older ones are still there: %s", error)
        return False
    log.info("nightly backup: %s, %d accounts, %d messages", file, summary.users, summary.messages)
    return True


def is_due(now_ms: int, made_ms: int, tried_ms: int, time_of_day: str, zone: tzinfo | None = None) -> bool:
    """`made_ms`: of the newest backup, 0: none; `tried_ms`: of the last try. `zone` None: this computer's."""
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    hour, _colon, minute = time_of_day.partition(":")
    last = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    if last > now:
        last -= timedelta(days=1)
    made_since = last.timestamp() * 1000 <= made_ms <= now_ms
    return not made_since and abs(now_ms - tried_ms) >= RETRY_MS


def _remove_drafts(folder: Path) -> None:
    """What a server that was killed left."""
    with contextlib.suppress(OSError):
        for draft in folder.glob(DRAFTS):
            with contextlib.suppress(OSError):  # somebody else's
                draft.unlink(missing_ok=True)
