"""The roads on which a process is killed: what people, workers and the scheduler do that changes something.

Each is written as a person takes it who does not know how far it came: it looks what is there and does what is
missing. So it can be taken again after a death at any point, and has to end as if nobody had died.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from autotag.media.errors import UploadRefused
from autotag.media.folders.folders import ensure_path
from autotag.media.library.query import DocumentQuery, Selection
from autotag.media.uploads.intake import UploadLimits, receive
from autotag.media.uploads.versions import add_version
from autotag.models import BulkAction, Document, RunScope, RunState, TaggingRun
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.bulk.actions import BulkKind, start_action
from autotag.tagging.bulk.merge import start_merge
from autotag.tagging.bulk.undo import can_undo, undo_action
from autotag.tagging.document_tags.assign import add_tags, remove_tags
from autotag.tagging.runs.lifecycle import selection_of, start_run, undo_run
from autotag.tagging.runs.scheduler_step import tend_runs
from autotag.tagging.tags.edit import delete_tag, rename_tag
from autotag.tagging.tags.listing import TagNotFound, find_tag
from autotag.tagging.tags.names import TaggingRefused
from autotag.tagging.uploads.folder_import import FolderImport, ImportWishes
from autotag.tagging.uploads.new_version import tag_new_version
from tests.faults.site import Chunks, Site, picture

EVA = "eva@acme.example"
EVERYTHING = Selection(query=DocumentQuery())


@dataclass(frozen=True, slots=True)
class Road:
    """A road, and what has to be there before it begins."""

    name: str
    take: Callable[[Site], None]
    prepare: Callable[[Site], None] = lambda _site: None


def upload(site: Site) -> None:
    site.upload("new", "sea", path="summer/beach")


def upload_known_bytes(site: Site) -> None:
    """The same bytes are a document already: its file is replaced by an equal one."""
    site.upload("one", path="copies")


def new_version(site: Site) -> None:
    document_id = site.document("one").id
    with (
        suppress(UploadRefused),  # as the person is told who sends it again: it is the current one already
        site.sessions() as session,
        receive(
            Chunks(picture("one again"), site.step),  # type: ignore[arg-type]
            "again.jpg",
            session=session,
            storage=site.storage,
            limits=UploadLimits(),
        ) as received,
        unit_of_work(session) as work,
    ):
        document = add_version(
            work, received, instance_id=site.instance_id, document_id=document_id, user_id=site.user_id
        )
        tag_new_version(work, document)
        site.queue.enqueue_after_commit(work, document)
    site.acknowledge("again.jpg")


def prepare_waiting(site: Site) -> None:
    for name in ("four", "five"):
        site.upload(name)


def tag(site: Site) -> None:
    """The worker's road over what waits: claimed, examined, recorded, closed."""
    site.tend()
    site.work()


def edit_tags(site: Site) -> None:
    ids = [site.document("one").id, site.document("two").id]

    def edit(work: UnitOfWork) -> None:
        remove_tags(work, site.instance_id, ids, ["dog"], user_id=site.user_id)
        add_tags(work, site.instance_id, ids, ["harbour", "Sea view"], user_id=site.user_id)

    site.transact(edit)


def tag_id(site: Site, name: str) -> int | None:
    with site.sessions() as session:
        found = find_tag(session, site.instance_id, name)
        return found and found.id


def merge_into_another(site: Site) -> None:
    with suppress(TaggingRefused, TagNotFound):
        source, target = tag_id(site, "dog"), tag_id(site, "cat")
        assert target
        site.transact(
            lambda work: start_merge(
                work, site.instance_id, [source or 4711], target, actor=EVA, user_id=site.user_id
            )
        )


def rename_and_delete_tags(site: Site) -> None:
    cat, dog = tag_id(site, "cat"), tag_id(site, "dog")
    if cat:
        site.transact(
            lambda work: rename_tag(work, site.instance_id, cat, "lynx", actor=EVA, user_id=site.user_id)
        )
    if dog:
        site.transact(lambda work: delete_tag(work, site.instance_id, dog, actor=EVA, user_id=site.user_id))


def act(site: Site, kind: BulkKind, selection: Selection, **parameters: object) -> None:
    """Start an action, unless nothing is left of what it is for."""
    with suppress(TaggingRefused):
        site.transact(
            lambda work: start_action(
                work,
                site.instance_id,
                kind,
                selection,
                user_id=site.user_id,
                actor=EVA,
                parameters=parameters,
            )
        )


def delete_and_sweep(site: Site) -> None:
    """Into the bin, the bin emptied, and a day later the files go. A second document has the bytes of one of them."""
    with site.sessions() as session:
        at_the_top = session.scalars(
            select(Document.id).where(Document.title.in_(["one", "two"]), Document.folder_id.is_(None))
        ).all()
    act(site, BulkKind.DELETE, Selection(ids=tuple(at_the_top)))
    act(site, BulkKind.PURGE, Selection(query=DocumentQuery(in_bin=True)))
    site.sweep()


def prepare_a_twin(site: Site) -> None:
    site.upload("two", path="copies")
    site.go_on()
    with site.sessions() as session, unit_of_work(session) as work:
        add_tags(work, site.instance_id, [site.document("one").id], ["only here"], user_id=None)


def prepare_untagged(site: Site) -> None:
    """All documents have lost what providers had found."""
    act(site, BulkKind.UNTAG, EVERYTHING)
    site.go_on()


def begin_run(site: Site) -> None:
    """Ask for tags of everything."""
    site.transact(
        lambda work: start_run(
            work,
            site.instance_id,
            scope=RunScope.ALL,
            selection=selection_of(RunScope.ALL),
            covers="all",
            user_id=site.user_id,
        )
    )


def run(site: Site) -> None:
    if not _runs(site):
        begin_run(site)
    site.go_on()


def prepare_run(site: Site) -> None:
    prepare_untagged(site)
    run(site)


def run_undo(site: Site) -> None:
    (last,) = _runs(site)
    if last.state is not RunState.UNDONE:
        site.transact(lambda work: undo_run(work, site.instance_id, last.id))
    tend_runs(site.sessions)


def _runs(site: Site) -> list[TaggingRun]:
    with site.sessions() as session:
        return list(session.scalars(select(TaggingRun).order_by(TaggingRun.id)))


def bulk_edit_and_undo(site: Site) -> None:
    """Edit in the background a part at a time, then take it back the same way."""
    if not _actions(site):
        act(site, BulkKind.EDIT_TAGS, EVERYTHING, add=["harbour"], remove=["dog"])
    site.go_on()
    edit = _actions(site)[0]
    if can_undo(edit):
        site.transact(lambda work: undo_action(work, site.instance_id, edit.id, user_id=site.user_id))
    site.go_on()


def _actions(site: Site) -> list[BulkAction]:
    with site.sessions() as session:
        return list(session.scalars(select(BulkAction).order_by(BulkAction.id)))


def move(site: Site) -> None:
    folders: list[int | None] = []
    site.transact(lambda work: folders.append(ensure_path(work, site.instance_id, "moved/here")))
    act(site, BulkKind.MOVE, EVERYTHING, folder_id=folders[0])


def prepare_folder(site: Site) -> None:
    folder = site.folder / "from" / "holiday"
    folder.mkdir(parents=True)
    for name in ("six", "seven"):
        (folder / f"{name}.jpg").write_bytes(picture(name))
    (site.folder / "from" / "eight.jpg").write_bytes(picture("eight"))


def import_folder(site: Site) -> None:
    root = site.folder / "from"
    wishes = ImportWishes(site.instance_id, site.user_id, into="imported", keeps_folders=True, tags=("old",))
    job = FolderImport(root, wishes, sessions=site.sessions, storage=site.storage, limits=UploadLimits())
    for path in sorted(Path(root).rglob("*.jpg")):
        job.take(path)
        site.acknowledge(path.name)


ROADS = (
    Road("upload", upload),
    Road("upload of known bytes", upload_known_bytes),
    Road("new version", new_version),
    Road("tagging", tag, prepare_waiting),
    Road("edit of tags", edit_tags),
    Road("merge of tags", merge_into_another),
    Road("rename and delete of tags", rename_and_delete_tags),
    Road("bin, emptying, sweep", delete_and_sweep, prepare_a_twin),
    Road("run", run, prepare_untagged),
    Road("undo of a run", run_undo, prepare_run),
    Road("bulk edit and undo", bulk_edit_and_undo),
    Road("move", move),
    Road("import of a folder", import_folder, prepare_folder),
)
