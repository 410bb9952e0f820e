"""The sign-in page and the way out."""

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints import security_events, signed_in
from autotag.blueprints.access import public
from autotag.blueprints.auth import blueprint, second_step
from autotag.blueprints.auth.forms import CodeForm, SignInForm
from autotag.blueprints.presentation import safe_next
from autotag.blueprints.services import services
from autotag.configuration.context import secret_box
from autotag.extensions import db, limiter
from autotag.instances.passwords import renew
from autotag.instances.people import SignInOvertaken, authenticate, open_session, replace_hash
from autotag.instances.second_factor import WRONG_CODE, has_second_factor, verify
from autotag.models import User
from autotag.models.unit_of_work import unit_of_work

ATTEMPTS = "10 per minute"
LEFT_BEHIND = '"cache", "storage"'
"""What a browser removes at sign-out, if the site has HTTPS: pictures, and drafts of forms. Cookies are not named,
because that would sign people out of the virtual instances on other hosts of the same domain."""
WRONG_PAIR = "E-mail or password is wrong."


def attempted_account() -> str:
    """Name the account that is being tried, so that guesses from many addresses count together."""
    return f"{g.instance.id}:{request.form.get('email', '').strip().lower()[:254]}"


@blueprint.route("/sign-in", methods=["GET", "POST"])
@limiter.limit(ATTEMPTS, methods=["POST"])
@limiter.limit(ATTEMPTS, key_func=attempted_account, methods=["POST"])
@public
def sign_in() -> ResponseReturnValue:
    """Ask for e-mail and password, and go on to where the person was heading."""
    next_path = safe_next(request.args.get("next"))
    onward = next_path or url_for("documents.index")
    if current_user.is_authenticated:
        return redirect(onward, 303)
    form = SignInForm()
    if not form.is_submitted():
        return render_template("auth/sign_in.html", form=form, next_path=next_path)
    if form.validate():
        user = authenticate(db.session(), g.instance.id, form.email.data, form.password.data)
        if user is not None:
            renew_hash(user, form.password.data)
            if has_second_factor(user):
                second_step.begin(user)
                return redirect(url_for("auth.enter_code", next=next_path), 303)
        if user is not None and begin_session(user, user.password_hash):
            return redirect(onward, 303)
        security_events.sign_in_failed(form.email.data)
        form.form_errors.append(WRONG_PAIR)
    return render_template("auth/sign_in.html", form=form, next_path=next_path), 422


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
@limiter.limit(ATTEMPTS, methods=["POST"])
@limiter.limit(second_step.ATTEMPTS, key_func=second_step.attempted_account, methods=["POST"])
@public
def enter_code() -> ResponseReturnValue:
    """Ask whoever has given the right password for a code of their second factor."""
    next_path = safe_next(request.args.get("next"))
    user = second_step.pending_user()
    if user is None:
        return redirect(url_for("auth.sign_in", next=next_path), 303)
    form = CodeForm()
    if not form.is_submitted():
        return render_template("auth/code.html", form=form, next_path=next_path)
    if form.validate():
        proven_hash = user.password_hash
        with unit_of_work(db.session()) as work:
            is_right = verify(work, user, form.code.data, box=secret_box(services().config))
        if is_right:
            if not begin_session(user, proven_hash):
                return redirect(url_for("auth.sign_in", next=next_path), 303)
            return redirect(next_path or url_for("documents.index"), 303)
        security_events.sign_in_failed(user.email)
        form.code.errors = [WRONG_CODE]
    return render_template("auth/code.html", form=form, next_path=next_path), 422


def renew_hash(user: User, password: str) -> None:
    """Hash a password again that an earlier version hashed with less work."""
    renewed = renew(user.password_hash, password)
    if renewed is not None:
        with unit_of_work(db.session()) as work:
            replace_hash(work, user, renewed)


def begin_session(user: User, proven_hash: str) -> bool:
    """Open a server-side session and give this browser its token; False when the password counts no more."""
    try:
        with unit_of_work(db.session()) as work:
            token = open_session(
                work,
                user,
                address=request.remote_addr or "",
                browser=request.user_agent.string,
                proven_hash=proven_hash,
            )
            security_events.signed_in(work, user)
    except SignInOvertaken:
        return False
    signed_in.start(token)
    return True


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """End the session, on the server as well as in this browser. Without one, it is ended already."""
    signed_in.stop()
    answer = redirect(url_for("auth.sign_in"), 303)
    answer.headers["Clear-Site-Data"] = LEFT_BEHIND
    return answer
