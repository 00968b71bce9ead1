"""How often a server that is gone is searched for."""

from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.app.login import dial
from lanchat.app.login.dial import SEARCH_FIRST, SEARCH_LONGEST, SEARCH_OFTEN, Dialer, DialOptions


class SearchingDialer(Dialer):
    """Its searches find nothing, and end at once."""

    async def _search(self, here: Any) -> Any:
        return None


def test_search_is_frequent_while_a_standby_may_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    loop = SimpleNamespace(time=lambda: now[0])
    monkeypatch.setattr(dial, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    nobody: Any = SimpleNamespace(device_id=b"", user_id=1, certificate=None)
    dialer = SearchingDialer(nobody, nobody, nobody, nobody, DialOptions(1), lambda *_: None)
    dialer._away_since = now[0]
    distances = []
    while now[0] < 200.0:
        with pytest.raises(StopIteration):
            dialer._search_in_turn(None).send(None)  # type: ignore[arg-type]
        distances.append(dialer._search_at - now[0])
        now[0] = dialer._search_at
    often = int(SEARCH_OFTEN / SEARCH_FIRST)
    assert distances[:often] == [SEARCH_FIRST] * often
    assert distances[often + 1 :] == [2.0, 4.0, 8.0, 16.0, SEARCH_LONGEST, SEARCH_LONGEST]
