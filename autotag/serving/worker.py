"""One worker: its database, storage and inference process, and the loop that takes jobs."""

import os
import socket
import time

import structlog
from redis import Redis
from redis.exceptions import RedisError

from autotag.config import Config
from autotag.configuration.effective import EffectiveSettings
from autotag.inference.installing.store import ModelStore
from autotag.inference.process.process import InferenceProcess
from autotag.instances.directory import InstanceNames
from autotag.media.storage.choice import storage_of
from autotag.models.engine import build_session_factory
from autotag.observability import name_instances
from autotag.tagging import jobs
from autotag.tagging.model_installations import ModelInstallations
from autotag.tagging.pipeline.pipeline import Pipeline
from autotag.tagging.pipeline.release_claims import release_claims_of
from autotag.tagging.provider_health.factory import provider_factory
from autotag.tagging.provider_health.process_breaker import count_death_at_rest
from autotag.tagging.queueing.queue import TaggingQueue, connect
from autotag.tagging.queueing.rq_worker import build_worker

logger = structlog.stdlib.get_logger(__name__)

HANGS_EXIT_CODE = 70
"""The one of sysexits for an internal error (EX_SOFTWARE)."""


def run_worker(config: Config, name: str) -> None:
    """Tag documents until a signal ends it. `name` is the same at each start, so that a successor can take
    back what its predecessor had in hand when it died."""
    worker_name = f"{socket.gethostname()}.{name}"
    structlog.contextvars.bind_contextvars(worker=worker_name)
    sessions = build_session_factory(config.database_url, durable=False)
    name_instances(InstanceNames(sessions))
    released = release_claims_of(sessions, worker_name)
    if released:
        logger.warning("took back documents of a worker that died", documents=released)
    connection = wait_for_broker(config.broker_url)
    # The pipeline's threads live as long as this process.
    with (
        InferenceProcess(callers_live_on=True, on_death_at_rest=count_death_at_rest(sessions)) as process,
        InferenceProcess(callers_live_on=True) as decoder,
    ):
        pipeline = Pipeline(
            sessions=sessions,
            storage=storage_of(config),
            process=process,
            decoder=decoder,
            settings=EffectiveSettings(sessions).for_instance,
            build_provider=provider_factory(config),
            worker=worker_name,
            on_stuck=_end_at_once,
        )
        jobs.bind(pipeline, TaggingQueue(connect(config.broker_url)))
        jobs.bind_installations(ModelInstallations(sessions, ModelStore(config.models_path)))
        logger.info("worker ready")
        build_worker(connection, worker_name).work(logging_level="WARNING")


def _end_at_once() -> None:
    """End a worker in which something hangs that no time-out ends; whoever started it starts another."""
    logger.critical("worker hangs and is ended")
    os._exit(HANGS_EXIT_CODE)


def wait_for_broker(url: str) -> Redis:
    """Return a connection to the broker as soon as there is one; says once that it waits."""
    said = False
    while True:
        try:
            # A connection of its own: it has the client's time-out, which is shorter than a worker waits for a job,
            # and would be used again.
            with Redis.from_url(url) as probe:
                probe.ping()
        except RedisError as error:
            if not said:
                logger.warning("waiting for the broker", error=str(error))
            said = True
            time.sleep(0.2)
        else:
            return Redis.from_url(url)
