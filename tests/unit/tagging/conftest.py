"""An instance whose images are tagged, and workers that are played: the rules are real, only the model is a script."""

import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import load_tagging_settings
from autotag.configuration.entries import ASSET_AUTO_TAGGING, TENSORFLOW
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Submission, save
from autotag.media.library.query import Selection
from autotag.models import (
    Document,
    RunItemState,
    RunScope,
    Tag,
    TagAssignment,
    TaggingRun,
    TaggingRunItem,
    TaggingState,
    VirtualInstance,
)
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.document_tags.assign import add_tags, remove_tags
from autotag.tagging.pipeline.claims import Claim, claim_many
from autotag.tagging.pipeline.decide_outcome import conclude
from autotag.tagging.pipeline.outcome import Outcome, Predictions
from autotag.tagging.pipeline.provider_calls import Replies, Wait
from autotag.tagging.pipeline.record_outcome import record_many
from autotag.tagging.runs.lifecycle import load_run, selection_of, start_run
from autotag.tagging.runs.scheduler_step import tend_runs
from tests.unit.conftest import Factory

Pairs = Sequence[tuple[str, float]]
CAT: Pairs = (("cat", 0.9),)


def save_entry(sessions: sessionmaker[Session], place: Place, texts: dict[str, str]) -> None:
    with sessions() as session, unit_of_work(session) as work:
        save(
            work,
            place,
            Submission(texts, "eva"),
            box=SecretBox(["key"]),
            choices={"installed-models": [("toy", "Toy")]},
        )


def enable_tensorflow(sessions: sessionmaker[Session], instance_id: int, *, on: bool = True) -> None:
    texts = {"enabled": str(on).lower(), "model": "toy", "confidence_threshold": "0.1"}
    save_entry(sessions, Place.of(TENSORFLOW, instance_id), texts)


@pytest.fixture
def signals_of_the_process() -> Iterator[None]:
    """RQ takes the process's signals for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Library:
    """Documents of one instance, what a person does with them, and a worker."""

    def __init__(self, sessions: sessionmaker[Session], make: Factory, instance: VirtualInstance) -> None:
        self.sessions = sessions
        self.make = make
        self.instance = instance

    def document(self, state: TaggingState = TaggingState.NO_TAGS, **values: object) -> Document:
        return self.make.document(self.instance, tagging_state=state, **values)

    def start(
        self, *documents: Document, scope: RunScope = RunScope.ALL, selection: Selection | None = None
    ) -> TaggingRun:
        if documents:
            scope, selection = RunScope.SELECTION, Selection(tuple(document.id for document in documents))
        with self.sessions() as session, unit_of_work(session) as work:
            return start_run(
                work,
                self.instance.id,
                scope=scope,
                selection=selection or selection_of(scope),
                covers="these",
                user_id=None,
            )

    def act(self, action: Callable[..., object], run: TaggingRun, *more: object) -> None:
        """Do one of the things that a person can do with a run."""
        with self.sessions() as session, unit_of_work(session) as work:
            action(work, self.instance.id, run.id, *more)

    def add(self, document: Document, *names: str) -> None:
        with self.sessions() as session, unit_of_work(session) as work:
            add_tags(work, self.instance.id, [document.id], names, user_id=None)

    def remove(self, document: Document, *names: str) -> None:
        with self.sessions() as session, unit_of_work(session) as work:
            remove_tags(work, self.instance.id, [document.id], names, user_id=None)

    def limit_tags(self, maximum: int) -> None:
        save_entry(
            self.sessions,
            Place.of(ASSET_AUTO_TAGGING, self.instance.id),
            {"enabled": "true", "maximum_number_of_tags": str(maximum), "update_auto_tags": "false"},
        )

    def change(self, document: Document, change: Callable[[UnitOfWork, Document], object]) -> None:
        with self.sessions() as session, unit_of_work(session) as work:
            change(work, work.session.get_one(Document, document.id))

    def take(self, *documents: Document) -> list[Claim]:
        ids = [document.id for document in documents] or self.queued()
        return claim_many(self.sessions, self.instance.id, ids, "worker-1", alone=len(ids) == 1)

    def conclude(self, held: Claim, pairs: Pairs = CAT, wait_until: datetime | None = None) -> Outcome:
        """What the worker concludes of a document of which the model says `pairs`, and another service nothing yet."""
        with self.sessions() as session:
            settings = load_tagging_settings(session, self.instance.id)
        replies = Replies(tried=True, applicable=True)
        replies.answers.append(Predictions("tensorflow", "toy", "v1", "scripted 1", tuple(pairs)))
        if wait_until is not None:
            replies.waits.append(Wait("waiting_for_google-cloud-vision", "Google is away.", wait_until))
        return conclude(held, settings, replies)

    def record(self, held: Claim, outcome: Outcome) -> bool:
        return bool(record_many(self.sessions, [(held, outcome)], "worker-1"))

    def work(self, pairs: Pairs = CAT) -> int:
        """Let a worker take all that is queued, once; return how many documents it tagged."""
        claims = self.take()
        return len(
            record_many(self.sessions, [(held, self.conclude(held, pairs)) for held in claims], "worker-1")
        )

    def go_on(self, pairs: Pairs = CAT) -> None:
        """Let worker and scheduler take turns until nothing happens any more."""
        for _ in range(50):
            if not self.work(pairs) + tend_runs(self.sessions):
                return
        raise AssertionError("it never ended")

    def queued(self) -> list[int]:
        with self.sessions() as session:
            return list(
                session.scalars(
                    select(Document.id)
                    .where(
                        Document.instance_id == self.instance.id,
                        Document.tagging_state == TaggingState.QUEUED,
                    )
                    .order_by(Document.id)
                )
            )

    def look(self, document: Document) -> Document:
        return self.document_of(document.id)

    def document_of(self, document_id: int) -> Document:
        with self.sessions() as session:
            return session.get_one(Document, document_id)

    def run(self, run: TaggingRun) -> TaggingRun:
        with self.sessions() as session:
            return load_run(session, self.instance.id, run.id)

    def items(self, run: TaggingRun) -> dict[RunItemState, int]:
        with self.sessions() as session:
            rows = session.execute(
                select(TaggingRunItem.state, func.count())
                .where(TaggingRunItem.run_id == run.id)
                .group_by(TaggingRunItem.state)
            )
            return dict(rows.all())

    def tags(self, document: Document) -> dict[str, str]:
        """The tags on a document and who put each there."""
        with self.sessions() as session:
            rows = session.execute(
                select(Tag.name, TagAssignment.source)
                .join(TagAssignment)
                .where(TagAssignment.document_id == document.id)
                .order_by(Tag.name)
            )
            return {name: str(source) for name, source in rows}

    def all_tags(self) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(select(Tag.name).order_by(Tag.name)))


@pytest.fixture
def library(sessions: sessionmaker[Session], make: Factory) -> Library:
    instance = make.instance("acme")
    enable_tensorflow(sessions, instance.id)
    return Library(sessions, make, instance)
