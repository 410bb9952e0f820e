"""The wall between virtual instances: every ORM query of a scoped session is limited to its instance.

It is the second line. The first: loaders take the instance and filter by it. The wall misses rows that the
session already holds, so a session is scoped before its first query and serves one instance.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from autotag.models import TenantOwned

_SCOPE = "autotag_instance_id"
_OPEN = "autotag_wall_open"


def scope_to_instance(session: Session, instance_id: int) -> None:
    """Limit every later ORM query of this session to the rows of one virtual instance."""
    session.info[_SCOPE] = instance_id


def leave_instance(session: Session) -> None:
    """End the scope, for a session that serves another instance next; whatever it holds is let go."""
    session.expunge_all()
    session.info.pop(_SCOPE, None)


@contextmanager
def across_instances(session: Session) -> Iterator[None]:
    """Cross the wall on purpose, for what belongs to the installation as a whole."""
    before = session.info.get(_OPEN, False)
    session.info[_OPEN] = True
    try:
        yield
    finally:
        session.info[_OPEN] = before


@event.listens_for(Session, "do_orm_execute")
def _add_criteria(state: ORMExecuteState) -> None:
    information = state.session.info
    instance_id = information.get(_SCOPE)
    if instance_id is None or information.get(_OPEN, False) or state.is_column_load:
        return
    if state.session.get_bind().dialect.name == "sqlite":
        # SQLite, which does not know how its data are spread, takes such an equation for a telling one. The wall's must
        # not choose the index: loaders name the instance themselves where that helps, and no index has a sum.
        option = with_loader_criteria(
            TenantOwned,
            lambda model: model.instance_id + 0 == instance_id,
            include_aliases=True,
            track_closure_variables=True,
        )
    else:
        option = with_loader_criteria(
            TenantOwned,
            lambda model: model.instance_id == instance_id,
            include_aliases=True,
            track_closure_variables=True,
        )
    state.statement = state.statement.options(option)
