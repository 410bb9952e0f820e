"""What stands between a new instance and its first tagged photograph."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.configuration.effective import load_tagging_settings
from autotag.configuration.entries import TENSORFLOW
from autotag.configuration.store import Place, resolve
from autotag.inference.errors import ModelRejected
from autotag.inference.installing.store import ModelStore
from autotag.models import Document, TaggingState


@dataclass(frozen=True, slots=True)
class FirstRun:
    """The steps of the first run, each done or not; `refusal` says why nothing would be tagged now, if so."""

    model_ready: bool
    refusal: str
    photograph_tagged: bool

    @property
    def provider_enabled(self) -> bool:
        """Whether an image that is uploaded now is tagged."""
        return not self.refusal


def first_run(session: Session, instance_id: int, models: ModelStore) -> FirstRun:
    """Look how far an instance is."""
    tagged = select(Document.id).where(
        Document.instance_id == instance_id,
        Document.deleted_at.is_(None),
        Document.tagging_state == TaggingState.TAGGED,
    )
    return FirstRun(
        model_ready=_is_installed(
            models, resolve(session, Place.of(TENSORFLOW, instance_id)).values["model"]
        ),
        refusal=load_tagging_settings(session, instance_id).refusal,
        photograph_tagged=session.scalar(tagged.limit(1)) is not None,
    )


def _is_installed(models: ModelStore, name: str) -> bool:
    try:
        models.get(name)
    except ModelRejected:
        return False
    return True
