"""What follows for tagging when a configuration entry was saved or reset."""

from autotag.configuration.entries import TENSORFLOW_PROCESS
from autotag.configuration.store import Place
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.provider_health.circuit_breaker import resume
from autotag.tagging.provider_health.process_breaker import enable_process


def configuration_changed(work: UnitOfWork, place: Place) -> None:
    """Ask a paused provider again whose entry was saved; enable the process again whose entry was."""
    if place.entry.provider:
        resume(work, place.entry.provider, place.instance_id)
    if place.entry is TENSORFLOW_PROCESS:
        enable_process(work)
