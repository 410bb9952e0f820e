"""`autotag scheduler`."""

import click

from autotag.cli.common.environment import load_config


@click.command(name="scheduler")
def command() -> None:
    """Run the scheduler alone: it hands out again what was lost on the way. One for an installation.

    \b
    Example:
      autotag scheduler
    """
    from autotag.cli.common.preflight import require_tables
    from autotag.observability import configure_logging
    from autotag.serving.scheduler import run_scheduler

    config = load_config()
    configure_logging(config.log_format)
    require_tables(config)
    run_scheduler(config)
