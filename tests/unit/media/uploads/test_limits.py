import pytest
from sqlalchemy.orm import Session

from autotag.configuration.entries import UPLOADS
from autotag.media.uploads.limits import upload_limits
from autotag.models import ConfigurationRecord, Level, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


def configure(session: Session, instance: VirtualInstance, **values: object) -> None:
    defaults = {field.name: field.default for field in UPLOADS.fields}
    with unit_of_work(session) as work:
        work.session.add(
            ConfigurationRecord(
                entry=UPLOADS.key, level=Level.INSTANCE, instance_id=instance.id, values=defaults | values
            )
        )


def test_by_default_any_type_may_be_uploaded(session: Session, acme: VirtualInstance) -> None:
    limits = upload_limits(session, acme.id)
    assert limits.allowed_extensions == frozenset()
    assert limits.maximum_bytes > 0


@pytest.mark.parametrize(
    ("text", "extensions"),
    [("", set()), (" , ", set()), ("jpg", {"jpg"}), (" .JPG, png,,.Tiff ", {"jpg", "png", "tiff"})],
)
def test_extensions_are_read_however_they_are_written(
    session: Session, acme: VirtualInstance, text: str, extensions: set[str]
) -> None:
    configure(session, acme, allowed_extensions=text)
    assert upload_limits(session, acme.id).allowed_extensions == extensions


def test_the_size_is_given_in_megabytes(session: Session, acme: VirtualInstance, make: Factory) -> None:
    configure(session, acme, maximum_upload_size=3)
    assert upload_limits(session, acme.id).maximum_bytes == 3_000_000
    assert upload_limits(session, make.instance().id).maximum_bytes != 3_000_000
