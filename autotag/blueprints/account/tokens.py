"""One's own API tokens: make one, see what they were used for last, end one."""

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.account import blueprint
from autotag.blueprints.account.forms import TokenForm
from autotag.blueprints.account.passwords import ATTEMPTS, WRONG_PASSWORD, own_account
from autotag.blueprints.control_panel.one_time_secret import TOKEN, keep_password, take_password
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.configuration.sign_in import load_sign_in_settings
from autotag.extensions import db, limiter
from autotag.instances.people import authenticate
from autotag.instances.tokens import TokenError, create_token, is_expired, list_tokens, revoke_token
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work


@blueprint.get("/tokens")
@requires(Role.VIEWER)
def tokens() -> ResponseReturnValue:
    """Show one's tokens, and the new one this once."""
    return render_tokens(token_form())


@blueprint.post("/tokens")
@limiter.limit(ATTEMPTS, key_func=own_account)
@requires(Role.VIEWER)
def create() -> ResponseReturnValue:
    """Make a token, for whoever knows the password, and show it on the page that follows."""
    form = token_form()
    if not form.validate():
        return render_tokens(form), 422
    user = current_user.user
    if authenticate(db.session(), g.instance.id, user.email, form.current.data) is None:
        form.refuse({"current": WRONG_PASSWORD})
        return render_tokens(form), 422
    role, days = Role(form.role.data), form.days.data
    try:
        with unit_of_work(db.session()) as work:
            longest = load_sign_in_settings(work.session, g.instance.id).longest_token_days
            row, token = create_token(
                work, user, name=form.name.data, role=role, days=days, longest=longest, actor=user.email
            )
            name = row.name
    except TokenError as error:
        form.refuse({error.field: error.message})
        return render_tokens(form), 422
    keep_password(name, token, TOKEN)
    return redirect(url_for("account.tokens"), 303)


@blueprint.post(f"/tokens/<int(max={MAXIMUM_ID}):token_id>/revoke")
@requires(Role.VIEWER)
def revoke(token_id: int) -> ResponseReturnValue:
    """End a token: the next call with it is refused."""
    user = current_user.user
    with unit_of_work(db.session()) as work:
        name = revoke_token(work, user, token_id, actor=user.email).name
    flash(f"The token {name} is revoked.", "success")
    return redirect(url_for("account.tokens"), 303)


def token_form() -> TokenForm:
    """Return the form, offering the roles up to one's own; the least one is chosen."""
    own = current_user.user.role
    form = TokenForm(role=Role.VIEWER.value)
    form.offer([role for role in Role if own.includes(role)])
    form.offer_lifetimes(load_sign_in_settings(db.session(), g.instance.id).longest_token_days)
    return form


def render_tokens(form: TokenForm) -> str:
    """Render the page."""
    return render_template(
        "account/tokens.html",
        form=form,
        tokens=list_tokens(db.session(), current_user.user),
        is_expired=is_expired,
        shown=take_password(TOKEN),
    )
