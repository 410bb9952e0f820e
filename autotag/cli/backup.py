"""`autotag backup`."""

import json
from pathlib import Path

import click

from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.common.progress import progress_bar
from autotag.cli.output import echo


@click.command(name="backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a file of that name.")
@JSON
def command(file: Path, overwrite: bool, as_json: bool) -> None:
    """Write database, uploaded files, models and keys to FILE; the server may run meanwhile.

    The file holds the keys of the installation: keep it as secret as the server.

    \b
    Example:
      autotag backup /var/backups/autotag-2026-11-24.tar
    """
    from autotag.cli.common.preflight import refuse_missing_file
    from autotag.serving.backup import BackupError, back_up

    config = load_config()
    refuse_missing_file(config)
    try:
        with progress_bar("Files", quiet=as_json) as progress:
            summary = back_up(config, file, overwrite=overwrite, progress=progress)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    if summary.missing:
        echo(f"{len(summary.missing)} uploaded files are missing on disk and not in the backup.", err=True)
    if as_json:
        echo(json.dumps({"file": str(file), "files": summary.originals, "size": summary.size}))
    else:
        echo(f"{file}: {summary.originals:,} files, {summary.size / 1e6:,.1f} MB")
