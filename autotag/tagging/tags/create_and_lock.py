"""Creating what several processes may create at once, and holding tags so that nobody deletes them meanwhile.

Whoever writes assignments takes hold of their tags first, in the order of the tags' ids, then changes assignments, then
the search: with one order for all, nobody waits for each other in a circle. SQLite has one writer at a time anyway.
"""

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from autotag.models import Tag
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.names import fold

TRIES = 5
"""How often a tag is created anew that somebody else deletes as soon as it is there."""


class TagsKeepVanishing(RuntimeError):
    """Tags were deleted as often as they were created; the transaction can be tried again."""


_HOLD = (
    select(Tag.normalized_name, Tag.id)
    .where(
        Tag.instance_id == bindparam("the_instance"),
        Tag.normalized_name.in_(bindparam("the_names", expanding=True)),
    )
    .order_by(Tag.id)
    .with_for_update(read=True, key_share=True)
)


def ensure_tags(
    session: Session,
    instance_id: int,
    names: Iterable[str],
    *,
    run_id: int | None = None,
    held: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Return the ids of these tags by folded name, creating those that the instance lacks, for a run if any.

    The tags are held until the transaction ends: a merge or a deletion waits, so that an assignment which is made
    now is not lost with its tag. `held` are the ids of those that this transaction holds already, by folded name.
    """
    wanted = {fold(name): name for name in names}
    there = held or {}
    found = {folded: there[folded] for folded in wanted if folded in there}
    if len(found) < len(wanted):
        found = hold_tags(session, instance_id, wanted.values())
    for _ in range(TRIES):
        missing = wanted.keys() - found.keys()
        if not missing:
            return found
        rows: list[dict[str, object]] = [
            {
                "instance_id": instance_id,
                "name": wanted[folded],
                "normalized_name": folded,
                "created_by_run_id": run_id,
                "created_at": utc_now(),
            }
            for folded in sorted(missing)
        ]
        insert_new(session, Tag.__table__, rows)
        # What another transaction created and a third one deletes is not there to be held: then once more.
        found = hold_tags(session, instance_id, wanted.values())
    raise TagsKeepVanishing


def hold_tags(session: Session, instance_id: int, names: Iterable[str]) -> dict[str, int]:
    """Return the ids of those of the tags that are there, by folded name, and hold them until the transaction ends.

    Nobody deletes or renames them meanwhile; others may hold them, too.
    """
    wanted = {"the_instance": instance_id, "the_names": list({fold(name) for name in names})}
    return {row[0]: row[1] for row in session.execute(_HOLD, wanted)}


def lock_tags(session: Session, instance_id: int, tag_ids: Collection[int]) -> list[Tag]:
    """Return those of the tags that are there, to be renamed or deleted: whoever is assigning them is waited for.

    What a later statement of this transaction finds assigned to them is all there is and all there will be.
    """
    return list(
        session.scalars(
            select(Tag)
            .where(Tag.owned_by(instance_id), Tag.id.in_(tag_ids))
            .order_by(Tag.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )
