"""`autotag instances`."""

import json
from typing import Any

import click

from autotag.cli.common.database import actor, reading, writing
from autotag.cli.common.environment import load_config, read_line
from autotag.cli.common.options import JSON
from autotag.cli.output import echo
from autotag.instances.administration import (
    InstanceFields,
    InstanceSummary,
    create_instance,
    find_by_web_id,
    list_instances,
    set_active,
    update_instance,
)
from autotag.instances.errors import PeopleError
from autotag.instances.passwords import choose_or_generate
from autotag.models import VirtualInstance


@click.group(name="instances")
def command() -> None:
    """Create and change virtual instances.

    \b
    Example:
      autotag instances create --web-id acme --virtual-host acme --mail-domain acme.example
    """


@command.command()
@click.option("--web-id", required=True, help="Short name, unique in the installation.")
@click.option("--virtual-host", required=True, help="Name under the base domain, or a full host name.")
@click.option("--mail-domain", default="", help="Domain of the people's e-mail addresses.")
@click.option("--max-users", default=0, type=click.IntRange(0), help="Most active users; 0 for no limit.")
@click.option("--admin-email", help="First administrator; admin@<mail domain> when not given.")
@click.option("--password-stdin", is_flag=True, help="Read the administrator's password from standard input.")
@JSON
def create(
    web_id: str,
    virtual_host: str,
    mail_domain: str,
    max_users: int,
    admin_email: str | None,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Create an instance and its first administrator; a password is generated and printed unless one is given."""
    config = load_config()
    given = read_line() if password_stdin else None
    email = admin_email or f"admin@{mail_domain or f'{web_id}.{config.base_domain}'}"
    fields = InstanceFields(web_id, virtual_host, mail_domain, max_users)
    try:
        password, hashed = choose_or_generate(given, about=(email, web_id, virtual_host, mail_domain))
    except PeopleError as error:
        raise click.ClickException(f"{error.field}: {error}") from error
    with writing(config) as work:
        instance = create_instance(
            work, fields, base_domain=config.base_domain, email=email, password=hashed, actor=actor()
        )
    answer = _described(instance) | {"administrator": email}
    if given is None:
        answer["password"] = password
    _print(answer, as_json)


@command.command(name="list")
@JSON
def list_all(as_json: bool) -> None:
    """List the instances."""
    with reading(load_config()) as session:
        summaries = list_instances(session)
    if as_json:
        echo(json.dumps([_summary(summary) for summary in summaries]))
        return
    for summary in summaries:
        instance = summary.instance
        state = "" if instance.is_active else "  (inactive)"
        counts = f"{summary.users} users, {summary.documents} documents"
        echo(f"{instance.web_id:<20} {instance.virtual_host:<30} {counts}{state}")


@command.command()
@click.argument("web_id")
@JSON
def show(web_id: str, as_json: bool) -> None:
    """Show one instance."""
    with reading(load_config()) as session:
        instance = find_by_web_id(session, web_id)
    _print(_described(instance), as_json)


@command.command()
@click.argument("web_id")
@click.option("--virtual-host", help="Name under the base domain, or a full host name.")
@click.option("--mail-domain", help="Domain of the people's e-mail addresses.")
@click.option("--max-users", type=click.IntRange(0), help="Most active users; 0 for no limit.")
@click.option("--activate", is_flag=True, help="Let it answer again.")
@JSON
def update(
    web_id: str,
    virtual_host: str | None,
    mail_domain: str | None,
    max_users: int | None,
    activate: bool,
    as_json: bool,
) -> None:
    """Change an instance; what is not given stays."""
    config = load_config()
    with writing(config) as work:
        instance = find_by_web_id(work.session, web_id, for_change=True)
        fields = InstanceFields(
            instance.web_id,
            instance.virtual_host if virtual_host is None else virtual_host,
            instance.mail_domain if mail_domain is None else mail_domain,
            instance.max_users if max_users is None else max_users,
        )
        update_instance(work, instance, fields, base_domain=config.base_domain, actor=actor())
        if activate:
            set_active(work, instance, True, actor=actor())
    if as_json:
        _print(_described(instance), as_json)


@command.command()
@click.argument("web_id")
@JSON
def deactivate(web_id: str, as_json: bool) -> None:
    """Switch an instance off: it answers 404, and keeps all it has."""
    with writing(load_config()) as work:
        instance = find_by_web_id(work.session, web_id)
        set_active(work, instance, False, actor=actor())
    if as_json:
        _print(_described(instance), as_json)


def _described(instance: VirtualInstance) -> dict[str, Any]:
    return {
        "web_id": instance.web_id,
        "virtual_host": instance.virtual_host,
        "mail_domain": instance.mail_domain,
        "max_users": instance.max_users,
        "active": instance.is_active,
    }


def _summary(summary: InstanceSummary) -> dict[str, Any]:
    return _described(summary.instance) | {"users": summary.users, "documents": summary.documents}


def _print(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        echo(json.dumps(values))
        return
    for name, value in values.items():
        shown = str(value).lower() if isinstance(value, bool) else value
        echo(f"{name.replace('_', ' '):<14} {shown}")
