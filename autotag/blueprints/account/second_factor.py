"""One's own second factor: set it up, get new recovery codes, turn it off."""

import json

import segno
from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup

from autotag.blueprints.access import requires
from autotag.blueprints.account import blueprint
from autotag.blueprints.account.forms import SecondFactorForm, TurnOffForm
from autotag.blueprints.account.passwords import ATTEMPTS, WRONG_PASSWORD, own_account
from autotag.blueprints.control_panel.one_time_secret import keep_codes, take_codes
from autotag.blueprints.services import services
from autotag.blueprints.sign_in_steps import requires_second_factor
from autotag.configuration.context import secret_box
from autotag.configuration.secret_box import SecretBox, SecretUnreadable
from autotag.extensions import db, limiter
from autotag.instances import second_factor as factors
from autotag.instances.errors import PeopleError
from autotag.instances.people import authenticate
from autotag.models import Role
from autotag.models.unit_of_work import UnitOfWork, unit_of_work

NEW_SECRET = "new_second_factor"  # noqa: S105 - a name


@blueprint.get("/second-factor")
@requires(Role.VIEWER)
def second_factor() -> ResponseReturnValue:
    """Show how to set it up, or that it is on; and new recovery codes, this once."""
    codes = take_codes()
    if codes:
        sealed = box().seal(json.dumps(codes), codes_place())
        return render_template("account/recovery_codes.html", codes=codes, sealed=sealed)
    return (
        render_on(TurnOffForm())
        if factors.has_second_factor(current_user.user)
        else render_off(SecondFactorForm())
    )


@blueprint.post("/second-factor/set-up")
@limiter.limit(ATTEMPTS, key_func=own_account)
@requires(Role.VIEWER)
def set_up_second_factor() -> ResponseReturnValue:
    """Turn it on, for whoever knows the password and has the secret in an app."""
    form, user = SecondFactorForm(), current_user.user
    if factors.has_second_factor(user):
        return redirect(url_for("account.second_factor"), 303)
    if not form.validate() or not knows_password(form):
        return render_off(form), 422
    try:
        with unit_of_work(db.session()) as work:
            kept = current_user.session_id
            codes = factors.set_up(
                work, user, secret_to_set_up(), form.code.data, box=box(), keep_session=kept
            )
    except PeopleError as error:
        form.refuse({error.field: error.message})
        return render_off(form), 422
    cookie.pop(NEW_SECRET, None)
    keep_codes(codes)
    flash("Your second factor is on. Your other sessions are ended.", "success")
    return redirect(url_for("account.second_factor"), 303)


@blueprint.post("/second-factor/recovery-codes")
@limiter.limit(ATTEMPTS, key_func=own_account)
@requires(Role.VIEWER)
def renew_recovery_codes() -> ResponseReturnValue:
    """Replace the recovery codes, for whoever knows the password and has a code."""
    form, user = TurnOffForm(), current_user.user
    if not factors.has_second_factor(user):
        return redirect(url_for("account.second_factor"), 303)
    if not form.validate() or not knows_password(form):
        return render_on(form), 422
    with unit_of_work(db.session()) as work:
        codes = factors.renew_recovery_codes(work, user) if proves(work, form) else []
    if not codes:
        return render_on(form), 422
    keep_codes(codes)
    return redirect(url_for("account.second_factor"), 303)


@blueprint.post("/second-factor/turn-off")
@limiter.limit(ATTEMPTS, key_func=own_account)
@requires(Role.VIEWER)
def turn_off_second_factor() -> ResponseReturnValue:
    """Turn it off, for whoever knows the password and has a code."""
    form, user = TurnOffForm(), current_user.user
    if not factors.has_second_factor(user):
        return redirect(url_for("account.second_factor"), 303)
    if not form.validate() or not knows_password(form):
        return render_on(form), 422
    with unit_of_work(db.session()) as work:
        is_off = proves(work, form) and factors.remove(
            work, user, actor=user.email, keep_session=current_user.session_id
        )
    if not is_off:
        return render_on(form), 422
    flash("Your second factor is off. Your other sessions are ended.", "success")
    return redirect(url_for("account.index"), 303)


@blueprint.post("/second-factor/recovery-codes/download")
@requires(Role.VIEWER)
def download_recovery_codes() -> ResponseReturnValue:
    """Send the codes that the page shows as a file; nothing else has them any more."""
    try:
        codes = json.loads(box().open(request.form.get("codes", ""), codes_place()))
    except (SecretUnreadable, ValueError):
        abort(400)
    head = f"Recovery codes of {current_user.user.email} at {request.host}. Each works once.\n\n"
    answer = Response(head + "\n".join(codes) + "\n", content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = "attachment; filename=autotag-recovery-codes.txt"
    return answer


def knows_password(form: SecondFactorForm) -> bool:
    """Whether the password in the form is the person's; tells it beside the field if not."""
    user = current_user.user
    if authenticate(db.session(), g.instance.id, user.email, form.current.data) is not None:
        return True
    form.refuse({"current": WRONG_PASSWORD})
    return False


def proves(work: UnitOfWork, form: SecondFactorForm) -> bool:
    """Whether the code in the form is right; uses it up, and tells it beside the field if not."""
    if factors.verify(work, current_user.user, form.code.data, box=box()):
        return True
    form.refuse({"code": factors.WRONG_CODE})
    return False


def render_on(form: TurnOffForm) -> str:
    """Render the page of somebody who has a second factor."""
    left = factors.count_recovery_codes(db.session(), current_user.user)
    return render_template(
        "account/second_factor_on.html", form=form, left=left, is_required=requires_second_factor()
    )


def render_off(form: SecondFactorForm) -> str:
    """Render the page of somebody who has none: alone, where the instance requires one."""
    secret = secret_to_set_up()
    address = factors.app_address(secret, current_user.user, request.host.partition(":")[0])
    # Drawn by the library from our own text: nothing in it is markup of anybody else.
    code = Markup(segno.make(address, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff"))  # noqa: S704 - see above
    template = (
        "account/second_factor_required.html"
        if requires_second_factor()
        else "account/second_factor_off.html"
    )
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return render_template(template, form=form, qr_code=code, secret=groups)


def secret_to_set_up() -> str:
    """Return the secret that the page offers: the same one until it is used, so that a reload changes no app."""
    place = f"{NEW_SECRET}/{g.instance.id}/{current_user.user.id}"
    try:
        return box().open(cookie.get(NEW_SECRET, ""), place)
    except ValueError:
        secret = factors.new_secret()
        cookie[NEW_SECRET] = box().seal(secret, place)
        return secret


def codes_place() -> str:
    """Return what the codes on the page are sealed for."""
    return f"recovery-codes/{g.instance.id}/{current_user.user.id}"


def box() -> SecretBox:
    """Return what encrypts with the installation's key."""
    return secret_box(services().config)
