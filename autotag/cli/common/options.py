"""Options that commands share."""

import click

from autotag.models import DEFAULT_WEB_ID

INSTANCE = click.option(
    "--instance", "web_id", default=DEFAULT_WEB_ID, show_default=True, help="Web ID of the instance."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
NUMBER = click.IntRange(1, 2**31 - 1)
"""The number of a row, as far as a database counts."""
