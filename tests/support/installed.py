"""The program as it is installed in a virtual environment of its own, with a folder beside it for a policy."""

import site
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.procs import ROOT, plain_environment
from tests.support.waiting import patient


class InstalledClient:
    """`folder` is the environment; what it runs is the code of this checkout with the libraries of the tests."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=patient(60))
        folder.chmod(0o755)
        self.folder = folder
        packages = next(folder.glob("lib/python*/site-packages"))
        (packages / "checkout.pth").write_text("\n".join([str(ROOT), *site.getsitepackages()]) + "\n")

    def run(self, *args: str, profile: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        return subprocess.run(
            [*self._python(), "--profile", str(profile), *args],
            env=plain_environment(profile, env),
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=patient(30),
        )

    def _python(self) -> Sequence[str]:
        return [str(self.folder / "bin" / "python"), "-m", "lanchat"]
