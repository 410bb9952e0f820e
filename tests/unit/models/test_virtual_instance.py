import pytest

from autotag.models import VirtualInstance


@pytest.mark.parametrize(("web_id", "is_default"), [("default", True), ("Default", False), ("acme", False)])
def test_the_web_id_tells_the_default_instance(web_id: str, is_default: bool) -> None:
    assert VirtualInstance(web_id=web_id).is_default is is_default
