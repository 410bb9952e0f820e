import json
import os
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import StorageError
from autotag.media.storage.storage import INCOMING, FolderStorage, original_key
from autotag.models import (
    AssignmentSource,
    Document,
    Folder,
    Tag,
    TagAssignment,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.tagging.uploads.folder_import import FolderImport
from tests.unit.cli.conftest import Autotag
from tests.unit.conftest import Factory

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two pictures, one of them in a folder, and what no import takes."""
    root = tmp_path / "pictures"
    (root / "Beach" / "Day 1").mkdir(parents=True)
    (root / ".hidden").mkdir()
    (root / "a.png").write_bytes(PNG + b"a")
    (root / "Beach" / "Day 1" / "b.png").write_bytes(PNG + b"b")
    (root / ".hidden" / "c.png").write_bytes(PNG + b"c")
    (root / ".DS_Store").write_bytes(b"d")
    return root


def documents(sessions: sessionmaker[Session]) -> list[Document]:
    with sessions() as session:
        return list(session.scalars(select(Document).order_by(Document.file_name)))


def test_files_become_documents_that_wait_for_the_scheduler(
    autotag: Autotag,
    acme: VirtualInstance,
    pictures: Path,
    sessions: sessionmaker[Session],
    storage: FolderStorage,
) -> None:
    done = autotag("assets", "import", pictures, "--instance", "acme")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "2 files imported, 0 already there, 0 refused.\n"
    found = documents(sessions)
    assert [(each.file_name, each.folder_id, each.owner_id) for each in found] == [
        ("a.png", None, None),
        ("b.png", None, None),
    ]
    assert {each.instance_id for each in found} == {acme.id}
    assert {(each.tagging_state, each.tagging_enqueued_at) for each in found} == {(TaggingState.QUEUED, None)}
    assert all(storage.exists(original_key(each.sha256)) for each in found)


def test_a_second_import_leaves_alone_what_is_there_whatever_its_name(
    autotag: Autotag, acme: VirtualInstance, pictures: Path, sessions: sessionmaker[Session]
) -> None:
    autotag("assets", "import", pictures, "--instance", "acme")
    (pictures / "a.png").rename(pictures / "renamed.png")
    (pictures / "new.png").write_bytes(PNG + b"new")
    (pictures / "twin.png").write_bytes(PNG + b"new")
    again = autotag("assets", "import", pictures, "--instance", "acme")
    assert again.stdout == "1 file imported, 3 already there, 0 refused.\n"
    assert again.exit_code == 0
    assert len(documents(sessions)) == 3


def test_what_lies_in_the_recycle_bin_or_in_another_instance_is_not_there(
    autotag: Autotag, acme: VirtualInstance, make: Factory, pictures: Path, sessions: sessionmaker[Session]
) -> None:
    make.instance("globex")
    autotag("assets", "import", pictures, "--instance", "globex")
    autotag("assets", "import", pictures, "--instance", "acme")
    with sessions() as session:
        for document in session.scalars(select(Document).where(Document.instance_id == acme.id)):
            document.deleted_at = utc_now()
        session.commit()
    again = autotag("assets", "import", pictures, "--instance", "acme")
    assert again.stdout.startswith("2 files imported")


def test_folders_tags_and_an_owner_as_asked(
    autotag: Autotag, acme: VirtualInstance, make: Factory, pictures: Path, sessions: sessionmaker[Session]
) -> None:
    eva = make.user(acme, email="eva@acme.example")
    wishes = ["--folders", "--into", "Archive/2026", "--tag", "Holiday", "--owner", eva.email]
    assert autotag("assets", "import", pictures, "--instance", "acme", *wishes).exit_code == 0
    with sessions() as session:
        parents = {each.id: each for each in session.scalars(select(Folder))}
        assignments = session.execute(select(Tag.name, TagAssignment.source).join(Tag)).all()
    assert assignments == [("Holiday", AssignmentSource.MANUAL)] * 2

    def path(folder_id: int | None) -> str:
        if folder_id is None:
            return ""
        return f"{path(parents[folder_id].parent_id)}/{parents[folder_id].name}"

    found = documents(sessions)
    assert [path(each.folder_id) for each in found] == ["/Archive/2026", "/Archive/2026/Beach/Day 1"]
    assert {each.owner_id for each in found} == {eva.id}


def test_bad_files_are_named_and_the_others_go_on(
    autotag: Autotag,
    acme: VirtualInstance,
    pictures: Path,
    sessions: sessionmaker[Session],
    storage: FolderStorage,
) -> None:
    (pictures / "0 empty.png").touch()
    (pictures / "0 nowhere.png").symlink_to("nothing")
    os.mkfifo(pictures / "0 pipe.png")
    result = autotag("assets", "import", pictures, "--instance", "acme", "--json")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"{pictures}/0 empty.png: The file is empty.",
        f"{pictures}/0 nowhere.png: It is no ordinary file.",
        f"{pictures}/0 pipe.png: It is no ordinary file.",
    ]
    answer = json.loads(result.stdout)
    assert (answer["imported"], answer["already_there"], answer["refused"]) == (2, 0, 3)
    assert [file["error"]["code"] for file in answer["files"] if "error" in file] == [
        "empty_file",
        "not_a_file",
        "not_a_file",
    ]
    assert len(documents(sessions)) == 2
    assert list((storage.root / INCOMING).iterdir()) == []


def test_a_name_that_is_no_text_is_imported(
    autotag: Autotag, acme: VirtualInstance, pictures: Path, sessions: sessionmaker[Session]
) -> None:
    Path(os.fsdecode(os.fsencode(pictures) + b"/\xff.png")).write_bytes(PNG + b"x")
    result = autotag("assets", "import", pictures, "--instance", "acme", "--json")
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)["files"]) == 3


def test_ctrl_c_keeps_what_is_done_and_the_next_import_goes_on(
    autotag: Autotag,
    acme: VirtualInstance,
    pictures: Path,
    sessions: sessionmaker[Session],
    storage: FolderStorage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        taken = FolderImport._store
        calls: list[Path] = []

        def interrupted(self: FolderImport, path: Path) -> object:
            calls.append(path)
            if len(calls) == 2:
                # Ctrl-C comes in the middle of the second file's transaction.
                patch.setattr("autotag.tagging.uploads.folder_import.accept", interrupt)
            return taken(self, path)

        def interrupt(*_arguments: object, **_options: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(FolderImport, "_store", interrupted)
        stopped = autotag("assets", "import", pictures, "--instance", "acme")
    assert stopped.exit_code == 1
    assert stopped.stdout == "1 file imported, 0 already there, 0 refused.\n"
    assert stopped.stderr == "Error: Stopped. Repeat the command to go on where it was.\n"
    assert list((storage.root / INCOMING).iterdir()) == []
    assert len(documents(sessions)) == 1
    again = autotag("assets", "import", pictures, "--instance", "acme")
    assert again.stdout == "1 file imported, 1 already there, 0 refused.\n"


def test_a_full_disk_ends_it_with_one_line(
    autotag: Autotag, acme: VirtualInstance, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise StorageError("storage", "The file could not be stored: No space left on device.")

    monkeypatch.setattr(FolderStorage, "keep", full)
    result = autotag("assets", "import", pictures, "--instance", "acme")
    assert (result.exit_code, result.stdout) == (1, "0 files imported, 0 already there, 0 refused.\n")
    assert result.stderr == "Error: The file could not be stored: No space left on device.\n"


def test_it_waits_until_the_images_are_tagged_and_says_who_is_missing(
    autotag: Autotag,
    acme: VirtualInstance,
    pictures: Path,
    sessions: sessionmaker[Session],
    broker: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tag_one(_seconds: float) -> None:
        with sessions() as session:
            statement = select(Document).where(Document.tagging_state == TaggingState.QUEUED).limit(1)
            session.scalars(statement).one().tagging_state = TaggingState.TAGGED
            session.commit()

    monkeypatch.setattr("autotag.cli.common.wait_for_completion.time.sleep", tag_one)
    result = autotag("assets", "import", pictures, "--instance", "acme", "--wait", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["imported"] == 2
    assert "No worker is running" in result.stderr
    assert {each.tagging_state for each in documents(sessions)} == {TaggingState.TAGGED}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--instance", "nowhere"], "There is no virtual instance with the Web ID 'nowhere'."),
        (["--instance", "acme", "--owner", "no@body"], "no@body is no user of the instance acme."),
    ],
)
def test_wishes_that_cannot_be_met_are_one_line(
    autotag: Autotag, acme: VirtualInstance, pictures: Path, options: list[str], line: str
) -> None:
    result = autotag("assets", "import", pictures, *options)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {line}\n")


def test_a_tag_that_cannot_be_one_is_refused_before_anything_is_stored(
    autotag: Autotag, acme: VirtualInstance, pictures: Path, sessions: sessionmaker[Session]
) -> None:
    result = autotag("assets", "import", pictures, "--instance", "acme", "--tag", "a;b")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert documents(sessions) == []


def test_an_empty_folder_is_no_failure(autotag: Autotag, acme: VirtualInstance, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    result = autotag("assets", "import", tmp_path / "nothing", "--instance", "acme")
    assert (result.exit_code, result.stdout) == (0, "0 files imported, 0 already there, 0 refused.\n")
