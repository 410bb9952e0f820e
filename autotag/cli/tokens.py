"""`autotag tokens`."""

import json

import click
from sqlalchemy.orm import Session

from autotag.cli.common.database import actor, reading, writing
from autotag.cli.common.environment import load_config
from autotag.cli.common.options import INSTANCE, JSON, NUMBER
from autotag.cli.output import echo
from autotag.configuration.sign_in import load_sign_in_settings
from autotag.instances.administration import find_by_web_id
from autotag.instances.people import find_user
from autotag.instances.tokens import (
    TokenError,
    TokenNotFound,
    create_token,
    list_all_tokens,
    list_tokens,
    revoke_any_token,
)
from autotag.models import ApiToken, Role, User


@click.group(name="tokens")
def command() -> None:
    """Create, list and revoke the tokens with which programs call the API.

    \b
    Example:
      autotag tokens create --instance acme --user eva@acme.example --name "Photo import" --role editor
    """


@command.command()
@INSTANCE
@click.option("--user", "email", required=True, help="E-mail address of the user it acts for.")
@click.option("--name", default="Command line", show_default=True, help="What it is for.")
@click.option("--role", type=click.Choice([role.value for role in Role]), help="Default: the user's role.")
@click.option(
    "--days", type=click.IntRange(1), help="How long it is good. Default and most: Maximum Token Lifetime."
)
@JSON
def create(web_id: str, email: str, name: str, role: str | None, days: int | None, as_json: bool) -> None:
    """Create a token and print it, once."""
    with writing(load_config()) as work:
        user = _find(work.session, web_id, email)
        if not user.is_active:
            raise click.ClickException(f"{user.email} is deactivated; their tokens would open nothing.")
        wanted = Role(role) if role else None
        longest = load_sign_in_settings(work.session, user.instance_id).longest_token_days
        try:
            row, token = create_token(
                work, user, name=name, role=wanted, days=days, longest=longest, actor=actor()
            )
        except TokenError as error:
            raise click.ClickException(error.message) from error
        answer = _described(row, user.email)
    if as_json:
        echo(json.dumps(answer | {"token": token}))
    else:
        echo(token)


@command.command(name="list")
@INSTANCE
@click.option("--user", "email", help="Only this user's.")
@JSON
def list_all(web_id: str, email: str | None, as_json: bool) -> None:
    """List the tokens of an instance, newest first; never the tokens themselves."""
    with reading(load_config()) as session:
        if email:
            user = _find(session, web_id, email)
            found = [_described(row, user.email) for row in list_tokens(session, user)]
        else:
            instance = find_by_web_id(session, web_id)
            found = [_described(row, row.user.email) for row in list_all_tokens(session, instance.id)]
    if as_json:
        echo(json.dumps(found))
        return
    for each in found:
        used = each["last_used_at"] or "never used"
        echo(
            f"{each['id']:>6}  {each['user']:<30} {each['role']:<14} ...{each['ending']}  {used}  {each['name']}"
        )


@command.command()
@INSTANCE
@click.argument("token_id", metavar="ID", type=NUMBER)
@JSON
def revoke(web_id: str, token_id: int, as_json: bool) -> None:
    """End a token at once. ID is the number that `autotag tokens list` shows."""
    with writing(load_config()) as work:
        instance = find_by_web_id(work.session, web_id)
        try:
            revoke_any_token(work, instance.id, token_id, actor=actor())
        except TokenNotFound as error:
            raise click.ClickException(f"The instance {web_id} has no token {token_id}.") from error
    if as_json:
        echo(json.dumps({"id": token_id, "revoked": True}))


def _find(session: Session, web_id: str, email: str) -> User:
    user = find_user(session, find_by_web_id(session, web_id).id, email)
    if user is None:
        raise click.ClickException(f"{email} is no user of the instance {web_id}.")
    return user


def _described(row: ApiToken, email: str) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "user": email,
        "role": row.role.value,
        "ending": row.ending,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "last_used_at": row.last_used_at and row.last_used_at.isoformat(),
    }
