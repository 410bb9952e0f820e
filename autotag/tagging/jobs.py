"""RQ jobs: ids in, one service called. What they work with is bound once when the worker starts."""

from autotag.tagging.model_installations import ModelInstallations
from autotag.tagging.pipeline.pipeline import Pipeline
from autotag.tagging.queueing.queue import TaggingQueue

_bound: list[tuple[Pipeline, TaggingQueue]] = []
_bound_installations: list[ModelInstallations] = []


class NotInWorker(RuntimeError):
    """A job was called outside a worker, where there is nothing to do it with."""


def bind(pipeline: Pipeline, queue: TaggingQueue) -> None:
    """Say which pipeline this process's jobs use, and where they put what they have to leave for later."""
    _bound[:] = [(pipeline, queue)]


def bind_installations(installations: ModelInstallations) -> None:
    """Say what this process's jobs install models with."""
    _bound_installations[:] = [installations]


def tag_documents(instance_id: int, document_ids: list[int]) -> None:
    """Tag documents of one instance. Safe to run twice, late, or again after being killed anywhere.

    It gives way as soon as something waits that goes before the backlog; what it leaves is the backlog's next.
    """
    pipeline, queue = _parts()
    left = pipeline.tag_many(instance_id, document_ids, is_interrupted=queue.is_urgent).left
    if left:
        queue.enqueue(instance_id, left, at_front=True)


def _parts() -> tuple[Pipeline, TaggingQueue]:
    if not _bound:
        raise NotInWorker
    return _bound[0]


def install_model(name: str) -> None:
    """Install a model of the catalogue. Safe to run twice, late, or again after being killed anywhere."""
    if not _bound_installations:
        raise NotInWorker
    _bound_installations[0].run(name)
