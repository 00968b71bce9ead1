"""The words for what an administrator fixed on this computer: for window and command line."""

from lanchat.core.policy import LANGUAGE, TEXT_SIZE, THEME, Policy
from lanchat.i18n import _

_LANGUAGES = {"en": "English", "ru": "Русский"}


def fixed_lines(policy: Policy) -> list[str]:
    """A sentence for the file and one for each thing that it fixes; none without a policy."""
    if not policy.file:
        return []
    lines = [_("The administrator of this computer has set, in {file}:").format(file=policy.file)]
    if policy.server is not None:
        host, port = policy.server.host, policy.server.port
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines.append(_("Server: {server}. No other one can be connected to.").format(server=place))
    if not policy.discovery:
        lines.append(_("The search for servers is off."))
    return lines + [_setting_line(name, value) for name, value in policy.settings.items()]


def _setting_line(name: str, value: str | int) -> str:
    if name == LANGUAGE:
        return _("Language: {language}").format(language=_LANGUAGES.get(str(value), value))
    if name == THEME:
        return _("Theme: {theme}").format(theme=_("dark") if value == "dark" else _("light"))
    assert name == TEXT_SIZE
    return _("Text size: {step}").format(step=value or _("usual"))
