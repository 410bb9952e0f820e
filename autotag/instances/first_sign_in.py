"""The generated password of the first administrator: kept for its owner to read until somebody changes it."""

from pathlib import Path

_FILE = "first-sign-in"


def keep_first_sign_in(instance_path: Path, email: str, password: str) -> None:
    """Keep address and password in the instance folder, readable by this user of the machine only."""
    path = instance_path / _FILE
    path.touch(mode=0o600)
    path.write_text(f"{email}\n{password}\n")


def read_first_password(instance_path: Path, email: str) -> str | None:
    """Return the kept password of this address, or None."""
    try:
        kept, password = (instance_path / _FILE).read_text().splitlines()[:2]
    except (FileNotFoundError, ValueError):
        return None
    return password if kept == email else None


def forget_first_password(instance_path: Path, email: str) -> None:
    """Remove what is kept for this address, once its password is another one."""
    if read_first_password(instance_path, email) is not None:
        (instance_path / _FILE).unlink(missing_ok=True)
