"""What people read about a file that cannot be used: for both programs."""

from lanchat.i18n import N_, _
from lanchat.platform.disk.files import FileRefused
from lanchat.protocol.problems import Problem

FILE_TEXTS = {
    Problem.OTHER_OWNER: N_("it belongs to another user"),
    Problem.WRITABLE_BY_ALL: N_("everybody may write to it; use chmod o-w"),
    Problem.OPEN_TO_OTHERS: N_("others on this computer can read it, and its rights cannot be changed"),
    Problem.SYMBOLIC_LINK: N_("it is a symbolic link"),
    Problem.NOT_A_FILE: N_("it is not a file"),
    Problem.STDIN_CLOSED: N_("standard input is closed"),
    Problem.STDOUT_CLOSED: N_("standard output is closed"),
    Problem.CHANGED_WHILE_READ: N_("it changed while it was read"),
    Problem.LARGER_THAN_TAKEN: N_("it is larger than what is taken"),
    Problem.LINK_LEADS_OUT: N_("it is a link that leads out of the folder, or to a folder"),
    Problem.NAME_NOT_TEXT: N_("its name is not UTF-8 text"),
    Problem.TOO_MANY_ENTRIES: N_("the folder has too many files"),
    Problem.ALREADY_THERE: N_("another file has this name, and nothing is overwritten"),
    Problem.BEING_WRITTEN: N_("another program is fetching it right now"),
}


def os_error_text(error: OSError) -> str:
    """Why the operating system, in its own words, or `lanchat.platform.disk.files` refused."""
    if isinstance(error, FileRefused):
        return _(FILE_TEXTS[error.problem])
    return error.strerror or str(error)
