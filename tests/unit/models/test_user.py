import pytest

from autotag.models import Role


@pytest.mark.parametrize(
    ("role", "other", "includes"),
    [
        (Role.VIEWER, Role.VIEWER, True),
        (Role.VIEWER, Role.EDITOR, False),
        (Role.EDITOR, Role.VIEWER, True),
        (Role.ADMINISTRATOR, Role.EDITOR, True),
        (Role.ADMINISTRATOR, Role.SYSTEM_ADMINISTRATOR, False),
        (Role.SYSTEM_ADMINISTRATOR, Role.ADMINISTRATOR, True),
    ],
)
def test_a_role_includes_the_ones_before_it(role: Role, other: Role, includes: bool) -> None:
    assert role.includes(other) is includes
