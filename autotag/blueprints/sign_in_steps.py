"""What a person has to do right after signing in, before any other page answers."""

import time

from flask import current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.errors import problem, wants_problem
from autotag.configuration.sign_in import load_sign_in_settings
from autotag.extensions import db
from autotag.instances.second_factor import has_second_factor

PASSWORD_PAGES = frozenset({"account.index", "account.change_password"})
SECOND_FACTOR_PAGES = frozenset({"account.second_factor", "account.set_up_second_factor"})
REMEMBERED_SECONDS = 5.0
"""How long a web server acts on a setting before it reads it again, so that pages do not cost a query more."""


def unfinished_step() -> ResponseReturnValue | None:
    """Lead a signed-in person to the step that is missing; None when there is none, or this request is part of it.

    Programs with a token are not asked: they have no password and no pages.
    """
    user = current_user.user
    if user.must_change_password:
        page, part_of_it, code = "account.index", PASSWORD_PAGES, "password_change_required"
        message = "Replace the generated password first."
    elif not has_second_factor(user) and requires_second_factor():
        page, part_of_it, code = "account.second_factor", SECOND_FACTOR_PAGES, "second_factor_required"
        message = "Set up a second factor first."
    else:
        return None
    if request.endpoint in part_of_it:
        return None
    return problem(403, code, message) if wants_problem() else redirect(url_for(page), 303)


def requires_second_factor() -> bool:
    """Whether this request's instance requires a second factor, as read within the last seconds."""
    known: dict[int, tuple[float, bool]] = current_app.extensions.setdefault("autotag_second_factor", {})
    read_at, required = known.get(g.instance.id, (-REMEMBERED_SECONDS, False))
    if time.monotonic() - read_at >= REMEMBERED_SECONDS:
        required = load_sign_in_settings(db.session(), g.instance.id).requires_second_factor
        known[g.instance.id] = (time.monotonic(), required)
    return required
