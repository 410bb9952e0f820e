"""`autotag worker`."""

import click

from autotag.cli.environment import load_config


@click.command(name="worker")
@click.option(
    "--name", default="worker", show_default=True, help="Name, unique among this machine's workers."
)
def command(name: str) -> None:
    """Run one worker alone: it takes jobs from the broker and tags documents."""
    from autotag.observability import configure_logging
    from autotag.serving.worker import run_worker

    configure_logging()
    run_worker(load_config(), name)
