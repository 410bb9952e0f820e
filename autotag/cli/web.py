"""`autotag web`."""

import click

from autotag.cli.common.environment import load_config


@click.command(name="web")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def command(host: str, port: int) -> None:
    """Run the web server alone.

    \b
    Example:
      autotag web --host 127.0.0.1 --port 8000
    """
    from autotag.cli.common.preflight import require_tables
    from autotag.observability import configure_logging
    from autotag.serving.web import WebServer

    config = load_config()
    configure_logging(config.log_format)
    require_tables(config)
    WebServer(config, host=host, port=port).run()
