"""Who may call a view: closed by default, each view states its rule."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort
from flask_login import current_user

from autotag.models import Role

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

RULE = "autotag_access_rule"
PUBLIC = "public"


def public(view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """Open a view to everybody, signed in or not."""
    setattr(view, RULE, PUBLIC)
    return view


def requires(role: Role) -> Callable[[Callable[Parameters, Answer]], Callable[Parameters, Answer]]:
    """Open a view to those who have at least this role; others get a 403."""

    def decorate(view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        @wraps(view)
        def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            if not current_user.may(role):
                abort(403)
            return view(*args, **kwargs)

        setattr(checked, RULE, role)
        return checked

    return decorate
