"""`autotag worker`."""

import click

from autotag.cli.common.environment import load_config


@click.command(name="worker")
@click.option(
    "--name", default="worker", show_default=True, help="Name, unique among this machine's workers."
)
def command(name: str) -> None:
    """Run one worker alone: it takes jobs from the broker and tags documents.

    \b
    Example:
      autotag worker --name worker-1
    """
    from autotag.cli.common.preflight import require_tables
    from autotag.observability import configure_logging
    from autotag.serving.worker import run_worker

    config = load_config()
    configure_logging(config.log_format)
    require_tables(config)
    run_worker(config, name)
