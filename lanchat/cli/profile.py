"""Where the profile is that the options name. Of its own, so that the window does not load what commands need."""

from argparse import Namespace
from pathlib import Path

from lanchat.i18n import _
from lanchat.terminal.exits import FAILED, CliError


def profile_directory(options: Namespace) -> Path:
    """`--profile`, else the platform's place. Raises CliError for a user without a home folder."""
    from lanchat.store.profile import default_profile_directory

    try:
        return Path(options.profile).expanduser() if options.profile else default_profile_directory()
    except (RuntimeError, KeyError):
        text = _("This user has no home folder: name a folder for the profile with --profile")
        raise CliError(FAILED, text) from None
