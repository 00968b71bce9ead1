"""How files are written: a file named by the user keeps its kind, a private one is never written through a link."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lanchat.app import api
from lanchat.core.ports import LocalStoreError
from lanchat.platform.disk.file_lock import FileLock
from lanchat.platform.disk.files import (
    FileRefused,
    OutputFile,
    close_to_others,
    create_private,
    make_private_folder,
    open_private,
    replace_file,
    writing,
)
from lanchat.store.local import SqliteLocalStore
from lanchat.store.profile import ProfileStore
from lanchat_server.admin.run import AdminError
from lanchat_server.cli.main import run as server_command
from lanchat_server.config import load
from lanchat_server.core.ports import StoreError
from lanchat_server.service.errors import StartError
from lanchat_server.service.keys import load_or_create
from lanchat_server.store import open_store
from lanchat_server.store.opening import lock_file
from tests.support.administration import accounts
from tests.support.fake_client import fake, line, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, devices and modes of POSIX")
LINES = [line(1, "one"), line(2, "two")]


def exported(file: Path | str, *more: str) -> int:
    return run(
        fake({api.LoadLinesFromCommand: lambda command: LINES[command.first - 1 :]}),
        "export",
        "general",
        str(file),
        *more,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestOutputFiles:
    def test_new_file_is_private(self, tmp_path: Path) -> None:
        assert exported(tmp_path / "new.txt") == 0
        assert mode(tmp_path / "new.txt") == 0o600
        assert os.listdir(tmp_path) == ["new.txt"]

    def test_file_keeps_its_permission_bits(self, tmp_path: Path) -> None:
        old = tmp_path / "old.txt"
        old.write_text("old")
        old.chmod(0o644)
        assert exported(old) == 0
        assert "two" in old.read_text()
        assert mode(old) == 0o644

    @pytest.mark.parametrize("there", [True, False])
    def test_link_is_kept_and_its_target_written(self, tmp_path: Path, there: bool) -> None:
        (tmp_path / "far").mkdir()
        target = tmp_path / "far" / "target.txt"
        if there:
            target.write_text("old")
            target.chmod(0o640)
        (tmp_path / "middle").symlink_to(Path("far") / "target.txt")
        link = tmp_path / "link.txt"
        link.symlink_to("middle")
        assert exported(link) == 0
        assert link.is_symlink()
        assert (tmp_path / "middle").is_symlink()
        assert "two" in target.read_text()
        assert mode(target) == (0o640 if there else 0o600)
        assert os.listdir(tmp_path / "far") == ["target.txt"]

    def test_pipe_in_place_of_a_private_file_is_refused(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT):
            with pytest.raises(FileRefused):
                open_private(pipe, flags)
        with pytest.raises(OSError):  # no reader
            open_private(pipe, os.O_WRONLY | os.O_CREAT)

    def test_pipe_is_kept_and_written(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        read: list[str] = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
        reader.start()
        assert exported(pipe) == 0
        reader.join(30)
        assert "two" in read[0]
        assert stat.S_ISFIFO(pipe.stat().st_mode)

    @pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
    def test_standard_output_contains_only_the_data(self, name: str, capfd: pytest.CaptureFixture[str]) -> None:
        before = os.lstat("/dev/stdout")
        assert exported(name) == 0
        out, err = capfd.readouterr()
        assert [text.rpartition(" ")[2] for text in out.splitlines()] == ["one", "two"]
        assert "2 messages written" in err
        after = os.lstat("/dev/stdout")
        assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)

    @pytest.mark.skipif(sys.platform != "linux", reason="/proc")
    def test_output_of_another_process_is_not_standard_output(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        other = tmp_path / "other.txt"
        with other.open("wb") as file, subprocess.Popen(["sleep", "60"], stdout=file) as process:
            try:
                assert exported(f"/proc/{process.pid}/fd/1") == 0
            finally:
                process.kill()
        assert "two" in other.read_text()
        assert "two" not in capfd.readouterr().out

    def test_standard_output_as_json(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert exported("-", "--json") == 0
        assert [text[0] for text in capfd.readouterr().out.splitlines()] == ["{", "{"]

    def test_device_is_kept(self, tmp_path: Path) -> None:
        link = tmp_path / "null"
        link.symlink_to(os.devnull)
        assert exported(link) == 0
        assert exported(os.devnull) == 0
        assert stat.S_ISCHR(os.lstat(os.devnull).st_mode)
        assert link.is_symlink()

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
    def test_full_device_is_one_error_line(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert exported("/dev/full") == 1
        assert (
            capfd.readouterr().err.splitlines()[-1] == "lanchat: /dev/full cannot be written: No space left on device"
        )

    @pytest.mark.parametrize("name", ["", "folder", "absent/file.txt", "file/below.txt", "new/", "loop"])
    def test_unwritable_target_is_reported_before_any_request(
        self, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").write_text("old")
        (tmp_path / "loop").symlink_to("loop")
        client = fake()
        place = f"{tmp_path}/{name}" if name else ""
        assert run(client, "export", "general", place) == 1
        assert client.asked == []
        assert capfd.readouterr().err.count("\n") == 1
        assert sorted(os.listdir(tmp_path)) == ["file", "folder", "loop"]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_interrupted_write_leaves_the_old_file(self, tmp_path: Path, error: type[BaseException]) -> None:
        old = tmp_path / "old.txt"
        old.write_text("old")
        destination = OutputFile(old)
        destination.stream.write(b"new")
        with pytest.raises(error), writing(old):
            raise error
        destination.abandon()
        assert old.read_text() == "old"
        assert os.listdir(tmp_path) == ["old.txt"]

    def test_draft_names_are_unpredictable(self, tmp_path: Path) -> None:
        """So that no link can be planted at the name of a draft."""
        first, second = OutputFile(tmp_path / "a"), OutputFile(tmp_path / "a")
        assert len(set(os.listdir(tmp_path))) == 2
        first.abandon()
        second.abandon()
        assert os.listdir(tmp_path) == []


class TestPrivateFiles:
    def test_replacing_a_link_leaves_its_target(self, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_text("precious")
        link = tmp_path / "settings.toml"
        link.symlink_to(victim)
        replace_file(link, b"new")
        assert victim.read_text() == "precious"
        assert not link.is_symlink()
        assert mode(link) == 0o600

    def test_drafts_of_killed_processes_are_removed(self, tmp_path: Path) -> None:
        (tmp_path / ".devices.toml.0123.new").symlink_to(tmp_path / "victim")
        replace_file(tmp_path / "devices.toml", b"new")
        assert os.listdir(tmp_path) == ["devices.toml"]

    @pytest.mark.parametrize(
        ("make", "errors"),
        [
            (FileLock, OSError),
            (lock_file, StoreError),
            (lambda path: create_private(path, b"x"), OSError),
            (close_to_others, OSError),
        ],
    )
    @pytest.mark.parametrize("there", [True, False])
    def test_links_are_refused(
        self, tmp_path: Path, make: Callable[[Path], object], errors: type[Exception], there: bool
    ) -> None:
        victim = tmp_path / "victim"
        if there:
            victim.write_text("precious")
            victim.chmod(0o644)
        link = tmp_path / "link"
        link.symlink_to(victim)
        with pytest.raises(errors):
            make(link)
        assert victim.exists() == there
        assert not there or (victim.read_text(), mode(victim)) == ("precious", 0o644)

    def test_local_copy_is_not_written_through_a_link(self, tmp_path: Path) -> None:
        profile = ProfileStore.open(tmp_path / "profile")
        store = profile.local_store(bytes(16), 1)
        store.close()
        file = next((tmp_path / "profile" / "logs").glob("*.sqlite"))
        elsewhere = tmp_path / "elsewhere.sqlite"
        file.rename(elsewhere)
        before = elsewhere.read_bytes()
        file.symlink_to(elsewhere)
        with pytest.raises(LocalStoreError, match="symbolic link"):
            profile.local_store(bytes(16), 1)
        assert elsewhere.read_bytes() == before

    def test_world_writable_folders_are_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "profile"
        folder.mkdir()
        folder.chmod(0o777)
        with pytest.raises(LocalStoreError, match="chmod o-w"):
            ProfileStore.open(folder)
        with pytest.raises(OSError, match="chmod o-w"):
            make_private_folder(folder, strict=False)

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives folders away")
    def test_folders_of_other_users_are_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "profile"
        folder.mkdir()
        os.chown(folder, 12345, 12345)
        with pytest.raises(LocalStoreError, match="another user"):
            ProfileStore.open(folder)

    def test_server_keys_are_made_private_again(self, tmp_path: Path) -> None:
        load_or_create(tmp_path / "data")
        key = tmp_path / "data" / "keys" / "log.key"
        key.chmod(0o644)
        load_or_create(tmp_path / "data")
        assert mode(key) == 0o600
        assert sorted(os.listdir(tmp_path / "data")) == ["keys"]


class TestBackups:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        assert server_command(["--data-dir", str(tmp_path / "data"), "init-db"]) == 0
        return tmp_path / "data"

    def test_link_is_kept(self, data: Path, tmp_path: Path) -> None:
        target, link = tmp_path / "target.backup", tmp_path / "link.backup"
        link.symlink_to(target)
        assert server_command(["--data-dir", str(data), "backup", str(link)]) == 0
        assert link.is_symlink()
        assert mode(target) == 0o600
        assert server_command(["--data-dir", str(tmp_path / "other"), "restore", str(link)]) == 0
        assert mode(tmp_path / "other") == 0o700

    def test_backup_and_restore_through_pipes(
        self, data: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        capfdbinary.readouterr()
        assert server_command(["--data-dir", str(data), "backup", "/dev/stdout"]) == 0
        octets = capfdbinary.readouterr().out
        assert octets.startswith(b"PK")
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        feeder = threading.Thread(target=lambda: pipe.write_bytes(octets))
        feeder.start()
        assert server_command(["--data-dir", str(tmp_path / "other"), "restore", str(pipe)]) == 0
        feeder.join(30)

    @pytest.mark.parametrize("name", ["folder", "absent/file", "/dev/full"])
    def test_unwritable_target_is_one_error_line(
        self, data: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "folder").mkdir()
        capfd.readouterr()
        assert server_command(["--data-dir", str(data), "backup", str(tmp_path / name)]) == 1
        assert capfd.readouterr().err.count("\n") == 1
        assert not list(data.glob("*backup*"))

    @pytest.mark.parametrize("name", ["folder", "absent", "/dev/null"])
    def test_unreadable_source_is_one_error_line(
        self, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "folder").mkdir()
        assert server_command(["--data-dir", str(tmp_path / "new"), "restore", str(tmp_path / name)]) == 1
        assert capfd.readouterr().err.count("\n") == 1
        assert not (tmp_path / "new").exists()


class TestIrregularFiles:
    """A pipe in place of a private file must not block, a device not be read for ever."""

    @pytest.fixture(params=["pipe", "device", "link to a device", "folder"])
    def put(self, request: pytest.FixtureRequest) -> Callable[[Path], None]:
        def put(path: Path) -> None:
            path.unlink(missing_ok=True)
            match request.param:
                case "pipe":
                    os.mkfifo(path)
                case "device":
                    try:
                        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
                    except PermissionError:
                        pytest.skip("only root makes devices")
                case "link to a device":
                    path.symlink_to("/dev/zero")
                case _:
                    path.mkdir()

        return put

    @pytest.mark.parametrize("name", ["servers.toml", "devices.toml"])
    def test_identity_files_are_refused(self, tmp_path: Path, put: Callable[[Path], None], name: str) -> None:
        profile = ProfileStore.open(tmp_path)
        put(tmp_path / name)
        with pytest.raises(LocalStoreError, match=name):
            profile.servers() if name == "servers.toml" else profile.device(bytes(16))

    def test_settings_file_is_refused(self, tmp_path: Path, put: Callable[[Path], None]) -> None:
        put(tmp_path / "settings.toml")
        with pytest.raises(LocalStoreError, match="settings"):
            assert ProfileStore.open(tmp_path).settings

    @pytest.mark.parametrize("name", ["identity.key", "identity.crt", "log.key"])
    def test_key_files_are_refused(self, tmp_path: Path, put: Callable[[Path], None], name: str) -> None:
        load_or_create(tmp_path)
        put(tmp_path / "keys" / name)
        with pytest.raises(StartError):
            load_or_create(tmp_path)

    @pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
    def test_local_copy_is_refused(self, tmp_path: Path, put: Callable[[Path], None], suffix: str) -> None:
        copy = tmp_path / "copy.sqlite"
        SqliteLocalStore(copy).close()
        put(tmp_path / f"copy.sqlite{suffix}")
        with pytest.raises(LocalStoreError):
            SqliteLocalStore(copy)

    @pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
    def test_database_is_refused(self, tmp_path: Path, put: Callable[[Path], None], suffix: str) -> None:
        open_store(None, tmp_path).close()
        put(tmp_path / f"lanchat.sqlite3{suffix}")
        with pytest.raises(StoreError):
            open_store(None, tmp_path)

    def test_administration_channel_file_is_refused(self, tmp_path: Path, put: Callable[[Path], None]) -> None:
        put(tmp_path / "admin.json")
        with pytest.raises(AdminError, match="admin"):
            accounts(load({"data_dir": tmp_path}, environment={}))


class TestCreatedFolders:
    """An open umask does not let other users replace files in created folders."""

    @pytest.fixture(autouse=True)
    def open_umask(self) -> Iterator[None]:
        old = os.umask(0)
        yield
        os.umask(old)

    def made(self, folder: Path) -> set[int]:
        return {mode(path) for path in folder.rglob("*") if path.is_dir()}

    def test_profile_folders_are_private(self, tmp_path: Path) -> None:
        ProfileStore.open(tmp_path / "one" / "two" / "profile")
        assert self.made(tmp_path) == {0o700}

    def test_data_directory_made_by_a_command_is_private(self, tmp_path: Path) -> None:
        assert server_command(["init-db", "--data-dir", str(tmp_path / "one" / "data")]) == 0
        assert self.made(tmp_path) == {0o700}
        load_or_create(tmp_path / "one" / "data")

    def test_database_folders_are_private(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/one/two/chat.db"
        assert server_command(["init-db", "--data-dir", str(tmp_path / "data"), "--database", url]) == 0
        assert self.made(tmp_path) == {0o700}

    def test_existing_folder_keeps_its_mode(self, tmp_path: Path) -> None:
        (tmp_path / "shared").mkdir(mode=0o755)
        ProfileStore.open(tmp_path / "shared" / "profile")
        assert mode(tmp_path / "shared") == 0o755
