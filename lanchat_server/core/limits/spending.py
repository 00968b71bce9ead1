"""Allowances for a day, taken within the transaction that makes what they are for."""

from lanchat.protocol.codes import Code
from lanchat_server.core.limits import allowance
from lanchat_server.core.limits.allowance import AllowanceHolder
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused


def spend_daily(tx: Transaction, spender: AllowanceHolder, most: int, now_ms: int) -> None:
    """One more of today's. Raises Refused when there were as many as may be."""
    free_us = tx.allowances([spender])[spender]
    wait = allowance.wait(free_us, most, 1, now_ms)
    if wait:
        raise Refused(Code.LIMIT_REACHED, f"too many {spender.what.name.lower()} today", wait)
    tx.set_allowances({spender: allowance.after(free_us, most, 1, now_ms)})
