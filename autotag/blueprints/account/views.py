"""What everybody can change about their own sign-in."""

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.account import blueprint
from autotag.blueprints.account.browsers import browser_name
from autotag.blueprints.account.forms import OwnPasswordForm
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.services import services
from autotag.extensions import db, limiter
from autotag.instances import people
from autotag.instances.first_sign_in import forget_first_password
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work

ATTEMPTS = "10 per minute"
WRONG_PASSWORD = "This is not your current password."  # noqa: S105 - a sentence

blueprint.add_app_template_filter(browser_name)


def own_account() -> str:
    """Name the account, so that guesses of its password count together."""
    return f"account:{current_user.user.id}"


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show one's password form and sessions."""
    return render_account(OwnPasswordForm())


@blueprint.post("/password")
@limiter.limit(ATTEMPTS, key_func=own_account)
@requires(Role.VIEWER)
def change_password() -> ResponseReturnValue:
    """Change one's own password; every other session ends."""
    form = OwnPasswordForm()
    if not form.validate():
        return render_account(form), 422
    user = current_user.user
    if people.authenticate(db.session(), g.instance.id, user.email, form.current.data) is None:
        form.refuse({"current": WRONG_PASSWORD})
        return render_account(form), 422
    try:
        with unit_of_work(db.session()) as work:
            kept = current_user.session_id
            people.set_password(work, user, form.password.data, actor=user.email, keep_session=kept)
    except people.PeopleError as error:
        form.refuse({error.field: error.message})
        return render_account(form), 422
    if g.instance.is_default:
        forget_first_password(services().config.instance_path, user.email)
    flash("Your password is changed. Your other sessions are ended.", "success")
    return redirect(url_for("account.index"), 303)


@blueprint.post(f"/sessions/<int(max={MAXIMUM_ID}):session_id>/end")
@requires(Role.VIEWER)
def end_session(session_id: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    with unit_of_work(db.session()) as work:
        people.end_session(work, current_user.user, session_id)
    flash("The session is ended.", "success")
    return redirect(url_for("account.index"), 303)


@blueprint.post("/sessions/end-others")
@requires(Role.VIEWER)
def end_others() -> ResponseReturnValue:
    """End all of one's sessions but this one."""
    with unit_of_work(db.session()) as work:
        people.end_sessions(work, current_user.user, keep_session=current_user.session_id)
    flash("You are signed out everywhere else.", "success")
    return redirect(url_for("account.index"), 303)


def render_account(form: OwnPasswordForm) -> str:
    """Render the account page."""
    sessions = people.list_sessions(db.session(), current_user.user)
    return render_template("account/index.html", form=form, sessions=sessions)
