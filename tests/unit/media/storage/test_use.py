from sqlalchemy.orm import Session, sessionmaker

from autotag.media.storage.use import storage_use
from autotag.models import Document, DocumentVersion
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory


def keep_versions(sessions: sessionmaker[Session], document: Document, *sizes: int) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.add_all(
            DocumentVersion(
                instance_id=document.instance_id,
                document_id=document.id,
                number=number,
                file_name=document.file_name,
                sha256=document.sha256,
                mime_type=document.mime_type,
                size=size,
            )
            for number, size in enumerate(sizes, 1)
        )


def test_nothing_takes_up_nothing(session: Session, make: Factory) -> None:
    report = storage_use(session, make.instance().id)
    assert (report.total.total_bytes, report.by_instance) == (0, {})


def test_documents_older_versions_and_the_recycle_bin_are_told_apart(
    session: Session, sessions: sessionmaker[Session], make: Factory
) -> None:
    acme, globex = make.instance("acme"), make.instance("globex")
    keep_versions(sessions, make.document(acme, size=100), 30, 20, 100)
    keep_versions(sessions, make.document(acme, size=5, deleted_at=utc_now()), 5)
    keep_versions(sessions, make.document(globex, size=1000), 1000)
    use = storage_use(session, acme.id).total
    assert (use.documents, use.document_bytes) == (1, 100)
    assert (use.in_bin, use.in_bin_bytes) == (1, 5)
    assert (use.older_versions, use.older_version_bytes) == (2, 50)
    assert use.total_bytes == 155
    everything = storage_use(session, None)
    assert everything.total.total_bytes == 1155
    assert {key: part.documents for key, part in everything.by_instance.items()} == {acme.id: 1, globex.id: 1}
