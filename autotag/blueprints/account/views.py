"""What everybody can change about their own sign-in."""

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints import security_events
from autotag.blueprints.access import requires
from autotag.blueprints.account import blueprint
from autotag.blueprints.account.forms import OwnPasswordForm
from autotag.blueprints.account.passwords import ATTEMPTS, WRONG_PASSWORD, own_account
from autotag.blueprints.browsers import browser_name
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.services import services
from autotag.extensions import db, limiter
from autotag.instances import people
from autotag.instances.errors import PeopleError
from autotag.instances.first_sign_in import forget_first_password
from autotag.instances.passwords import choose_password
from autotag.instances.tokens import list_tokens
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work

SAME_PASSWORD = "This is your current password. Choose another one."  # noqa: S105 - a sentence

blueprint.add_app_template_filter(browser_name)


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show one's password form and sessions."""
    return render_account(OwnPasswordForm())


@blueprint.post("/password")
@limiter.limit(ATTEMPTS, key_func=own_account)
@requires(Role.VIEWER)
def change_password() -> ResponseReturnValue:
    """Change one's own password; every other session ends, and the API tokens if the person says so."""
    form = OwnPasswordForm()
    if not form.validate():
        return render_account(form), 422
    user = current_user.user
    if people.authenticate(db.session(), g.instance.id, user.email, form.current.data) is None:
        security_events.password_refused(user)
        form.refuse({"current": WRONG_PASSWORD})
        return render_account(form), 422
    if form.password.data == form.current.data:
        form.refuse({"password": SAME_PASSWORD})
        return render_account(form), 422
    was_generated, keep_tokens = user.must_change_password, not form.end_tokens.data
    try:
        new = choose_password(form.password.data, about=(user.email, *people.names_of(g.instance)))
        with unit_of_work(db.session()) as work:
            kept = current_user.session_id
            people.set_password(work, user, new, actor=user.email, keep_session=kept, keep_tokens=keep_tokens)
    except PeopleError as error:
        form.refuse({error.field: error.message})
        return render_account(form), 422
    if g.instance.is_default:
        forget_first_password(services().config.instance_path, user.email)
    ended = "sessions are" if keep_tokens else "sessions and your API tokens are"
    flash(f"Your password is changed. Your other {ended} ended.", "success")
    return redirect(url_for("documents.index" if was_generated else "account.index"), 303)


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
        user = current_user.user
        people.end_sessions(work, user, actor=user.email, keep_session=current_user.session_id)
    flash("You are signed out everywhere else.", "success")
    return redirect(url_for("account.index"), 303)


def render_account(form: OwnPasswordForm) -> str:
    """Render the account page, of which a person with a generated password sees the form for another one only."""
    user = current_user.user
    if user.must_change_password:
        return render_template("account/first_password.html", form=form)
    sessions = people.list_sessions(db.session(), user)
    tokens = len(list_tokens(db.session(), user))
    return render_template("account/index.html", form=form, sessions=sessions, tokens=tokens)
