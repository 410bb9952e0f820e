"""`autotag users`."""

import json

import click
from sqlalchemy.orm import Session

from autotag.cli.common.database import actor, reading, writing
from autotag.cli.common.environment import load_config, read_line
from autotag.cli.common.options import INSTANCE, JSON
from autotag.cli.output import echo
from autotag.instances import second_factor
from autotag.instances.administration import find_by_web_id
from autotag.instances.first_sign_in import forget_first_password
from autotag.instances.passwords import choose_or_generate, choose_password
from autotag.instances.people import (
    create_user,
    find_user,
    list_users,
    names_of,
    set_password,
    set_role,
    set_user_active,
)
from autotag.models import Role, User, VirtualInstance

EMAIL = click.option("--email", required=True, help="E-mail address.")
ROLE = click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
PASSWORD = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group(name="users")
def command() -> None:
    """Create and change users.

    \b
    Example:
      echo PASSWORD | autotag users create --instance acme --email eva@acme.example --role editor --password-stdin
    """


@command.command()
@INSTANCE
@EMAIL
@ROLE
@PASSWORD
@JSON
def create(web_id: str, email: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Create a user; a password is generated and printed unless one is given."""
    given = _password(password_stdin)
    config = load_config()
    with reading(config) as session:
        about = (email, *names_of(find_by_web_id(session, web_id)))
        password, hashed = choose_or_generate(given, about=about)
    with writing(config) as work:
        instance = find_by_web_id(work.session, web_id)
        user = create_user(work, instance, email=email, password=hashed, role=Role(role), actor=actor())
    answer = {"email": user.email, "role": user.role.value, "instance": instance.web_id}
    if given is None:
        answer["password"] = password
    echo(json.dumps(answer) if as_json else "\n".join(f"{key:<9} {value}" for key, value in answer.items()))


@command.command(name="list")
@INSTANCE
@JSON
def list_all(web_id: str, as_json: bool) -> None:
    """List the users of an instance."""
    with reading(load_config()) as session:
        users = list_users(session, find_by_web_id(session, web_id).id)
    if as_json:
        echo(json.dumps([_described(user) for user in users]))
        return
    for user in users:
        echo(f"{user.email:<40} {user.role}{'' if user.is_active else '  (inactive)'}")


@command.command(name="set-password")
@INSTANCE
@EMAIL
@PASSWORD
@JSON
def change_password(web_id: str, email: str, password_stdin: bool, as_json: bool) -> None:
    """Change a password, asked for or from standard input, and end the user's sessions and API tokens."""
    config = load_config()
    given = _password(password_stdin)
    password = (
        click.prompt("New password", hide_input=True, confirmation_prompt=True) if given is None else given
    )
    with reading(config) as session:
        instance, user = _find(session, web_id, email)
        hashed = choose_password(password, about=(email, *names_of(instance)))
    with writing(config) as work:
        instance, user = _find(work.session, web_id, email)
        set_password(work, user, hashed, actor=actor())
    if instance.is_default:
        forget_first_password(config.instance_path, user.email)
    _tell(user, as_json)


@command.command(name="set-role")
@INSTANCE
@EMAIL
@ROLE
@JSON
def change_role(web_id: str, email: str, role: str, as_json: bool) -> None:
    """Change a user's role."""
    with writing(load_config()) as work:
        instance, user = _find(work.session, web_id, email)
        set_role(work, instance, user, Role(role), actor=actor())
    _tell(user, as_json)


@command.command()
@INSTANCE
@EMAIL
@JSON
def deactivate(web_id: str, email: str, as_json: bool) -> None:
    """Shut a user out at once and end their API tokens; what they uploaded stays."""
    with writing(load_config()) as work:
        instance, user = _find(work.session, web_id, email)
        set_user_active(work, instance, user, False, actor=actor())
    _tell(user, as_json)


@command.command(name="reset-second-factor")
@INSTANCE
@EMAIL
@JSON
def reset_second_factor(web_id: str, email: str, as_json: bool) -> None:
    """Turn off the second factor of a user who has lost it, and end the user's sessions."""
    with writing(load_config()) as work:
        _, user = _find(work.session, web_id, email)
        if not second_factor.remove(work, user, actor=actor()):
            raise click.ClickException(f"{user.email} has no second factor.")
    _tell(user, as_json)


def _described(user: User) -> dict[str, object]:
    return {"email": user.email, "role": user.role, "active": user.is_active}


def _tell(user: User, as_json: bool) -> None:
    """Tell a program how a user is now; a person has asked for it and hears nothing."""
    if as_json:
        echo(json.dumps(_described(user)))


def _find(session: Session, web_id: str, email: str) -> tuple[VirtualInstance, User]:
    instance = find_by_web_id(session, web_id)
    user = find_user(session, instance.id, email)
    if user is None:
        raise click.ClickException(f"{email} is no user of the instance {web_id}.")
    return instance, user


def _password(from_stdin: bool) -> str | None:
    return read_line() if from_stdin else None
