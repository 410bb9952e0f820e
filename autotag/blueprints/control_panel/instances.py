"""The virtual instances of the installation."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.control_panel.forms import InstanceForm, NewInstanceForm
from autotag.blueprints.control_panel.one_time_secret import keep_password, take_password
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.instances import administration
from autotag.instances.directory import host_name
from autotag.instances.errors import PeopleError
from autotag.instances.passwords import NewPassword, choose_or_generate
from autotag.models import Role, VirtualInstance
from autotag.models.unit_of_work import unit_of_work

blueprint = Blueprint("instances", __name__, url_prefix="/control-panel/instances")

ONE_INSTANCE = f"/<int(max={MAXIMUM_ID}):instance_id>"


@blueprint.app_template_filter()
def instance_address(instance: VirtualInstance) -> str:
    """Return the address of an instance's site, with the port that this request came through."""
    port = request.host.rpartition(":")[2]
    suffix = f":{port}" if port.isdecimal() else ""
    return f"{request.scheme}://{host_name(instance, services().config.base_domain)}{suffix}/"


@blueprint.get("")
@requires(Role.SYSTEM_ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """Show all virtual instances."""
    summaries = administration.list_instances(db.session())
    return render_template("instances/index.html", summaries=summaries, shown_once=take_password())


@blueprint.get("/add")
@requires(Role.SYSTEM_ADMINISTRATOR)
def add() -> ResponseReturnValue:
    """Show the form for a new instance."""
    return render_form(NewInstanceForm(data={"max_users": "0"}))


@blueprint.post("/add")
@requires(Role.SYSTEM_ADMINISTRATOR)
def create() -> ResponseReturnValue:
    """Make an instance with its first administrator."""
    form = NewInstanceForm()
    if not form.validate():
        return render_form(form), 422
    fields = form.instance_fields
    about = (form.email.data, fields.web_id, fields.virtual_host, fields.mail_domain)
    try:
        password, hashed = choose_or_generate(form.password.data or None, about=about)
        instance = make_instance(form, hashed)
    except PeopleError as error:
        form.refuse({error.field: error.message})
        return render_form(form), 422
    except administration.InstanceError as error:
        form.refuse(error.errors)
        return render_form(form), 422
    if not form.password.data:
        keep_password(form.email.data.strip().lower(), password)
    flash(f"The virtual instance {instance.web_id} is there.", "success")
    return redirect(url_for("instances.index"), 303)


def make_instance(form: NewInstanceForm, password: NewPassword) -> VirtualInstance:
    """Make what a form describes, in a transaction of its own."""
    with unit_of_work(db.session()) as work:
        return administration.create_instance(
            work,
            form.instance_fields,
            base_domain=services().config.base_domain,
            email=form.email.data,
            password=password,
            actor=current_user.user.email,
        )


@blueprint.get(ONE_INSTANCE)
@requires(Role.SYSTEM_ADMINISTRATOR)
def show(instance_id: int) -> ResponseReturnValue:
    """Show what can be changed of an instance."""
    instance = administration.load_instance(db.session(), instance_id)
    form = InstanceForm()
    form.show(instance)
    return render_form(form, instance)


@blueprint.post(ONE_INSTANCE)
@requires(Role.SYSTEM_ADMINISTRATOR)
def change(instance_id: int) -> ResponseReturnValue:
    """Change an instance."""
    instance = administration.load_instance(db.session(), instance_id)
    form = InstanceForm()
    if not form.validate():
        return render_form(form, instance), 422
    try:
        with unit_of_work(db.session()) as work:
            administration.update_instance(
                work,
                instance,
                form.instance_fields,
                base_domain=services().config.base_domain,
                actor=current_user.user.email,
            )
    except administration.InstanceError as error:
        form.refuse(error.errors)
        return render_form(form, instance), 422
    flash(f"{instance.web_id} is saved.", "success")
    return redirect(url_for("instances.index"), 303)


@blueprint.post(f"{ONE_INSTANCE}/activate")
@requires(Role.SYSTEM_ADMINISTRATOR)
def activate(instance_id: int) -> ResponseReturnValue:
    """Let an instance answer again."""
    return switch(instance_id, True)


@blueprint.post(f"{ONE_INSTANCE}/deactivate")
@requires(Role.SYSTEM_ADMINISTRATOR)
def deactivate(instance_id: int) -> ResponseReturnValue:
    """Switch an instance off; what it holds stays."""
    return switch(instance_id, False)


def switch(instance_id: int, active: bool) -> ResponseReturnValue:
    """Switch an instance on or off; a refusal is told on its page."""
    instance = administration.load_instance(db.session(), instance_id)
    try:
        with unit_of_work(db.session()) as work:
            administration.set_active(work, instance, active, actor=current_user.user.email)
    except administration.InstanceError as error:
        form = InstanceForm(formdata=None)
        form.show(instance)
        form.refuse(error.errors)
        return render_form(form, instance), 422
    flash(f"{instance.web_id} is {'active' if active else 'deactivated'}.", "success")
    return redirect(url_for("instances.index"), 303)


def render_form(form: InstanceForm, instance: VirtualInstance | None = None) -> str:
    """Render the page of a new instance, or of one that is there."""
    base_domain = services().config.base_domain
    return render_template("instances/form.html", form=form, instance=instance, base_domain=base_domain)
