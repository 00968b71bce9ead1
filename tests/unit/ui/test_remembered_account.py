"""A remembered account and the user that the command line names: whether the window logs in by itself."""

import pytest

from lanchat.app import api
from lanchat.ui.model.entry_model import LaunchOptions, WindowPage
from tests.support.ui_desk import Workbench


def page_for(user: str) -> WindowPage:
    bench = Workbench()  # ivan.petrov is remembered
    bench.flow.begin(LaunchOptions(address="192.168.1.10", user=user), False)
    bench.run()
    assert bench.engine.called(api.GetOfferCommand)
    return bench.entry.page


@pytest.mark.parametrize("user", ["", "ivan.petrov", "Ivan.Petrov", "IVAN.PETROV", " ivan.petrov ", "ｉｖａｎ.petrov"])
def test_remembered_account_is_used_under_any_spelling(user: str) -> None:
    assert page_for(user) is WindowPage.CHAT


@pytest.mark.parametrize("user", ["anna", "ivan", "ivan.petrov2"])
def test_another_user_gets_the_login_page(user: str) -> None:
    assert page_for(user) is WindowPage.LOGIN
