from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from autotag.configuration.effective import ProviderSettings, TaggingSettings
from autotag.configuration.entries import GOOGLE_CLOUD_VISION, TENSORFLOW
from autotag.configuration.store import Place, Resolved, Source
from autotag.media.library.library import AssignedTag, DocumentSummary, load_summary
from autotag.models import AssignmentSource, Document, PredictionSet, TagRejection, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.providers.base import ProviderMisconfigured
from autotag.tagging.document_tags.explanation import JudgedSet, explain, judge, models_in_force
from autotag.tagging.policy import Verdict
from tests.unit.conftest import Factory

IN_FORCE = {"tensorflow": ("toy", "v1")}


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


def settings_of(*, maximum: int = 0, **thresholds: float) -> TaggingSettings:
    """Settings with these providers on."""
    entries = {"tensorflow": TENSORFLOW, "google": GOOGLE_CLOUD_VISION}
    providers = tuple(
        ProviderSettings(
            Resolved(
                entries[name],
                entries[name].defaults | {"confidence_threshold": threshold},
                Source.OWN,
                Place.of(entries[name]),
            )
        )
        for name, threshold in thresholds.items()
    )
    return TaggingSettings("", maximum, providers, 1)


def stored(*pairs: tuple[str, float], provider: str = "tensorflow", version: str = "v1") -> PredictionSet:
    return PredictionSet(
        instance_id=1,
        sha256="a" * 64,
        provider=provider,
        model="toy",
        model_version=version,
        predictions=[list(pair) for pair in pairs],
    )


def automatic(name: str, provider: str = "tensorflow") -> AssignedTag:
    return AssignedTag(name, AssignmentSource.AUTO, provider, "toy", 0.5)


def manual(name: str, provider: str | None = None) -> AssignedTag:
    return AssignedTag(name, AssignmentSource.MANUAL, provider, provider and "toy", None)


def judged(
    sets: list[PredictionSet],
    *tags: AssignedTag,
    settings: TaggingSettings | None = None,
    rejected: tuple[str, ...] = (),
    in_force: dict[str, tuple[str, str]] | None = None,
) -> list[JudgedSet]:
    return judge(
        sets,
        DocumentSummary(Document(), tags),
        rejected,
        settings or settings_of(tensorflow=0.1),
        IN_FORCE if in_force is None else in_force,
    )


def told(one: JudgedSet) -> list[tuple[str, Verdict | None, bool]]:
    return [(each.name, each.verdict, each.on_document) for each in one.predictions]


def test_every_prediction_says_what_was_decided_and_why() -> None:
    (one,) = judged(
        [stored(("tabby", 0.9), ("Tabby", 0.8), ("sofa", 0.7), ("???", 0.6), ("rug", 0.5), ("wall", 0.05))],
        manual("Sofa"),
        automatic("tabby"),
        rejected=("rug",),
    )
    assert told(one) == [
        ("tabby", Verdict.ACCEPTED, True),
        ("Tabby", Verdict.DUPLICATE, True),
        ("sofa", Verdict.ALREADY_THERE, False),
        ("???", Verdict.UNUSABLE_NAME, False),
        ("rug", Verdict.REMOVED_BY_PERSON, False),
        ("wall", Verdict.BELOW_THRESHOLD, False),
    ]
    assert (one.threshold, one.is_in_force, one.older_threshold) == (0.1, True, False)
    assert [each.removed for each in one.predictions] == [False] * 4 + [True, False]


def test_what_is_over_the_maximum_is_told() -> None:
    (one,) = judged(
        [stored(("a", 0.9), ("b", 0.8))], automatic("a"), settings=settings_of(tensorflow=0.1, maximum=1)
    )
    assert told(one) == [("a", Verdict.ACCEPTED, True), ("b", Verdict.OVER_MAXIMUM, False)]


def test_a_tag_under_todays_threshold_says_that_the_threshold_was_another() -> None:
    (one,) = judged([stored(("a", 0.3))], automatic("a"), settings=settings_of(tensorflow=0.5))
    assert told(one) == [("a", Verdict.BELOW_THRESHOLD, True)]
    assert one.older_threshold


def test_a_kept_automatic_tag_is_still_seen_to_come_from_its_prediction() -> None:
    (one,) = judged([stored(("a", 0.3))], manual("a", provider="tensorflow"))
    assert told(one) == [("a", Verdict.ALREADY_THERE, True)]


def test_two_providers_are_judged_together_the_more_confident_first() -> None:
    in_force = IN_FORCE | {"google-cloud-vision": ("toy", "v9")}
    first, second = judged(
        [stored(("cat", 0.4)), stored(("Cat", 0.9), provider="google-cloud-vision", version="v9")],
        automatic("Cat", "google-cloud-vision"),
        settings=settings_of(tensorflow=0.1, google=0.5),
        in_force=in_force,
    )
    assert told(first) == [("cat", Verdict.DUPLICATE, False)]
    assert told(second) == [("Cat", Verdict.ACCEPTED, True)]
    assert (first.threshold, second.threshold) == (0.1, 0.5)


@pytest.mark.parametrize(
    ("version", "in_force", "settings", "threshold"),
    [
        ("v0", IN_FORCE, settings_of(tensorflow=0.1), 0.1),
        ("v1", {}, settings_of(), None),
    ],
    ids=["another model", "provider off"],
)
def test_what_is_no_longer_in_force_is_judged_by_nothing(
    version: str, in_force: dict[str, tuple[str, str]], settings: TaggingSettings, threshold: float | None
) -> None:
    (one,) = judged(
        [stored(("a", 0.9), ("b", 0.8), version=version)],
        automatic("a"),
        settings=settings,
        in_force=in_force,
        rejected=("b",),
    )
    assert told(one) == [("a", None, True), ("b", None, False)]
    assert one.predictions[1].removed
    assert (one.is_in_force, one.threshold) == (False, threshold)


@pytest.mark.parametrize("error", [ProviderMisconfigured("secret_unreadable", "No."), KeyError("region")])
def test_a_provider_that_cannot_be_built_has_no_model_in_force(error: Exception) -> None:
    class Toy:
        model = "toy"
        model_version = "v1"

    def build(entry: ProviderSettings) -> Toy:
        if entry.provider == "tensorflow":
            return Toy()
        raise error

    found = models_in_force(settings_of(tensorflow=0.1, google=0.5), build)  # type: ignore[arg-type]
    assert found == IN_FORCE


@pytest.fixture
def nothing_built() -> Callable[[ProviderSettings], object]:
    def build(_entry: ProviderSettings) -> object:
        raise ProviderMisconfigured("x", "No.")

    return build


def test_what_is_stored_for_the_content_is_explained_and_nothing_of_another_instance(
    session: Session, make: Factory, acme: VirtualInstance, nothing_built: Callable[..., object]
) -> None:
    document = make.document(acme)
    other = make.instance()
    with unit_of_work(session) as work:
        for instance, name in ((acme, "ours"), (other, "theirs")):
            one = stored((name, 0.9))
            one.instance_id, one.sha256 = instance.id, document.sha256
            work.session.add(one)
        work.session.add(TagRejection(instance_id=acme.id, document_id=document.id, normalized_name="ours"))
    summary = load_summary(session, acme.id, document.id)
    (one,) = explain(session, acme.id, summary, nothing_built)  # type: ignore[arg-type]
    assert [(each.name, each.removed) for each in one.predictions] == [("ours", True)]
    session.rollback()
    fresh = load_summary(session, acme.id, make.document(acme).id)
    assert explain(session, acme.id, fresh, nothing_built) == []  # type: ignore[arg-type]
