"""`autotag assets`."""

import click

from autotag.cli.asset_import import import_
from autotag.cli.asset_reconcile import reconcile
from autotag.cli.asset_runs import retag, tag_untagged
from autotag.cli.asset_status import status
from autotag.cli.asset_tags import commit, untag


@click.group(name="assets")
def command() -> None:
    """Import files, tag them again, untag, commit, and see how they stand.

    \b
    Examples:
      autotag assets import ~/Pictures --instance default --wait
      autotag assets tag-untagged --instance default --wait
      autotag assets status --instance default --json
    """


for part in (import_, tag_untagged, retag, untag, commit, reconcile, status):
    command.add_command(part)
