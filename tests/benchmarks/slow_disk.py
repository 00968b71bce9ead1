"""A disk that takes longer to be sure: processes started meanwhile wait after each fsync and fdatasync.

What a batch saves is the disk's time, and that is between 0.1 ms (a data centre's, with a capacitor) and 10 ms (a
rotating one). So what rests on it is measured at more than one speed. The library between the programs and the kernel
is made with the machine's C compiler.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int slowly(const char *name, int file) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = sync(file);
    usleep((useconds_t)atoi(getenv("SLOW_DISK_MICROSECONDS")));
    return result;
}
int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
"""


def can_be_slowed() -> bool:
    """Whether there is a compiler."""
    return shutil.which("cc") is not None


@contextlib.contextmanager
def slowed(milliseconds: float) -> Iterator[None]:
    """So much longer for processes that are started within the block. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder:
        source, library = Path(folder) / "slow.c", Path(folder) / "slow.so"
        source.write_text(_SOURCE)
        # A MariaDB server runs as a user of its own.
        Path(folder).chmod(0o755)
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True)
        os.environ |= {"LD_PRELOAD": str(library), "SLOW_DISK_MICROSECONDS": str(round(milliseconds * 1000))}
        try:
            yield
        finally:
            del os.environ["LD_PRELOAD"], os.environ["SLOW_DISK_MICROSECONDS"]
