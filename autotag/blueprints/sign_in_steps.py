"""What a person has to do right after signing in, before any other page answers."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.errors import problem, wants_problem

PASSWORD_PAGES = frozenset({"account.index", "account.change_password"})


def unfinished_step() -> ResponseReturnValue | None:
    """Lead a signed-in person to the step that is missing; None when there is none, or this request is part of it.

    Programs with a token are not asked: they have no password and no pages.
    """
    if not current_user.user.must_change_password or request.endpoint in PASSWORD_PAGES:
        return None
    if wants_problem():
        return problem(403, "password_change_required", "Replace the generated password first.")
    return redirect(url_for("account.index"), 303)
