"""The people of this virtual instance: adding them, their roles, their passwords, shutting them out."""

from flask import Blueprint, abort, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.control_panel.forms import PasswordForm, RoleForm, UserForm
from autotag.blueprints.control_panel.one_time_secret import keep_password, take_password
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.presentation import role_label
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.instances import people, second_factor
from autotag.instances.errors import PeopleError
from autotag.instances.first_sign_in import forget_first_password
from autotag.instances.passwords import choose_or_generate
from autotag.models import Role, User
from autotag.models.unit_of_work import unit_of_work

blueprint = Blueprint("users", __name__, url_prefix="/control-panel/users")

ONE_USER = f"/<int(max={MAXIMUM_ID}):user_id>"


@blueprint.get("")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """Show everybody."""
    listed = people.list_users(db.session(), g.instance.id)
    return render_template("users/index.html", users=listed, shown_once=take_password())


@blueprint.get("/add")
@requires(Role.ADMINISTRATOR)
def add() -> ResponseReturnValue:
    """Show the form for a new person."""
    return render_template("users/add.html", form=offered(UserForm()))


@blueprint.post("/add")
@requires(Role.ADMINISTRATOR)
def create() -> ResponseReturnValue:
    """Add a person to this instance."""
    form = offered(UserForm())
    if not form.validate():
        return render_template("users/add.html", form=form), 422
    email, role, actor = form.email.data, Role(form.role.data), current_user.user.email
    about = (email, *people.names_of(g.instance))
    try:
        password, hashed = choose_or_generate(form.password.data or None, about=about)
        with unit_of_work(db.session()) as work:
            user = people.create_user(work, g.instance, email=email, password=hashed, role=role, actor=actor)
    except PeopleError as error:
        form.refuse({error.field: error.message})
        return render_template("users/add.html", form=form), 422
    if not form.password.data:
        keep_password(user.email, password)
    flash(f"{user.email} is added.", "success")
    return redirect(url_for("users.index"), 303)


@blueprint.get(ONE_USER)
@requires(Role.ADMINISTRATOR)
def show(user_id: int) -> ResponseReturnValue:
    """Show one person and what can be changed."""
    return render_user(manageable(user_id))


@blueprint.post(f"{ONE_USER}/role")
@requires(Role.ADMINISTRATOR)
def change_role(user_id: int) -> ResponseReturnValue:
    """Give a person another role."""
    user = manageable(user_id)
    form = offered(RoleForm())
    if not form.validate():
        return render_user(user, role_form=form), 422
    try:
        with unit_of_work(db.session()) as work:
            people.set_role(work, g.instance, user, Role(form.role.data), actor=current_user.user.email)
    except PeopleError as error:
        form.refuse({error.field: error.message})
        return render_user(user, role_form=form), 422
    flash(f"{user.email} is {role_label(user.role).lower()} now.", "success")
    return redirect(url_for("users.index"), 303)


@blueprint.post(f"{ONE_USER}/password")
@requires(Role.ADMINISTRATOR)
def change_password(user_id: int) -> ResponseReturnValue:
    """Give a person another password, a generated one unless one was typed, and end their sessions and tokens."""
    user = manageable(user_id)
    form = PasswordForm()
    if not form.validate():
        return render_user(user, password_form=form), 422
    about = (user.email, *people.names_of(g.instance))
    try:
        password, hashed = choose_or_generate(form.password.data or None, about=about)
        with unit_of_work(db.session()) as work:
            people.set_password(work, user, hashed, actor=current_user.user.email)
    except PeopleError as error:
        form.refuse({error.field: error.message})
        return render_user(user, password_form=form), 422
    if g.instance.is_default:
        forget_first_password(services().config.instance_path, user.email)
    if not form.password.data:
        keep_password(user.email, password)
    flash(
        f"{user.email} has a new password and is signed out everywhere. Their API tokens are revoked.",
        "success",
    )
    return redirect(url_for("users.index"), 303)


@blueprint.post(f"{ONE_USER}/activate")
@requires(Role.ADMINISTRATOR)
def activate(user_id: int) -> ResponseReturnValue:
    """Let a person in again."""
    return switch(manageable(user_id), True)


@blueprint.post(f"{ONE_USER}/deactivate")
@requires(Role.ADMINISTRATOR)
def deactivate(user_id: int) -> ResponseReturnValue:
    """Shut a person out at once."""
    return switch(manageable(user_id), False)


@blueprint.post(f"{ONE_USER}/second-factor/reset")
@requires(Role.ADMINISTRATOR)
def reset_second_factor(user_id: int) -> ResponseReturnValue:
    """Turn a person's second factor off, who has lost it, and end their sessions."""
    user = manageable(user_id)
    with unit_of_work(db.session()) as work:
        was_on = second_factor.remove(work, user, actor=current_user.user.email)
    state = "is reset. They are signed out everywhere." if was_on else "was off already."
    flash(f"The second factor of {user.email} {state}", "success")
    return redirect(url_for("users.show", user_id=user.id), 303)


def switch(user: User, active: bool) -> ResponseReturnValue:
    """Let a person in or shut them out; a refusal is told on their page."""
    try:
        with unit_of_work(db.session()) as work:
            people.set_user_active(work, g.instance, user, active, actor=current_user.user.email)
    except PeopleError as error:
        return render_user(user, problem=error.message), 422
    flash(f"{user.email} is {'active' if active else 'deactivated and signed out everywhere'}.", "success")
    return redirect(url_for("users.index"), 303)


def manageable(user_id: int) -> User:
    """Return a person of this instance; 403 for oneself and for those with a role above one's own."""
    user = people.load_user(db.session(), g.instance.id, user_id)
    if user.id == current_user.user.id or not current_user.may(user.role):
        abort(403)
    return user


def offered(form: RoleForm) -> RoleForm:
    """Let the form offer the roles that the signed-in person may give."""
    form.offer(people.roles_to_give(g.instance, current_user.role))
    return form


def render_user(
    user: User,
    *,
    role_form: RoleForm | None = None,
    password_form: PasswordForm | None = None,
    problem: str = "",
) -> str:
    """Render the page of one person."""
    if role_form is None:
        role_form = offered(RoleForm(formdata=None, data={"role": user.role.value}))
    return render_template(
        "users/show.html",
        user=user,
        role_form=role_form,
        password_form=password_form or PasswordForm(formdata=None),
        problem=problem,
    )
