"""Files of a message as people see them."""

from collections.abc import Sequence

from lanchat.app.api import FileView
from lanchat.protocol.log.files import Manifest
from lanchat.protocol.text.file_names import safe_file_name


def file_views(manifests: Sequence[Manifest]) -> tuple[FileView, ...]:
    """What people are told of files; their names are safe for a screen and a folder."""
    if not manifests:
        return ()
    return tuple(
        FileView(safe_file_name(manifest.name), manifest.size, manifest.sha256.hex(), manifest.media_type)
        for manifest in manifests
    )
