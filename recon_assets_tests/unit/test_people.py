"""Who acts by a command."""

import os

import pytest

from recon_assets import review
from recon_assets.errors import DeclarationError
from recon_assets.review import people

ME = people.user()


def test_without_reviewers_it_is_who_they_say_or_who_the_environment_says() -> None:
    assert review.reviewer("ben", {"USER": "ana"}) == "ben"
    assert review.reviewer("", {"USER": "ana"}) == "ana"
    with pytest.raises(DeclarationError, match="Say who you are"):
        review.reviewer("", {})


@pytest.mark.parametrize(
    ("given", "said", "expected"),
    [
        pytest.param(f"{ME}:ana", "", "ana", id="the only name"),
        pytest.param(f"{ME}:ana", "ana", "ana", id="said too"),
        pytest.param(f"x:ben, {ME}: ana+ben", "ben", "ben", id="one of two"),
        pytest.param(f"{ME}:ana", "ben", f"--reviewer ben: by RECON_REVIEWERS you, as the user {ME!r}", id="another"),
        pytest.param(f"{ME}:ana+ben", "", "are ana or ben; say which", id="which"),
        pytest.param("x:ben", "ben", "are nobody; have yourself added", id="not named"),
        pytest.param("x", "ben", "'x' is not user:name", id="no pair"),
        pytest.param("x:ana,x:ben", "ben", "repeats a user", id="twice"),
        pytest.param("x:policy", "ben", "no person's name", id="a program's name"),
    ],
)
def test_nobody_is_whom_their_user_is_not(given: str, said: str, expected: str) -> None:
    """Whatever USER says: that anybody can set."""
    environ = {"RECON_REVIEWERS": given, "USER": "eve"}
    try:
        found = review.reviewer(said, environ)
    except DeclarationError as error:
        found = str(error)
    assert expected in found


def test_who_launches_is_the_user_of_the_machine_by_the_name_that_the_ledger_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody where that is a program's, or where the machine knows no such user."""
    assert review.launcher({"USER": "eve"}) == ME
    assert review.launcher({"RECON_REVIEWERS": f"{ME}:ana+ben"}) == "ana"
    assert review.launcher({"RECON_REVIEWERS": "nonsense"}) == ""
    monkeypatch.setattr(os, "getuid", lambda: 2**31)
    assert people.user() == ""
    assert review.launcher({}) == ""
