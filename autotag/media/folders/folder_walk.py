"""Going through a folder of this machine."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

HIDDEN = "."


def files_below(root: Path, on_error: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield the files of a folder and of those below it, by name, without hidden ones.

    Links to folders are not followed. A folder that cannot be read is told to `on_error`.
    """
    for folder, folders, files in os.walk(root, onerror=on_error):
        folders[:] = sorted(name for name in folders if not name.startswith(HIDDEN))
        for name in sorted(files):
            if not name.startswith(HIDDEN):
                yield Path(folder) / name
