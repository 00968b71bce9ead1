"""Quotas and a full disk on real servers: which requests are refused, and what `status` reports."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from lanchat.protocol.log.messages import Kind
from tests.chaos.disks import SmallDisk
from tests.support.procs import ROOT, ServerProcess, json_lines, plain_environment, run_client
from tests.support.raw import RawClient
from tests.support.small_disk import needs_root
from tests.support.waiting import patient, wait_until

MIB = 1 << 20
PATIENCE = patient(20.0)


def server_command(server: ServerProcess, *args: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "lanchat_server", *args, "--data-dir", str(server.data_dir)]
    argv += server._settings["extra"]
    environment = plain_environment(server.data_dir)
    return subprocess.run(
        argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patient(60)
    )


def storage_status(server: ServerProcess) -> dict[str, Any]:
    done = server_command(server, "status", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["storage"]
    return found


def configured_server(
    folder: Path, *limits: str, data_dir: Path | None = None, database: str | None = None
) -> ServerProcess:
    config = folder / "server.toml"
    config.write_text("\n".join(["[limits]", "message_rate = 1000", "message_burst = 1000", *limits]))
    place = data_dir or folder / "server"
    return ServerProcess(place, database=database, extra=["--config", str(config)])


def submit(client: RawClient, text: str, kind: Kind = Kind.TEXT, ref: int = 0) -> Code | int:
    """The number of a message, or why it is refused or waits."""
    message = client.message(client.rooms["general"], text, kind=kind, ref=ref)
    client.send(wire.Submit([message]))
    answer = client.wait_for(wire.Decided | wire.Busy)
    if isinstance(answer, wire.Busy):
        client._n[client.rooms["general"]] -= 1  # it is offered again
        return Code(answer.code)
    receipt = answer.receipts[0]
    return Code(receipt.code) if receipt.code else receipt.seq


def submit_until_refused(client: RawClient, size: int = 4000) -> Code:
    for _ in range(1000):
        answer = submit(client, "x" * size)
        if isinstance(answer, Code):
            return answer
    raise AssertionError("nothing waits")


def test_daily_quota_is_per_user_and_survives_restart(tmp_path: Path) -> None:
    server = configured_server(tmp_path, "user_octets_per_day = 60000", "disk_reserve_mib = 0")
    profile = tmp_path / "anna"
    with server:
        server.add_account("boris")
        server.add_account("anna")
        arguments = ["--server", server.address, "--accept-new", "--user", "anna"]
        password = {"LANCHAT_PASSWORD": "correct horse"}
        assert run_client(["login", *arguments], profile, env=password).returncode == 0
        with RawClient(server.port) as anna, RawClient(server.port) as boris:
            anna.log_in("anna")
            boris.log_in("boris")
            assert anna.welcome.limits.user_octets_per_day == 60000
            assert submit_until_refused(anna) is Code.USER_QUOTA
            assert isinstance(submit(boris, "hello"), int)
        # The person reads why, and that nothing is lost.
        sent = run_client(["send", "general", "x" * 4000, "--server", server.address], profile)
        assert sent.returncode == 6, sent
        assert "as much as this server stores for one person a day" in sent.stderr
        pending = run_client(
            ["send", "general", "x" * 4000, "--allow-pending", "--json", "--server", server.address], profile
        )
        assert (pending.returncode, json_lines(pending.stdout)[0]["stored"]) == (0, False)
        russian = run_client(
            ["send", "general", "x" * 4000, "--server", server.address], profile, env={"LANG": "ru_RU.UTF-8"}
        )
        assert "для одного человека за день" in russian.stderr
        shown = storage_status(server)
        assert shown["users_over_quota"] == ["anna"]
        assert (shown["state"], shown["user_octets_per_day"]) == ("ok", 60000)
        assert "anna has used 80 % of a day's quota" in server.transcript()
    with server.restart() as again, RawClient(again.port) as anna, RawClient(again.port) as boris:
        anna.log_in("anna")
        boris.log_in("boris")
        assert submit_until_refused(anna) is Code.USER_QUOTA
        assert isinstance(submit(boris, "hello again"), int)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def test_full_log_is_reported_and_deletions_free_space(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    database = request.getfixturevalue("mariadb_url") if kind == "mariadb" else None
    with configured_server(tmp_path, "log_octets = 100000", "disk_reserve_mib = 0", database=database) as server:
        server.add_account("anna")
        with RawClient(server.port) as anna:
            anna.log_in("anna")
            first = submit(anna, "x" * 4000)
            assert isinstance(first, int)
            assert submit_until_refused(anna) is Code.LOG_FULL
            shown = storage_status(server)
            assert shown["state"] in ("close", "near")
            assert 0 < shown["log_octets"] <= shown["log_octets_max"] == 100000
            assert shown["database_disk_known"] is (kind == "sqlite")
            text = server_command(server, "status").stdout
            assert "Messages take" in text
            assert "Warning" in text
            assert ("not known here" in text) is (kind == "mariadb")
            for seq in range(first, first + 3):
                assert isinstance(submit(anna, "", Kind.DELETE, seq), int)
            # Accounts, rooms and people go on.
            assert isinstance(anna.request(wire.SetProfile("Anna")), wire.Done)
            stored = wait_until(lambda: isinstance(submit(anna, "x"), int), 2 * PATIENCE, "there is room", 1.0)
            assert stored


@needs_root
def test_full_disk_refuses_new_records_only_and_recovers(tmp_path: Path) -> None:
    with (
        SmallDisk(96 * MIB) as disk,
        configured_server(tmp_path, "disk_reserve_mib = 24", data_dir=disk.path / "server") as server,
    ):
        server.add_account("anna")
        with RawClient(server.port) as anna:
            anna.log_in("anna")
            first = submit(anna, "before")
            assert isinstance(first, int)
            assert storage_status(server)["state"] == "ok"
            disk.fill(leave=40 * MIB)
            wait_until(lambda: storage_status(server)["state"] == "near", PATIENCE, "the warning")
            assert isinstance(submit(anna, "still"), int)
            disk.fill(leave=20 * MIB)
            wait_until(lambda: storage_status(server)["state"] == "full", PATIENCE, "the reserve is reached")
            assert submit(anna, "no more") is Code.DISK_FULL
            room = wire.CreateRoom("room", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING)
            assert anna.request(room).code == Code.DISK_FULL
            assert anna.request(wire.SetProfile("Anna")).code == Code.DISK_FULL
            with RawClient(server.port) as newcomer:
                assert newcomer.register("newcomer").code == Code.DISK_FULL
            # Logging in, reading, deleting and administration go on.
            with RawClient(server.port) as again:
                assert isinstance(again.log_in("anna"), wire.LoggedIn)
            page = anna.request(wire.History(anna.rooms["general"], 1, True, 10))
            assert len(page.records) == 2
            assert isinstance(submit(anna, "", Kind.DELETE, first), int)
            server.add_account("boris")
            assert "nothing new is stored" in server_command(server, "status").stdout
            refused = server_command(server, "backup", str(tmp_path / "office.backup"))
            assert refused.returncode == 1
            assert "a reserve" in refused.stderr
            assert not (tmp_path / "office.backup").exists()
            disk.empty()
            wait_until(lambda: storage_status(server)["state"] == "ok", PATIENCE, "there is room again")
            assert isinstance(submit(anna, "no more"), int)
            assert isinstance(anna.request(room), wire.RoomResult)
        made = server_command(server, "backup", str(tmp_path / "office.backup"))
        assert made.returncode == 0, made.stderr


@needs_root
def test_backup_to_a_full_disk_fails_and_leaves_no_file(tmp_path: Path) -> None:
    with SmallDisk(MIB) as stick, configured_server(tmp_path) as server:
        server.add_account("anna")
        stick.fill()
        target = stick.path / "office.backup"
        done = server_command(server, "backup", str(target))
        assert done.returncode == 1
        assert "office.backup" in done.stderr
        assert not target.exists()
        assert not (server.data_dir / "unclaimed.backup").exists()
