"""Making and changing virtual instances."""

import re
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from autotag.instances.audit import audit
from autotag.instances.directory import hold_instance
from autotag.instances.errors import PeopleError
from autotag.instances.hosts import MalformedHost, parse_host
from autotag.instances.passwords import NewPassword
from autotag.instances.people import create_user
from autotag.instances.wall import across_instances
from autotag.models import Document, Role, User, VirtualInstance
from autotag.models.uniqueness import refused_when_taken
from autotag.models.unit_of_work import UnitOfWork

MAXIMUM_USERS = 1_000_000
_WEB_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,73}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class InstanceError(Exception):
    """An instance cannot be made or changed as asked; `errors` gives a reason for each field that is wrong."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name.replace('_', ' ')}: {reason}" for name, reason in errors.items()))
        self.errors = errors


class UnknownInstance(LookupError):
    """There is no virtual instance with this Web ID, or this id."""

    def __init__(self, web_id: str | int) -> None:
        super().__init__(f"There is no virtual instance with the Web ID {web_id!r}.")


@dataclass(frozen=True, slots=True)
class InstanceFields:
    """What can be said of an instance. `max_users` 0 means no limit."""

    web_id: str
    virtual_host: str
    mail_domain: str = ""
    max_users: int = 0


@dataclass(frozen=True, slots=True)
class InstanceSummary:
    """An instance with its active users and its documents counted."""

    instance: VirtualInstance
    users: int
    documents: int


def find_by_web_id(session: Session, web_id: str, *, for_change: bool = False) -> VirtualInstance:
    """Return an instance, active or not. Raises UnknownInstance.

    With `for_change` nobody else changes it before the transaction ends.
    """
    instance = session.scalar(select(VirtualInstance).where(VirtualInstance.web_id == web_id.strip().lower()))
    if instance is None:
        raise UnknownInstance(web_id)
    if for_change:
        _hold(session, instance)
    return instance


def load_instance(session: Session, instance_id: int) -> VirtualInstance:
    """Return an instance by its id, active or not. For system administrators. Raises UnknownInstance."""
    instance = session.scalar(select(VirtualInstance).where(VirtualInstance.id == instance_id))
    if instance is None:
        raise UnknownInstance(instance_id)
    return instance


def list_instances(session: Session) -> list[InstanceSummary]:
    """Return all instances, the default one first. For system administrators: it looks over the wall."""
    users = (
        select(func.count())
        .where(User.instance_id == VirtualInstance.id, User.is_active)
        .correlate(VirtualInstance)
        .scalar_subquery()
    )
    documents = (
        select(func.count())
        .where(Document.instance_id == VirtualInstance.id, Document.deleted_at.is_(None))
        .correlate(VirtualInstance)
        .scalar_subquery()
    )
    statement = select(VirtualInstance, users, documents).order_by(VirtualInstance.web_id)
    with across_instances(session):
        summaries = [InstanceSummary(*row) for row in session.execute(statement)]
    return sorted(summaries, key=lambda summary: not summary.instance.is_default)


def create_instance(
    work: UnitOfWork,
    fields: InstanceFields,
    *,
    base_domain: str,
    email: str,
    password: NewPassword,
    actor: str,
) -> VirtualInstance:
    """Make an instance with its first administrator.

    Raises InstanceError for fields that are wrong, with `email` among them.
    """
    checked = _checked(work.session, fields, base_domain, None)
    instance = VirtualInstance(
        web_id=checked.web_id,
        virtual_host=checked.virtual_host,
        mail_domain=checked.mail_domain,
        max_users=checked.max_users,
    )
    with refused_when_taken(work.session, lambda: _name_taken(work.session, checked, None)):
        work.session.add(instance)
    try:
        with across_instances(work.session):
            create_user(work, instance, email=email, password=password, role=Role.ADMINISTRATOR, actor=actor)
    except PeopleError as error:
        raise InstanceError({error.field: error.message}) from error
    audit(work.session, None, actor, "instance created", instance.web_id, _differences(None, instance))
    return instance


def update_instance(
    work: UnitOfWork, instance: VirtualInstance, fields: InstanceFields, *, base_domain: str, actor: str
) -> VirtualInstance:
    """Change an instance. Raises InstanceError; the default instance keeps its Web ID and its host."""
    _hold(work.session, instance)
    checked = _checked(work.session, fields, base_domain, instance)
    before, own_id = _described(instance), instance.id
    with refused_when_taken(work.session, lambda: _name_taken(work.session, checked, own_id)):
        instance.web_id = checked.web_id
        instance.virtual_host = checked.virtual_host
        instance.mail_domain = checked.mail_domain
        instance.max_users = checked.max_users
    changes = _differences(before, instance)
    if changes:
        audit(work.session, None, actor, "instance changed", instance.web_id, changes)
    return instance


def set_active(work: UnitOfWork, instance: VirtualInstance, active: bool, *, actor: str) -> None:
    """Switch an instance on or off; what it holds stays. Raises InstanceError for the default instance."""
    if instance.is_default and not active:
        raise InstanceError({"web_id": "The default instance cannot be deactivated."})
    _hold(work.session, instance)
    if instance.is_active != active:
        instance.is_active = active
        action = "instance activated" if active else "instance deactivated"
        audit(work.session, None, actor, action, instance.web_id)


def _checked(
    session: Session, fields: InstanceFields, base_domain: str, instance: VirtualInstance | None
) -> InstanceFields:
    errors: dict[str, str] = {}
    web_id = fields.web_id.strip().lower()
    host = _host(fields.virtual_host, base_domain)
    if instance is not None and instance.is_default:
        web_id, host = instance.web_id, instance.virtual_host
    else:
        if not _WEB_ID.fullmatch(web_id):
            errors["web_id"] = "Enter letters a to z, digits and hyphens, for example acme."
        if not host:
            errors["virtual_host"] = (
                f"Enter a name under {base_domain}, for example acme, or a full host name."
            )
        errors = errors or _taken(session, web_id, host, instance.id if instance else None)
    if not 0 <= fields.max_users <= MAXIMUM_USERS:
        errors["max_users"] = f"Enter a number from 0 to {MAXIMUM_USERS}."
    mail_domain = fields.mail_domain.strip().lower().lstrip("@")
    if mail_domain and not _is_host_name(mail_domain):
        errors["mail_domain"] = "Enter a domain, for example acme.example."
    if errors:
        raise InstanceError(errors)
    return InstanceFields(web_id, host, mail_domain, fields.max_users)


def _host(text: str, base_domain: str) -> str:
    """Return a label under the base domain, or a full host name; "" for what is neither."""
    name = text.strip().lower().rstrip(".")
    if name.endswith("." + base_domain):
        name = name.removesuffix("." + base_domain)
        return name if _LABEL.fullmatch(name) else ""
    if name == base_domain or not _is_host_name(name) or re.fullmatch(r"[\d.]+", name):
        return ""
    return name


def _is_host_name(name: str) -> bool:
    try:
        return parse_host(name, "").name == name and ":" not in name
    except MalformedHost:
        return False


def _taken(session: Session, web_id: str, host: str, own_id: int | None) -> dict[str, str]:
    others = select(VirtualInstance).where(
        or_(VirtualInstance.web_id == web_id, VirtualInstance.virtual_host == host)
    )
    if own_id is not None:
        others = others.where(VirtualInstance.id != own_id)
    errors = {}
    for other in session.scalars(others):
        if other.web_id == web_id:
            errors["web_id"] = f"{web_id} is taken by another instance."
        if other.virtual_host == host:
            errors["virtual_host"] = f"{host} is taken by the instance {other.web_id}."
    return errors


def _name_taken(session: Session, checked: InstanceFields, own_id: int | None) -> InstanceError | None:
    """Say which name somebody took since we looked."""
    errors = _taken(session, checked.web_id, checked.virtual_host, own_id)
    return InstanceError(errors) if errors else None


def _hold(session: Session, instance: VirtualInstance) -> None:
    """Let nobody else change the instance before the transaction ends, and read it as it is now."""
    hold_instance(session, instance.id)
    session.refresh(instance)


def _described(instance: VirtualInstance) -> dict[str, object]:
    return {
        "Web ID": instance.web_id,
        "Virtual Host": instance.virtual_host,
        "Mail Domain": instance.mail_domain,
        "Max Users": instance.max_users,
    }


def _differences(before: dict[str, object] | None, instance: VirtualInstance) -> list[list[object]]:
    before = before or {}
    return [
        [label, before.get(label, ""), value]
        for label, value in _described(instance).items()
        if before.get(label, "") != value
    ]
