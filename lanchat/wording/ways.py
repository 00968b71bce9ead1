"""How a server was found, in words."""

from lanchat.i18n import _


def via_text(via: str) -> str:
    """The words for `Server.via`."""
    return {
        "zeroconf": _("found on the network"),
        "probe": _("found on the network"),
        "peer": _("named by a colleague"),
        "typed": _("typed address"),
        "invite": _("invite link"),
        "known": _("used before"),
    }.get(via, via)
