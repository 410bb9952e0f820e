"""Models installed in the background: asked for and watched on a page, done by a worker, and removed again."""

import time
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.model_use import users_of_model
from autotag.configuration.store import hold_configuration
from autotag.inference.errors import InstallationCancelled, ModelRejected
from autotag.inference.installing.installation import install
from autotag.inference.installing.inventory import ModelSummary, inventory
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import known_model
from autotag.instances.audit import audit
from autotag.models import InstallationState, ModelInstallation
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.queueing.queue import TaggingQueue

logger = structlog.stdlib.get_logger(__name__)

LOST_AFTER = timedelta(seconds=60)
WRITE_SECONDS = 0.5
MESSAGE_LENGTH = 500
BROKER_AWAY = "The job queue cannot be reached, so nothing was started. Try again when it is back."
LOST = "It stopped: no worker has been heard of for a minute."

_UNDER_WAY = (InstallationState.QUEUED, InstallationState.RUNNING)


class ModelInUse(Exception):
    """A model cannot be removed now; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model with its latest installation, if there was one from the page."""

    summary: ModelSummary
    installation: ModelInstallation | None
    is_lost: bool

    @property
    def is_under_way(self) -> bool:
        """Whether it is being installed, as far as anybody knows."""
        return (
            self.installation is not None and self.installation.state in _UNDER_WAY and not self.is_lost
        ) and not self.summary.installed

    @property
    def trouble(self) -> str:
        """Why the latest installation came to nothing, "" if it did not."""
        if self.installation is None or self.summary.installed:
            return ""
        if self.is_lost:
            return LOST
        return self.installation.message if self.installation.state is InstallationState.FAILED else ""


def list_models(session: Session, store: ModelStore) -> list[ListedModel]:
    """Return all models that can be chosen or installed, as `inventory` orders them."""
    rows = {row.name: row for row in session.scalars(select(ModelInstallation))}
    return [
        ListedModel(summary, row, row is not None and _is_lost(row))
        for summary in inventory(store)
        for row in [rows.get(summary.name)]
    ]


def request_installation(work: UnitOfWork, queue: TaggingQueue, name: str, actor: str) -> None:
    """Have the workers install a model of the catalogue; no change while it is under way.

    Raises ModelRejected when the catalogue has no such model.
    """
    title = known_model(name).title
    row = _hold(work.session, name)
    if row.state in _UNDER_WAY and not _is_lost(row):
        return
    row.state, row.done_bytes, row.total_bytes = InstallationState.QUEUED, 0, None
    row.message, row.cancel_requested, row.updated_at = "", False, utc_now()
    audit(work.session, None, actor, "model installation started", title)

    def send() -> None:
        if not queue.enqueue_installation(name):
            with unit_of_work(work.session) as again:
                _finish(again, name, InstallationState.QUEUED, InstallationState.FAILED, BROKER_AWAY)

    work.after_commit(send)


def cancel_installation(work: UnitOfWork, name: str, actor: str) -> None:
    """Stop an installation: at once when no worker has begun, else as soon as its worker looks."""
    row = _load(work.session, name, for_change=True)
    if row is None or row.state not in _UNDER_WAY:
        return
    row.cancel_requested = True
    if row.state is InstallationState.QUEUED or _is_lost(row):
        row.state = InstallationState.CANCELLED
    audit(work.session, None, actor, "model installation cancelled", name)


def remove_model(work: UnitOfWork, store: ModelStore, name: str, actor: str) -> None:
    """Remove an installed model.

    Raises ModelInUse with those who have chosen it, or while it is being installed; ModelRejected for the
    default model and for one that is not installed.
    """
    # Whoever chooses the model at the same moment waits, and then finds that it is gone.
    hold_configuration(work.session)
    title = store.get(name).title
    users = users_of_model(work.session, name)
    if users:
        raise ModelInUse(f"{title} is in use by {', '.join(users)}. Choose another model there first.")
    row = _hold(work.session, name)
    if row.state in _UNDER_WAY and not _is_lost(row):
        raise ModelInUse(f"{title} is being installed. Cancel that first.")
    work.session.execute(delete(ModelInstallation).where(ModelInstallation.name == name))
    audit(work.session, None, actor, "model removed", title)
    store.remove(name)


class ModelInstallations:
    """What a worker installs models with."""

    def __init__(self, sessions: sessionmaker[Session], store: ModelStore) -> None:
        self._sessions = sessions
        self._store = store

    def run(self, name: str) -> None:
        """Install the model that somebody asked for, and note what becomes of it; nothing if it was cancelled."""
        if not self._begin(name):
            return
        watch = _Watch(self._sessions, name)
        try:
            install(self._store, name, progress=watch.note, cancelled=watch.is_cancelled)
        except InstallationCancelled:
            self._end(name, InstallationState.CANCELLED)
        except ModelRejected as error:
            logger.warning("model installation failed", model=name, code=error.code, reason=error.message)
            self._end(name, InstallationState.FAILED, error.message)
        else:
            logger.info("model installed", model=name)
            self._end(name, InstallationState.DONE)

    def _begin(self, name: str) -> bool:
        with self._sessions() as session, unit_of_work(session) as work:
            row = _load(work.session, name, for_change=True)
            if row is None or row.state not in _UNDER_WAY:
                return False
            row.state, row.updated_at = InstallationState.RUNNING, utc_now()
            return True

    def _end(self, name: str, state: InstallationState, message: str = "") -> None:
        with self._sessions() as session, unit_of_work(session) as work:
            _finish(work, name, InstallationState.RUNNING, state, message)


class _Watch:
    """Writes how far an installation is and reads whether it is still wanted, in one statement, twice a second."""

    def __init__(self, sessions: sessionmaker[Session], name: str) -> None:
        self._sessions = sessions
        self._name = name
        self._done = 0
        self._total: int | None = None
        self._is_cancelled = False
        self._next_at = 0.0

    def note(self, done: int, total: int | None) -> None:
        self._done, self._total = done, total
        self._look()

    def is_cancelled(self) -> bool:
        self._look()
        return self._is_cancelled

    def _look(self) -> None:
        if time.monotonic() < self._next_at:
            return
        with self._sessions() as session, unit_of_work(session) as work:
            wanted = work.session.execute(
                update(ModelInstallation)
                .where(
                    ModelInstallation.name == self._name,
                    ModelInstallation.state == InstallationState.RUNNING,
                )
                .values(done_bytes=self._done, total_bytes=self._total, updated_at=utc_now())
                .returning(ModelInstallation.cancel_requested)
            ).one_or_none()
        # No running row: somebody gave it up for lost and cancelled it.
        self._is_cancelled = wanted is None or wanted.cancel_requested
        self._next_at = time.monotonic() + WRITE_SECONDS


def _load(session: Session, name: str, *, for_change: bool = False) -> ModelInstallation | None:
    """Return the latest installation; `for_change` nobody else changes it before the transaction ends."""
    statement = (
        select(ModelInstallation)
        .where(ModelInstallation.name == name)
        .execution_options(populate_existing=True)
    )
    return session.scalar(statement.with_for_update() if for_change else statement)


def _hold(session: Session, name: str) -> ModelInstallation:
    """Return the row of a model, made if need be; nobody else changes it before the transaction ends."""
    while (row := _load(session, name, for_change=True)) is None:
        # Again, if somebody who removes the model takes the row away at once.
        insert_new(
            session, ModelInstallation.__table__, [{"name": name, "state": InstallationState.CANCELLED}]
        )
    return row


def _finish(
    work: UnitOfWork, name: str, before: InstallationState, state: InstallationState, message: str
) -> None:
    """Move an installation to its end, unless it is somewhere else by now: given up, or started again."""
    work.session.execute(
        update(ModelInstallation)
        .where(ModelInstallation.name == name, ModelInstallation.state == before)
        .values(state=state, message=message[:MESSAGE_LENGTH], updated_at=utc_now())
    )


def _is_lost(row: ModelInstallation) -> bool:
    return row.state in _UNDER_WAY and utc_now() - row.updated_at > LOST_AFTER
