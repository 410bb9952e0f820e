"""`autotag assets import`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from sqlalchemy.orm import Session

from autotag.cli.assets.choice import refusals_told
from autotag.cli.assets.options import INSTANCE, counted
from autotag.cli.common.database import open_sessions, reading
from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.common.progress import progress_bar
from autotag.cli.common.wait_for_completion import Look, follow, warn_if_nobody_works
from autotag.cli.output import echo, file_name
from autotag.config import Config
from autotag.instances.administration import find_by_web_id
from autotag.instances.people import find_user
from autotag.media.errors import StorageError
from autotag.media.folders.folder_walk import files_below
from autotag.media.storage.choice import storage_of
from autotag.media.uploads.limits import upload_limits
from autotag.operations.document_counts import still_open
from autotag.tagging.tags.names import clean_names
from autotag.tagging.uploads.folder_import import (
    FolderImport,
    ImportedFile,
    ImportOutcome,
    ImportWishes,
)


@dataclass(slots=True)
class _Import:
    """An import under way. `stopped` says why it ended before its end."""

    instance_id: int
    files: list[ImportedFile] = field(default_factory=list)
    stopped: str = ""

    def of(self, outcome: ImportOutcome) -> list[ImportedFile]:
        return [file for file in self.files if file.outcome is outcome]


@click.command(name="import")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@INSTANCE
@click.option("--owner", metavar="EMAIL", help="Whose files they are; nobody's when not given.")
@click.option("--into", metavar="PATH", default="", help="Folder to put them into, made if it is missing.")
@click.option("--folders", is_flag=True, help="Make the folders of the disk folders here, too.")
@click.option("--tag", "tags", multiple=True, help="Tag for all of them; can be given several times.")
@click.option("--wait", is_flag=True, help="Wait until the images are tagged, showing progress.")
@JSON
def import_(
    folder: Path,
    web_id: str,
    owner: str | None,
    into: str,
    folders: bool,
    tags: tuple[str, ...],
    wait: bool,
    as_json: bool,
) -> None:
    """Upload the files of DIR and of the folders below it; hidden ones are left out.

    It can be stopped and repeated: a file whose content is there already is left alone. A file that is refused is
    named, with exit code 1, and the others go on.

    \b
    Examples:
      autotag assets import ~/Pictures --instance default --wait
      autotag assets import /srv/photographs --instance acme --folders --into Archive --owner eva@acme.example
    """
    config = load_config()
    with refusals_told(), reading(config) as session:
        wishes = _wishes(session, web_id, owner, into, folders, clean_names(tags))
        limits = upload_limits(session, wishes.instance_id)
    taker = FolderImport(
        folder,
        wishes,
        sessions=open_sessions(config),
        storage=storage_of(config),
        limits=limits,
    )
    done = _Import(wishes.instance_id)
    _take_all(done, folder, taker, quiet=as_json)
    _tell(done, as_json)
    if wait and not done.stopped:
        _wait(config, web_id, done, quiet=as_json)
    if done.stopped or done.of(ImportOutcome.REFUSED):
        sys.exit(1)


def _wishes(
    session: Session, web_id: str, owner: str | None, into: str, folders: bool, tags: Sequence[str]
) -> ImportWishes:
    instance = find_by_web_id(session, web_id)
    user = find_user(session, instance.id, owner) if owner else None
    if owner and user is None:
        raise click.ClickException(f"{owner} is no user of the instance {web_id}.")
    return ImportWishes(instance.id, user.id if user else None, into, folders, tuple(tags))


def _take_all(done: _Import, folder: Path, taker: FolderImport, *, quiet: bool) -> None:
    """Take the files one after the other until all are taken, somebody stops it, or the disk takes no more."""

    def unreadable(error: OSError) -> None:
        reason = f"The folder cannot be read: {error.strerror}."
        path = Path(error.filename)
        done.files.append(ImportedFile(path, ImportOutcome.REFUSED, code="unreadable_folder", reason=reason))

    try:
        paths = list(files_below(folder, unreadable))
        with progress_bar("Importing", quiet=quiet) as show:
            for number, path in enumerate(paths, start=1):
                done.files.append(taker.take(path))
                show(number, len(paths))
    except KeyboardInterrupt:
        done.stopped = "Stopped. Repeat the command to go on where it was."
    except StorageError as error:
        done.stopped = error.message


def _tell(done: _Import, as_json: bool) -> None:
    """Print what became of the files. Refusals go to standard error, so that they are seen."""
    counts = {str(outcome): len(done.of(outcome)) for outcome in ImportOutcome}
    for file in done.of(ImportOutcome.REFUSED):
        echo(f"{file_name(file.path)}: {file.reason}", err=True)
    if as_json:
        files = [_described(file) for file in done.files]
        echo(json.dumps({**counts, "stopped": bool(done.stopped), "files": files}))
    else:
        echo(
            f"{counted(counts['imported'], 'file')} imported, {counts['already_there']:,} already there, "
            f"{counts['refused']:,} refused."
        )
    if done.stopped:
        echo(f"Error: {done.stopped}", err=True)


def _described(file: ImportedFile) -> dict[str, object]:
    described: dict[str, object] = {"file": click.format_filename(file.path), "outcome": file.outcome}
    if file.document_id is not None:
        described["document"] = file.document_id
    if file.code:
        described["error"] = {"code": file.code, "message": file.reason}
    return described


def _wait(config: Config, web_id: str, done: _Import, *, quiet: bool) -> None:
    ids = {file.document_id for file in done.of(ImportOutcome.IMPORTED) if file.document_id is not None}
    if not ids:
        return
    warn_if_nobody_works(config)
    sessions = open_sessions(config)
    first, last = min(ids), max(ids)

    def look() -> Look:
        with sessions() as session:
            left = len(ids & still_open(session, done.instance_id, first, last))
        return Look(len(ids) - left, len(ids), not left)

    follow("Tagging", look, quiet=quiet, goes_on=f"See: autotag assets status --instance {web_id}")
