import json
from datetime import UTC, datetime

from autotag.tagging.document_tags.change_log import Forgotten, Removed, TagChanges

MOMENT = datetime(2026, 5, 3, 10, 0, 0, 123456, tzinfo=UTC)


def test_what_is_written_is_read_as_it_was() -> None:
    changes = TagChanges(MOMENT, remembers=True)
    assert changes.is_empty
    changes.removed.append(
        Removed("tabby", 1, 2, "auto", "tensorflow", "m", 0.1 + 0.2, 3, None, None, MOMENT)
    )
    changes.added.append((5, 6))
    changes.made_manual.append((7, 8))
    changes.forgotten.append(Forgotten(9, "sofa", None, MOMENT))
    assert TagChanges.read(json.loads(json.dumps(changes.written()))) == changes
    assert changes.document_ids == {1, 6, 8, 9}
    assert not changes.is_empty
