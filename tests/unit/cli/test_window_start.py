"""What the window loads before it is shown: nothing of the network, which is loaded while it is there already."""

import subprocess
import sys

from tests.support.procs import ROOT
from tests.support.waiting import patient

LOADED = """
import sys
from lanchat.cli.options import parse
parse([])
from lanchat.cli.commands import window
from lanchat.cli.profile import profile_directory
import lanchat.store.profile, lanchat.ui.launch, lanchat.ui.pages.servers
print(*sorted({"asyncio", "ssl", "zeroconf", "lanchat.app.client", "lanchat.transport.tls"} & set(sys.modules)))
"""


def test_network_is_not_loaded_before_the_window() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, timeout=patient(30), check=True
    )
    assert done.stdout.split() == []
