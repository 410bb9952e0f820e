"""A small installation without processes of its own: the real database, files, broker and rules in a folder.

Who uses it plays web process, worker and scheduler in turn, and can be killed as any of them. The only double is the
inference process, which answers from a script.
"""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import EffectiveSettings
from autotag.inference.errors import RenditionFailed
from autotag.inference.installing.store import ModelStore
from autotag.inference.messages import ImageRequest, ImageResult
from autotag.media.storage.orphan_files import PREFIXES, StraySweep
from autotag.media.storage.storage import FolderStorage
from autotag.models import Document, Role, User, VirtualInstance, schema
from autotag.models.engine import build_engine, build_session_factory
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.providers.tensorflow import TensorFlowProvider
from autotag.serving.housekeeping import HourlySweep
from autotag.tagging import jobs
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from autotag.tagging.pipeline.pipeline import Pipeline
from autotag.tagging.pipeline.release_claims import release_claims_of
from autotag.tagging.queueing.queue import QUEUE_NAMES, TaggingQueue
from autotag.tagging.queueing.reconcile import reconcile
from autotag.tagging.runs.scheduler_step import tend_runs
from autotag.tagging.uploads.upload import Sender, UploadWishes, store_upload
from tests.conftest import LONG_AGO, draw_picture, jpeg
from tests.unit.conftest import ScriptedProcess
from tests.unit.tagging.conftest import enable_tensorflow

WORKER = "host.worker-1"
MANY_TURNS = 50
A_DAY = 24 * 60 * 60

Step = Callable[[str], None]


def no_step(_name: str) -> None:
    """Nobody counts."""


class Chunks(io.RawIOBase):
    """An upload that comes in two parts, so that it can also be half there."""

    def __init__(self, content: bytes, step: Step) -> None:
        half = len(content) // 2
        self._parts = [content[:half], content[half:], b""]
        self._step = step

    def read(self, _size: int = -1) -> bytes:
        self._step("receive")
        return self._parts.pop(0)


class TalkingProcess(ScriptedProcess):
    """The inference process with its two messages, which may be the last thing that the worker did."""

    step: Step = staticmethod(no_step)

    def process(self, request: ImageRequest) -> ImageResult:
        self.step("ask the inference process")
        try:
            result = super().process(request)
        except OSError as error:
            raise RenditionFailed(f"The rendition cannot be written: {error.strerror}.") from error
        self.step("hear the inference process")
        return result


class Site:
    """What is in a folder, and what its parts do."""

    def __init__(self, folder: Path, broker: Redis) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.step: Step = no_step
        self.acknowledge: Step = no_step
        self.sessions: sessionmaker[Session] = build_session_factory(database_url(folder), durable=False)
        self.storage = FolderStorage(self.files)
        self.broker = broker
        self.queue = TaggingQueue(broker)
        with self.sessions() as session:
            self.instance_id = session.scalars(select(VirtualInstance.id)).one()
            self.user_id = session.scalars(select(User.id)).one()

    def close(self) -> None:
        self.sessions.kw["bind"].dispose()

    def transact(self, action: Callable[[UnitOfWork], object]) -> None:
        """Do something as a request does it."""
        with self.sessions() as session, unit_of_work(session) as work:
            action(work)

    def upload(self, name: str, *tags: str, path: str = "") -> int:
        """Upload the picture of this name as the page's script does, which sends again what had no answer."""
        with self.sessions() as session:
            stored = store_upload(
                session,
                Chunks(picture(name), self.step),  # type: ignore[arg-type]
                f"{name}.jpg",
                UploadWishes(None, tags, path=path, is_again=True),
                Sender(self.instance_id, self.user_id),
                storage=self.storage,
                queue=self.queue,
            )
        self.acknowledge(f"{name}.jpg")
        return stored.document_id

    def document(self, name: str) -> Document:
        with self.sessions() as session:
            return session.scalars(select(Document).where(Document.title == name)).one()

    def pipeline(self) -> Pipeline:
        process = TalkingProcess([[("cat", 0.9), ("dog", 0.5)]])
        process.step = self.step  # type: ignore[method-assign]
        models = ModelStore(self.folder / "models")
        return Pipeline(
            sessions=self.sessions,
            storage=self.storage,
            process=process,  # type: ignore[arg-type]
            decoder=process,  # type: ignore[arg-type]
            settings=EffectiveSettings(self.sessions).for_instance,
            build_provider=lambda _settings: TensorFlowProvider(models, "toy"),
            worker=WORKER,
        )

    def work(self) -> int:
        """Do all jobs that are in the broker, as a worker does; return how many."""
        done = 0
        for name in QUEUE_NAMES:
            queue = Queue(name, connection=self.broker, serializer=JSONSerializer)
            for job in queue.get_jobs():
                queue.remove(job)
                if not done:
                    jobs.bind(self.pipeline(), self.queue)
                assert job.func_name == "autotag.tagging.jobs.tag_documents"
                jobs.tag_documents(*job.args)
                job.delete()
                done += 1
        return done

    def tend(self) -> int:
        """One turn of the scheduler; return how much it did."""
        return (
            tend_bulk_actions(self.sessions) + tend_runs(self.sessions) + reconcile(self.sessions, self.queue)
        )

    def go_on(self) -> None:
        """Let scheduler and worker take turns until nothing happens any more."""
        for _ in range(MANY_TURNS):
            if not self.tend() + self.work():
                return
        raise AssertionError("it never came to rest")

    def restart(self) -> None:
        """Start again after a death, as `autotag up` does, and let a day pass, with its sweeps."""
        release_claims_of(self.sessions, WORKER)
        self.pass_time()
        self.go_on()
        self.sweep()

    def pass_time(self) -> None:
        """Let a day pass over what waits and what lies there."""
        yesterday = time.time() - 2 * A_DAY
        for path in self.files.rglob("*"):
            if path.is_file():
                os.utime(path, (yesterday, yesterday))
        with self.sessions() as session, unit_of_work(session) as work:
            work.session.execute(update(Document).values(tagging_enqueued_at=None))
            work.session.execute(
                text(
                    "UPDATE released_content SET released_at = :past,"
                    " removing_until = CASE WHEN removing_until IS NULL THEN NULL ELSE :past END"
                ),
                {"past": LONG_AGO},
            )

    def let_retries_be_due(self) -> None:
        """Let the time be over that what is tried again waits for."""
        with self.sessions() as session, unit_of_work(session) as work:
            work.session.execute(update(Document).values(tagging_enqueued_at=None, tagging_not_before=None))

    def sweep(self) -> None:
        """Do what the scheduler does in a day to clear away."""
        self.pass_time()
        strays = StraySweep(self.sessions, self.storage)
        there = {path.name for path in self.files.glob("*/*")}
        for prefix in sorted(there & set(PREFIXES)):  # the others hold nothing
            strays.look(prefix)
        self.pass_time()
        hourly = HourlySweep(self.sessions, self.storage)
        while hourly.step():
            pass


def database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'autotag.sqlite'}"


def picture(name: str) -> bytes:
    """A JPEG that differs with its name."""
    return jpeg(draw_picture(sum(name.encode()), (48, 32))) + name.encode()


def make_site(folder: Path, models: Path, broker: Redis) -> Site:
    """Make a site with one instance, one person and TensorFlow on."""
    folder.mkdir()
    shutil.copytree(models, folder / "models")
    engine = build_engine(database_url(folder), durable=False)
    schema.upgrade(engine)
    with Session(engine) as session, unit_of_work(session) as work:
        instance = VirtualInstance(web_id="acme", virtual_host="acme")
        work.session.add(instance)
        work.session.flush()
        instance_id = instance.id
        work.session.add(
            User(
                instance_id=instance_id, email="eva@acme.example", password_hash="none fits", role=Role.EDITOR
            )
        )
    enable_tensorflow(sessionmaker(engine), instance_id)
    engine.dispose()
    return Site(folder, broker)
