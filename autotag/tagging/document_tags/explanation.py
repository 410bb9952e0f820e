"""Why a document has the tags it has: every stored prediction, judged again by the rules in force."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.configuration.effective import ProviderSettings, TaggingSettings, load_tagging_settings
from autotag.guards import attempt
from autotag.media.library.library import DocumentSummary
from autotag.models import PredictionSet, TagRejection
from autotag.models.names import fold
from autotag.providers.base import ProviderError
from autotag.tagging.policy import Candidate, Decision, Verdict, decide, normalize_name
from autotag.tagging.provider_health.factory import ProviderFactory

logger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JudgedPrediction:
    """A prediction, and what the rules in force say of it; None when its model is not in force any more.

    `on_document` says that it is a tag of the document, `removed` that a person took it off.
    """

    name: str
    score: float
    verdict: Verdict | None
    on_document: bool
    removed: bool


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """What one model said about the content, highest score first.

    `threshold` is the one in force, None when the provider is off. `is_in_force` says that this model
    would be asked today.
    """

    provider: str
    model: str
    created_at: datetime
    threshold: float | None
    is_in_force: bool
    predictions: tuple[JudgedPrediction, ...]

    @property
    def older_threshold(self) -> bool:
        """Whether the tags were decided under another threshold than the one in force."""
        return any(one.on_document and one.verdict is Verdict.BELOW_THRESHOLD for one in self.predictions)


def explain(
    session: Session, instance_id: int, summary: DocumentSummary, build: ProviderFactory
) -> list[JudgedSet]:
    """Return what was predicted for a document's content, the models in force first."""
    stored = session.scalars(
        select(PredictionSet)
        .where(PredictionSet.instance_id == instance_id, PredictionSet.sha256 == summary.document.sha256)
        .order_by(PredictionSet.id.desc())
    ).all()
    if not stored:
        return []
    settings = load_tagging_settings(session, instance_id)
    rejected = session.scalars(
        select(TagRejection.normalized_name).where(
            TagRejection.instance_id == instance_id, TagRejection.document_id == summary.document.id
        )
    ).all()
    judged = judge(stored, summary, frozenset(rejected), settings, models_in_force(settings, build))
    return sorted(judged, key=lambda one: not one.is_in_force)


def models_in_force(settings: TaggingSettings, build: ProviderFactory) -> dict[str, tuple[str, str]]:
    """Return the model and its version that each enabled provider uses, where that can be told."""
    found = {}
    for entry in settings.providers:
        used = attempt(partial(_model_of, build, entry), partial(_not_told, entry))
        if used is not None:
            found[entry.provider] = used
    return found


def _model_of(build: ProviderFactory, entry: ProviderSettings) -> tuple[str, str] | None:
    provider = build(entry)
    return provider.model, provider.model_version


def _not_told(entry: ProviderSettings, error: Exception) -> None:
    """Log what a provider raises that no provider should; the page goes on without it."""
    if not isinstance(error, ProviderError):
        logger.error("provider failed", provider=entry.provider, exc_info=error)


def judge(
    stored: Sequence[PredictionSet],
    summary: DocumentSummary,
    rejected: Collection[str],
    settings: TaggingSettings,
    in_force: Mapping[str, tuple[str, str]],
) -> list[JudgedSet]:
    """Decide again on what is stored, as an attempt at this moment would; nothing is changed.

    The automatic tags on the document count as this decision's own, the others as there before it.
    """
    by_provider: dict[str, ProviderSettings] = {entry.provider: entry for entry in settings.providers}
    candidates = {
        (one.provider, str(name), float(score)): Candidate(
            str(name),
            float(score),
            one.provider,
            one.model,
            by_provider[one.provider].confidence_threshold,
        )
        for one in stored
        if in_force.get(one.provider) == (one.model, one.model_version)
        for name, score in one.predictions
    }
    existing = {fold(tag.name) for tag in summary.tags if not tag.is_automatic}
    decisions = decide(
        candidates.values(),
        maximum=settings.maximum_number_of_tags,
        existing=existing,
        rejected=rejected,
    )
    verdicts = {_key(decision): decision.verdict for decision in decisions}
    on_document = {(fold(tag.name), tag.provider, tag.model) for tag in summary.tags if tag.provider}
    return [
        _judged_set(one, by_provider.get(one.provider), in_force, verdicts, on_document, rejected)
        for one in stored
    ]


def _key(decision: Decision) -> tuple[str, str, str, float]:
    candidate = decision.candidate
    return candidate.provider, candidate.model, candidate.name, candidate.confidence


def _judged_set(
    one: PredictionSet,
    entry: ProviderSettings | None,
    in_force: Mapping[str, tuple[str, str]],
    verdicts: Mapping[tuple[str, str, str, float], Verdict],
    on_document: Collection[tuple[str, str | None, str | None]],
    rejected: Collection[str],
) -> JudgedSet:
    is_in_force = in_force.get(one.provider) == (one.model, one.model_version)
    predictions = []
    for label, score in one.predictions:
        name = normalize_name(str(label))
        key = (one.provider, one.model, str(label), float(score))
        predictions.append(
            JudgedPrediction(
                name or str(label),
                float(score),
                verdicts[key] if is_in_force else None,
                (fold(name), one.provider, one.model) in on_document,
                fold(name) in rejected,
            )
        )
    return JudgedSet(
        one.provider,
        one.model,
        one.created_at,
        entry.confidence_threshold if entry else None,
        is_in_force,
        tuple(predictions),
    )
