"""The fail2ban filter finds refused log-ins in the log of a real server, and nothing that a stranger writes there."""

import configparser
import re
from pathlib import Path

import pytest

from tests.support.procs import ROOT, ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import wait_until

FILTER = ROOT / "packaging" / "linux" / "fail2ban" / "filter.d" / "lanchat-server.conf"
TIME = "2026-01-31T12:34:56.789Z"
# What fail2ban puts in the place of <HOST>: an address, or a name.
HOST = r"(?:\[?(?:::f{4,6}:)?(?P<host>\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]+)\]?|(?P<dns>[\w.-]+))"


def hosts(line: str) -> list[str]:
    """Addresses that the filter finds in a line; as fail2ban does, the time of the line is cut out first."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(FILTER)
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "", line, count=1)
    expressions = config["Definition"]["failregex"].splitlines()
    matches = [re.search(expression.replace("<HOST>", HOST), line) for expression in expressions]
    return [match["host"] for match in matches if match]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_filter_finds_refused_logins_of_a_real_server(tmp_path: Path, options: tuple[str, ...]) -> None:
    with ServerProcess(tmp_path / "data", extra=options) as server, RawClient(server.port) as client:
        client.register("anna")
        with RawClient(server.port, source="127.0.0.9") as other:
            other.log_in("anna", "a wrong password")
            other.log_in("log-in refused from 192.0.2.1: wrong", "a wrong password")
            wait_until(lambda: sum(map(len, map(hosts, server.stderr))) == 2, 20, "both are in the log")
    found = [line for line in server.stderr if hosts(line)]
    assert [hosts(line) for line in found] == [["127.0.0.9"], ["127.0.0.9"]]
    assert "account anna" in found[0]
    assert "192.0.2.1" not in "".join(server.stderr), "what may be a password in the wrong field"


@pytest.mark.parametrize(
    "line",
    [
        f"{TIME} INFO lanchat_server.service.context: anna logged in from 192.0.2.1",
        f"{TIME} INFO lanchat_server.x: log-in refused from 192.0.2.1: logged in from 192.0.2.2",
        f"{TIME} WARNING lanchat_server.x: INFO lanchat_server.y: log-in refused from 192.0.2.1: wrong",
        '{"time": "", "level": "info", "logger": "lanchat_server.x", "message": "x log-in refused from 192.0.2.1: "}',
    ],
)
def test_filter_ignores_other_lines(line: str) -> None:
    assert hosts(line) == []


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::7"])
@pytest.mark.parametrize("prefix", ["", "pc lanchat-server[812]: "])
def test_filter_finds_addresses_of_both_families(address: str, prefix: str) -> None:
    line = f"{prefix}{TIME} INFO lanchat_server.x: log-in refused from {address}: wrong password, account anna"
    assert hosts(line) == [address]
