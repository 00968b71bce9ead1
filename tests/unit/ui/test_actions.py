"""Every action of keys and menus is carried out by the main page."""

import ast
import inspect
import textwrap

from lanchat.ui.menus.keys import Action
from lanchat.ui.pages.main import MainPage


def test_every_action_has_a_row() -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(MainPage._table)))
    (table,) = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    rows = [key.attr for key in table.keys if isinstance(key, ast.Attribute)]
    assert sorted(rows) == sorted(action.name for action in Action)
