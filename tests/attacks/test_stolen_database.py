"""A stolen database contains nothing that logs in. (A backup and the data directory hold the server's keys.)"""

import json
import subprocess
import sys
from pathlib import Path

from lanchat.protocol import wire
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient

PASSWORD = "what only Anna knows"


def run_command(server: ServerProcess, *words: str) -> dict[str, str]:
    argv = [sys.executable, "-m", "lanchat_server", *words, "--data-dir", str(server.data_dir), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    answer: dict[str, str] = json.loads(done.stdout.splitlines()[0])
    return answer


def test_database_holds_no_usable_passwords_codes_or_keys(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, RawClient(server.port) as anna:
        anna.register("anna", PASSWORD, email="anna@example.org")
        assert anna.say(anna.rooms["general"], "everybody reads this").seq
        session = anna.session.keys
        codes = [
            anna.request(wire.CreateInvite(1, 3600)).code,
            run_command(server, "users", "invite-code")["code"],
            run_command(server, "users", "reset-password", "anna")["code"],
        ]
        admin = json.loads((server.data_dir / "admin.json").read_text())
        server.stop()
    folder = server.data_dir
    stolen = b"".join(file.read_bytes() for file in sorted(folder.glob("*.sqlite3*")))
    # This is the database.
    assert b"everybody reads this" in stolen
    assert b"anna@example.org" in stolen
    assert b"$argon2id$" in stolen
    secrets = [PASSWORD, *codes, *(code.replace("-", "") for code in codes), admin["token"]]
    assert [secret for secret in secrets if secret.encode() in stolen] == []
    keys = [anna.key.private_bytes_raw(), session.to_server, session.to_client]
    keys += [file.read_bytes().split(b"\n")[1] for file in (folder / "keys").glob("*.key")]
    assert len(keys) > 4
    assert [key for key in keys if key in stolen or key.hex().encode() in stolen] == []
