"""The database of a backup, looked at before it replaces anything, and without its sign-ins."""

from pathlib import Path

from autotag.models.engine import sqlite_module
from autotag.models.schema import VERSION_TABLE
from autotag.serving.backup import BackupError, Manifest, plain_url, run_tool

NEEDED_TABLES = frozenset({"virtual_instance", "user_account", "user_session", "document"})
"""Tables that every version has."""

SIGN_INS = ("user_session", "api_token")
"""Tables whose rows let somebody in. A session that was ended since the backup was made must not live again."""

_CHECK = """
RESET search_path;
DO $check$
BEGIN
  IF (SELECT count(*) FROM {version_table} WHERE version_num = '{revision}') <> 1 THEN
    RAISE EXCEPTION 'the tables are not of the version that the backup names';
  END IF;
  PERFORM 1 FROM virtual_instance, user_account, document LIMIT 1;
  DELETE FROM user_session;
  IF to_regclass('api_token') IS NOT NULL THEN
    DELETE FROM api_token;
  END IF;
END
$check$;
"""


def prepare_sqlite(database: Path, manifest: Manifest) -> None:
    """Check a file that was unpacked, and end all sessions and tokens in it. Raises BackupError."""
    module = sqlite_module()
    try:
        connection = module.connect(str(database), isolation_level=None)
        try:
            _check_sqlite(connection, manifest)
            connection.execute("PRAGMA secure_delete = ON")
            for table in SIGN_INS:
                if _has_table(connection, table):
                    connection.execute(f"DELETE FROM {table}")  # noqa: S608 - one of the names above
        finally:
            connection.close()
    except module.Error as error:
        raise BackupError(f"The database in the backup cannot be read: {error}.") from error


def prepare_postgresql(database: Path, manifest: Manifest, url: str) -> list[Path]:
    """Try a dump in a transaction that is rolled back; return the scripts that put it in place. Raises BackupError.

    They end all sessions and tokens in the very transaction in which they replace what is there.
    """
    script, check, undo = (database.with_name(name) for name in ("restore.sql", "check.sql", "undo.sql"))
    run_tool(
        *("pg_restore", "--clean", "--if-exists", "--no-owner", f"--file={script}"),
        str(database),
    )
    check.write_text(_CHECK.format(version_table=VERSION_TABLE, revision=manifest.revision))
    undo.write_text("ROLLBACK;\n")
    begin = database.with_name("begin.sql")
    begin.write_text("BEGIN;\n")
    run_scripts(url, [begin, script, check, undo], "--quiet")
    return [script, check]


def run_scripts(url: str, scripts: list[Path], *options: str) -> None:
    """Run scripts with psql; the first error ends it. Raises BackupError."""
    files = [f"--file={path}" for path in scripts]
    run_tool(
        *(
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--output=/dev/null",
            "--set=ON_ERROR_STOP=1",
            "--set=VERBOSITY=terse",
        ),
        *options,
        *files,
        plain_url(url),
    )


def _check_sqlite(connection: object, manifest: Manifest) -> None:
    run = connection.execute  # type: ignore[attr-defined]  # one of two modules of the same interface
    found = run("PRAGMA integrity_check").fetchone()
    if found != ("ok",):
        raise BackupError(f"The database in the backup is damaged: {found[0]}.")
    if not all(_has_table(connection, table) for table in (*sorted(NEEDED_TABLES), VERSION_TABLE)):
        raise BackupError("The database in the backup is not one of Autotag.")
    revisions = run(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()  # noqa: S608 - a name of ours
    if revisions != [(manifest.revision,)]:
        raise BackupError("The database in the backup is not of the version that the backup names.")


def _has_table(connection: object, name: str) -> bool:
    rows = connection.execute(  # type: ignore[attr-defined]  # as above
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
    )
    return rows.fetchone() is not None
