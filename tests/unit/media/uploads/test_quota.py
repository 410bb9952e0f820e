import io
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import UPLOADS, UPLOADS_SYSTEM
from autotag.media.errors import UploadRefused
from autotag.media.storage.storage import FolderStorage
from autotag.media.uploads.intake import ReceivedFile, accept, receive
from autotag.media.uploads.limits import upload_limits
from autotag.media.uploads.quota import Quota, quota_of, room_of
from autotag.media.uploads.versions import add_version, restore_version
from autotag.models import ConfigurationRecord, DocumentVersion, Level, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.conftest import counted_statements
from tests.unit.conftest import Factory

AT_ONCE = 8
Allow = Callable[..., None]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def allow(session: Session, acme: VirtualInstance) -> Allow:
    """Sets limits of the installation, or of acme."""

    def allow(*, system: bool = False, **values: int) -> None:
        entry = UPLOADS_SYSTEM if system else UPLOADS
        with unit_of_work(session) as work:
            work.session.add(
                ConfigurationRecord(
                    entry=entry.key,
                    level=Level.SYSTEM if system else Level.INSTANCE,
                    instance_id=None if system else acme.id,
                    values=entry.defaults | values,
                )
            )

    return allow


def file(number: int, size: int = 1_000_000) -> ReceivedFile:
    return ReceivedFile(f"{number}.png", f"{number:064x}", size, "image/png")


def add(session: Session, instance: VirtualInstance, received: ReceivedFile) -> int:
    """Add a file that was received a moment ago."""
    received = replace(received, quota=quota_of(session, instance.id))
    with unit_of_work(session) as work:
        return accept(work, received, instance_id=instance.id, owner_id=None).id


def sent(
    session: Session, instance: VirtualInstance, storage: FolderStorage
) -> AbstractContextManager[ReceivedFile]:
    """Receive always the same file, under the limits that hold now."""
    limits = upload_limits(session, instance.id)
    return receive(io.BytesIO(b"content"), "a.txt", session=session, storage=storage, limits=limits)


def held(session: Session, instance: VirtualInstance) -> tuple[int, int]:
    session.rollback()
    files, size = session.execute(
        select(func.count(), func.coalesce(func.sum(DocumentVersion.size), 0)).where(
            DocumentVersion.instance_id == instance.id
        )
    ).one()
    return files, int(size)


def test_without_a_limit_nothing_is_counted(session: Session, acme: VirtualInstance) -> None:
    assert room_of(session, acme.id, quota_of(session, acme.id)) is None
    engine = session.get_bind()
    with counted_statements(engine) as statements:  # type: ignore[arg-type]
        add(session, acme, file(1))
    assert not [statement for statement in statements if "count(" in statement]


@pytest.mark.parametrize(("system", "own", "files"), [(0, 0, 0), (5, 0, 5), (0, 4, 4), (5, 4, 4), (5, 9, 5)])
def test_the_lower_limit_holds(
    session: Session, acme: VirtualInstance, allow: Allow, system: int, own: int, files: int
) -> None:
    allow(system=True, maximum_number_of_files=system, maximum_storage=system)
    allow(maximum_number_of_files=own, maximum_storage=own)
    assert quota_of(session, acme.id) == Quota(files, files * 1_000_000)


def test_the_number_of_files_is_exact(session: Session, acme: VirtualInstance, allow: Allow) -> None:
    allow(maximum_number_of_files=2)
    add(session, acme, file(1))
    add(session, acme, file(1))
    with pytest.raises(UploadRefused, match="as many files as it may: 2") as caught:
        add(session, acme, file(2))
    assert caught.value.code == "quota_exceeded"
    assert held(session, acme)[0] == 2


def test_the_bytes_are_exact(session: Session, acme: VirtualInstance, allow: Allow) -> None:
    allow(maximum_storage=3)
    add(session, acme, file(1, 2_500_000))
    with pytest.raises(UploadRefused, match=r"0\.5 MB of the 3 MB"):
        add(session, acme, file(2, 500_001))
    add(session, acme, file(2, 500_000))
    assert held(session, acme) == (2, 3_000_000)


def test_other_instances_have_room_of_their_own(
    session: Session, acme: VirtualInstance, allow: Allow, make: Factory
) -> None:
    allow(system=True, maximum_number_of_files=1)
    globex = make.instance("globex")
    add(session, acme, file(1))
    add(session, globex, file(1))
    assert (held(session, acme), held(session, globex)) == ((1, 1_000_000), (1, 1_000_000))


def test_versions_take_room(session: Session, acme: VirtualInstance, allow: Allow) -> None:
    allow(maximum_number_of_files=2)
    document_id = add(session, acme, file(1))
    second, third = (replace(file(number), quota=quota_of(session, acme.id)) for number in (2, 3))
    with unit_of_work(session) as work:
        add_version(work, second, instance_id=acme.id, document_id=document_id, user_id=None)
    with pytest.raises(UploadRefused, match="it may: 2"), unit_of_work(session) as work:
        add_version(work, third, instance_id=acme.id, document_id=document_id, user_id=None)
    with pytest.raises(UploadRefused, match="it may: 2"), unit_of_work(session) as work:
        restore_version(work, 1, instance_id=acme.id, document_id=document_id, user_id=None)
    assert held(session, acme)[0] == 2


def add_at_once(sessions: sessionmaker[Session], instance: VirtualInstance, number: int) -> list[str]:
    """Add so many files of a megabyte from as many threads at once; return what became of each."""
    start, numbers = threading.Barrier(number), itertools.count(1)

    def one() -> str:
        received = file(next(numbers))
        start.wait()
        with sessions() as session:
            try:
                add(session, instance, received)
            except UploadRefused as refused:
                return refused.code
        return "stored"

    with ThreadPoolExecutor(number) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(number)]]


@pytest.mark.parametrize("limit", [{"maximum_number_of_files": 3}, {"maximum_storage": 3}])
def test_many_at_once_never_exceed_it(
    sessions: sessionmaker[Session],
    session: Session,
    acme: VirtualInstance,
    allow: Allow,
    limit: dict[str, int],
) -> None:
    allow(**limit)
    outcomes = add_at_once(sessions, acme, AT_ONCE)
    assert sorted(outcomes) == ["quota_exceeded"] * (AT_ONCE - 3) + ["stored"] * 3
    assert held(session, acme) == (3, 3_000_000)


def test_what_is_refused_is_not_kept_on_the_disk(
    session: Session, acme: VirtualInstance, allow: Allow, storage: FolderStorage
) -> None:
    allow(maximum_number_of_files=1)
    add(session, acme, file(1))
    limits = upload_limits(session, acme.id)
    with (
        pytest.raises(UploadRefused, match="it may: 1"),
        receive(io.BytesIO(b"content"), "a.txt", session=session, storage=storage, limits=limits),
    ):
        pytest.fail("it was received")
    assert [path for path in storage.root.rglob("*") if path.is_file()] == []


def test_what_is_on_the_disk_already_is_left_to_the_last_word(
    session: Session, acme: VirtualInstance, allow: Allow, storage: FolderStorage
) -> None:
    """A file that is sent again, because its answer got lost, may be the one that filled the instance."""
    with sent(session, acme, storage) as first:
        add(session, acme, first)
    allow(maximum_number_of_files=1)
    with sent(session, acme, storage) as again:
        assert again.sha256 == first.sha256
        with pytest.raises(UploadRefused, match="it may: 1"):
            add(session, acme, again)


def test_that_another_instance_has_the_same_content_changes_nothing(
    session: Session, acme: VirtualInstance, allow: Allow, storage: FolderStorage, make: Factory
) -> None:
    """A refusal at another step would take another time, and so tell what another instance has."""
    other = make.instance()
    with sent(session, other, storage) as theirs:
        add(session, other, theirs)
    add(session, acme, file(1))
    allow(maximum_number_of_files=1)
    with pytest.raises(UploadRefused, match="it may: 1"), sent(session, acme, storage):
        pytest.fail("it was received")


def test_a_received_file_is_added_under_the_quota_of_its_instance(
    session: Session, acme: VirtualInstance, allow: Allow, storage: FolderStorage
) -> None:
    allow(maximum_number_of_files=4, maximum_storage=7)
    with sent(session, acme, storage) as received:
        assert received.quota == Quota(4, 7_000_000)
