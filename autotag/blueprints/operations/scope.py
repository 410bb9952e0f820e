"""Which instance the page is about: an administrator's own, and for system administrators any, or all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import g, request
from flask_login import current_user
from sqlalchemy.orm import Session

from autotag.extensions import db
from autotag.instances.administration import UnknownInstance, find_by_web_id
from autotag.instances.directory import all_instances
from autotag.instances.wall import across_instances
from autotag.models import Role, VirtualInstance


@dataclass(frozen=True, slots=True)
class Viewed:
    """What is looked at. `instance` is None for all; `choices` are what else could be looked at, if anything."""

    instance: VirtualInstance | None
    choices: tuple[VirtualInstance, ...] = ()

    @property
    def instance_id(self) -> int | None:
        """Its id, None for all instances."""
        return None if self.instance is None else self.instance.id

    @property
    def is_own(self) -> bool:
        """Whether it is the instance of this host, and so of the person who looks."""
        return self.instance is not None and self.instance.id == g.instance.id

    @property
    def argument(self) -> str | None:
        """What names it in the page's address."""
        return self.instance.web_id if self.instance is not None and self.choices else None


def viewed_instance() -> Viewed:
    """Read what the address asks for. Raises UnknownInstance, also for what is another's and none of one's business."""
    asked = request.args.get("instance", "")
    if not current_user.may(Role.SYSTEM_ADMINISTRATOR):
        return Viewed(_own(asked))
    instances = tuple(all_instances(db.session()))
    choices = instances if len(instances) > 1 else ()
    for instance in instances:
        if asked == instance.web_id:
            return Viewed(instance, choices)
    if asked:
        raise UnknownInstance(asked)
    return Viewed(None if choices else g.instance, choices)


def acted_on() -> Viewed:
    """Read in which instance something is to be done: one's own unless another is named. Raises UnknownInstance."""
    asked = request.args.get("instance", "")
    if not current_user.may(Role.SYSTEM_ADMINISTRATOR) or not asked:
        return Viewed(_own(asked))
    return Viewed(find_by_web_id(db.session(), asked))


@contextmanager
def session_for(viewed: Viewed) -> Iterator[Session]:
    """Give the session, over the wall only for what is not one's own: then a system administrator asks."""
    session = db.session()
    if viewed.is_own:
        yield session
        return
    with across_instances(session):
        yield session


def _own(asked: str) -> VirtualInstance:
    own: VirtualInstance = g.instance
    if asked not in ("", own.web_id):
        raise UnknownInstance(asked)
    return own
