"""`autotag assets`."""

import click

from autotag.cli.assets.import_folder import import_
from autotag.cli.assets.reconcile import reconcile
from autotag.cli.assets.runs import retag, tag_untagged
from autotag.cli.assets.status import status
from autotag.cli.assets.tags import commit, untag


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
