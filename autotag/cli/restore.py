"""`autotag restore`."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.common.progress import progress_bar
from autotag.cli.output import echo


@click.command(name="restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the installation that is there.")
@JSON
def command(file: Path, overwrite: bool, as_json: bool) -> None:
    """Bring back what `autotag backup` wrote to FILE; stop Autotag first.

    Every file is verified before anything is replaced. The sessions and API tokens of the backup are ended.

    \b
    Example:
      autotag restore /var/backups/autotag-2026-11-24.tar
    """
    from autotag.serving.backup import BackupError
    from autotag.serving.restore import restore

    config = load_config()
    try:
        with progress_bar("Files", quiet=as_json) as progress:
            manifest = restore(config, file, overwrite=overwrite, progress=progress)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        echo(json.dumps(asdict(manifest)))
    else:
        echo(f"Restored {manifest.originals:,} files of {manifest.created_at}. Start with: autotag up")
        echo(
            "Everybody has to sign in again, and programs need new API tokens: those of the backup are ended."
        )
