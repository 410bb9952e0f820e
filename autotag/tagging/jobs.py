"""RQ jobs: ids in, one service called. What they work with is bound once when the worker starts."""

from autotag.tagging.model_installations import ModelInstallations
from autotag.tagging.pipeline import Pipeline

_bound: list[Pipeline] = []
_bound_installations: list[ModelInstallations] = []


class NotInWorker(RuntimeError):
    """A job was called outside a worker, where there is nothing to do it with."""


def bind(pipeline: Pipeline) -> None:
    """Say which pipeline this process's jobs use."""
    _bound[:] = [pipeline]


def bind_installations(installations: ModelInstallations) -> None:
    """Say what this process's jobs install models with."""
    _bound_installations[:] = [installations]


def tag_documents(instance_id: int, document_ids: list[int]) -> None:
    """Tag documents of one instance. Safe to run twice, late, or again after being killed anywhere."""
    if not _bound:
        raise NotInWorker
    _bound[0].tag_many(instance_id, document_ids)


def install_model(name: str) -> None:
    """Install a model of the catalogue. Safe to run twice, late, or again after being killed anywhere."""
    if not _bound_installations:
        raise NotInWorker
    _bound_installations[0].run(name)
