"""Which saved entries choose a model: what stands in the way of removing it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.configuration.entries import TENSORFLOW
from autotag.models import ConfigurationRecord, VirtualInstance

ALL_INSTANCES = "the default of all instances"


def users_of_model(session: Session, model: str) -> list[str]:
    """Return who has chosen a model: the default of all instances first, then instances by their Web ID.

    An instance that inherits the default is not named, the default is. Records of every instance are looked at.
    """
    statement = (
        select(VirtualInstance.web_id, ConfigurationRecord.values)
        .select_from(ConfigurationRecord)
        .outerjoin(VirtualInstance, VirtualInstance.id == ConfigurationRecord.instance_id)
        .where(ConfigurationRecord.entry == TENSORFLOW.key)
    )
    chosen = [web_id for web_id, values in session.execute(statement) if values.get("model") == model]
    default = [ALL_INSTANCES] if None in chosen else []
    return default + sorted(web_id for web_id in chosen if web_id is not None)
