"""A server always keeps an active administrator."""

from typing import Any

import pytest

from lanchat.protocol.codes import Code, Role
from lanchat_server.core.accounts import accounts
from lanchat_server.core.refusals import Refused
from tests.support.rig import Rig


def change(rig: Rig, user: int, **changes: Any) -> Code | None:
    """Why it was refused; None when it was done."""
    try:
        with rig.store.transaction() as tx:
            changed = accounts.update_user(tx, rig.directory, user, **changes)
    except Refused as refused:
        return refused.code
    changed.apply()
    return None


@pytest.mark.parametrize("loses", [{"disabled": True}, {"role": Role.MEMBER}, {"role": Role.MODERATOR}])
def test_last_active_administrator_is_neither_disabled_nor_demoted(loses: dict[str, Any]) -> None:
    rig = Rig()
    assert change(rig, 1, **loses) is Code.LAST_ADMINISTRATOR
    # One that is disabled cannot act.
    assert change(rig, 2, role=Role.ADMINISTRATOR) is None
    assert change(rig, 2, disabled=True) is None
    assert change(rig, 1, **loses) is Code.LAST_ADMINISTRATOR
    assert rig.directory.active_administrators() == [rig.directory.users[1]]
    assert change(rig, 2, disabled=False) is None
    assert change(rig, 1, **loses) is None
    assert change(rig, 2, **loses) is Code.LAST_ADMINISTRATOR
