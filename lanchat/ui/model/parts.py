"""Which parts of the window have to be drawn again after something happened."""

import enum


class WindowPart(enum.Flag):
    """Parts that show different things; a batch of events sums them up and each is drawn once."""

    NONE = 0
    PAGE = enum.auto()  # another page: servers, identity, log-in … or the conversation
    ENTRY = enum.auto()  # what a page before log-in says
    LINK = enum.auto()  # state line
    ACCOUNT = enum.auto()
    ROOMS = enum.auto()
    ROOM = enum.auto()  # another room was opened: header, composer
    PEOPLE = enum.auto()
    LINES = enum.auto()
    DRAFT = enum.auto()  # the composer's text, reply or edit was changed by something else than typing
    NOTICE = enum.auto()
