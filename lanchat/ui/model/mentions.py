"""Who of the open room a name that is being typed may mean. Pure."""

from lanchat.app.api import Person
from lanchat.protocol.text.mentions import typed_mention
from lanchat.protocol.text.search_words import fold
from lanchat.ui.model.chat_model import ChatModel

_SHOWN = 6


def mentionable(model: ChatModel, before: str) -> tuple[Person, ...]:
    """Members whose user name, or a word of their display name, begins as what stands behind the `@` before the cursor;
    none when no name is being typed, or it is complete."""
    begun = typed_mention(before)
    if begun is None:
        return ()
    letters = fold(begun)
    here = (model.people.get(user) for user in model.members if user != model.me)
    found = [person for person in here if person and _begins(person, letters)]
    if len(found) == 1 and fold(found[0].name) == letters:
        return ()
    return tuple(sorted(found, key=lambda person: (not fold(person.name).startswith(letters), person.name))[:_SHOWN])


def _begins(person: Person, letters: str) -> bool:
    return any(word.startswith(letters) for word in (fold(person.name), *fold(person.display_name).split()))
