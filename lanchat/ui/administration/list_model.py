"""`ListModel`: what pages have in common that list entries to search in, with one chosen for the actions. No Tk."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from lanchat.ui.administration.page_model import PageModel
from lanchat.ui.kit.table_rows import TableRow

Entry = TypeVar("Entry")


class ListModel(PageModel, ABC, Generic[Entry]):
    """`search`: the words that an entry must have to be shown; `chosen`: the id of the entry that actions are about."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """Empty, until `refresh` has read the entries."""
        super().__init__(changed)
        self._entries: dict[int, Entry] = {}
        self.search = ""
        self.chosen: int | None = None

    @property
    @abstractmethod
    def count_line(self) -> str:
        """How many entries there are."""

    @abstractmethod
    def refresh(self) -> None:
        """Reads the entries again."""

    @abstractmethod
    def _texts(self, entry: Entry) -> tuple[str, ...]:
        """The name of an entry, then what else is searched."""

    @abstractmethod
    def _row(self, key: int, entry: Entry) -> TableRow:
        """The entry as it is listed."""

    @property
    def _current(self) -> Entry | None:
        return None if self.chosen is None else self._entries.get(self.chosen)

    def rows(self) -> list[TableRow]:
        """The entries that have every word of the search, by name."""
        words = self.search.casefold().split()
        found: list[tuple[str, int]] = []
        for key, entry in self._entries.items():
            text = "\n".join(self._texts(entry)).casefold()
            if all(word in text for word in words):
                found.append((self._texts(entry)[0].casefold(), key))
        found.sort(key=lambda each: each[0])
        return [self._row(key, self._entries[key]) for _name, key in found]

    def _replace_entries(self, entries: Iterable[tuple[int, Entry]]) -> None:
        """After a reading; an entry that is no longer there is no longer chosen."""
        self._entries = dict(entries)
        if self.chosen not in self._entries:
            self.chosen = None

    def choose(self, key: int | None) -> None:
        """The entry that the actions are about."""
        if key != self.chosen:
            self.chosen, self.problem, self.done, self.question = key, "", "", None
            self._changed()

    def look_for(self, words: str) -> None:
        """Shows only entries with these words."""
        if words != self.search:
            self.search = words
            self._changed()

    def _refuse(self, problem: str) -> None:
        """Says why nothing is sent."""
        self.problem, self.done = problem, ""
        self._changed()

    def _after(self, text: str) -> Callable[[None], str]:
        """What is said after a change; the list is read again."""

        def changed(_nothing: None) -> str:
            self.refresh()
            return text

        return changed
