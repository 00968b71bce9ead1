"""Where the profile is that the options name. Of its own, so that the window does not load what commands need."""

from argparse import Namespace
from pathlib import Path


def profile_directory(options: Namespace) -> Path:
    """`--profile`, else the platform's place."""
    from lanchat.store.profile import default_profile_directory

    return Path(options.profile).expanduser() if options.profile else default_profile_directory()
