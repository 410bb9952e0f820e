"""folders in use, recycle bin, runs, bulk actions, search

Revision ID: 0005
Revises: 0004
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ATTENTION = sa.text("tagging_state IN ('queued', 'running', 'failed', 'quarantined') AND deleted_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "released_content",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("released_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_released_content")),
    )
    op.create_table(
        "bulk_action",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_bulk_action_created_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_bulk_action_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_action")),
    )
    with op.batch_alter_table("bulk_action", schema=None) as batch_op:
        batch_op.create_index("ix_bulk_action_state", ["state", "id"], unique=False)

    op.create_table(
        "tagging_run_item",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("previous_state", sa.String(length=32), nullable=False),
        sa.Column("previous_reason_code", sa.String(length=64), nullable=False),
        sa.Column("previous_reason", sa.String(length=500), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("fk_tagging_run_item_document_id_document"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_tagging_run_item_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["tagging_run.id"],
            name=op.f("fk_tagging_run_item_run_id_tagging_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "document_id", name=op.f("pk_tagging_run_item")),
    )
    with op.batch_alter_table("tagging_run_item", schema=None) as batch_op:
        batch_op.create_index("ix_tagging_run_item_document", ["document_id"], unique=False)
        batch_op.create_index("ix_tagging_run_item_finished", ["run_id", "finished_at"], unique=False)
        batch_op.create_index("ix_tagging_run_item_state", ["run_id", "state", "document_id"], unique=False)

    # A number is never given again: an open page, a bookmark or a job may still name a document that is gone.
    with op.batch_alter_table(
        "document", schema=None, table_kwargs={"sqlite_autoincrement": True}
    ) as batch_op:
        batch_op.add_column(sa.Column("title_key", sa.String(length=255), server_default="", nullable=False))
        batch_op.add_column(sa.Column("deleted_by_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("deleted_from", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("version_number", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("exif", sa.JSON(), nullable=True))
        batch_op.add_column(
            sa.Column("tagging_requested", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("tagging_run_id", sa.Integer(), nullable=True))
        batch_op.drop_index(batch_op.f("ix_document_folder_newest"))
        batch_op.drop_index(batch_op.f("ix_document_newest"))
        batch_op.create_index("ix_document_newest", ["instance_id", "deleted_at", "id"], unique=False)
        batch_op.drop_index(batch_op.f("ix_document_state"))
        batch_op.create_index(
            "ix_document_state", ["instance_id", "deleted_at", "tagging_state", "id"], unique=False
        )
        batch_op.create_index(
            "ix_document_folder", ["folder_id", "deleted_at", "id", "instance_id"], unique=False
        )
        batch_op.create_index(
            "ix_document_owner", ["instance_id", "deleted_at", "owner_id", "id"], unique=False
        )
        batch_op.create_index("ix_document_run", ["tagging_run_id"], unique=False)
        batch_op.create_index("ix_document_size", ["instance_id", "deleted_at", "size", "id"], unique=False)
        batch_op.create_index(
            "ix_document_title", ["instance_id", "deleted_at", "title_key", "id"], unique=False
        )
        batch_op.create_index(
            "ix_document_type", ["instance_id", "deleted_at", "mime_type", "id"], unique=False
        )
        batch_op.create_index(
            "ix_document_attention",
            ["instance_id", "tagging_state", "tagging_reason_code", "tagging_updated_at", "deleted_at"],
            unique=False,
            sqlite_where=_ATTENTION,
            postgresql_where=_ATTENTION,
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_document_tagging_run_id_tagging_run"),
            "tagging_run",
            ["tagging_run_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_document_deleted_by_id_user_account"),
            "user_account",
            ["deleted_by_id"],
            ["id"],
            ondelete="SET NULL",
        )

    with op.batch_alter_table("tag", schema=None) as batch_op:
        batch_op.add_column(sa.Column("created_by_run_id", sa.Integer(), nullable=True))
        batch_op.create_index("ix_tag_created_by_run", ["created_by_run_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_tag_created_by_run_id_tagging_run"),
            "tagging_run",
            ["created_by_run_id"],
            ["id"],
            ondelete="SET NULL",
        )

    op.drop_index("ix_tag_assignment_tag", table_name="tag_assignment")
    op.create_index(
        "ix_tag_assignment_tag",
        "tag_assignment",
        ["tag_id", "document_id", "instance_id", "source", "provider"],
    )

    with op.batch_alter_table("tagging_run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("covers", sa.String(length=255), server_default="", nullable=False))
        batch_op.create_index("ix_tagging_run_newest", ["instance_id", "id"], unique=False)

    with op.batch_alter_table("tagging_attempt", schema=None) as batch_op:
        batch_op.create_index(
            "ix_tagging_attempt_finished", ["finished_at", "instance_id", "state", "seconds"], unique=False
        )

    _order_by_title()
    _create_search()


def _order_by_title() -> None:
    """Fill `title_key`, as the model does for each title; no database folds case beyond ASCII as Python does."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, title FROM document")).all()
    if rows:
        connection.execute(
            sa.text("UPDATE document SET title_key = :key WHERE id = :id"),
            [{"id": row.id, "key": _fold(row.title)[:255]} for row in rows],
        )


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _create_search() -> None:
    """Make the table of the full-text search and fill it, as autotag.media.library.search does for each change."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute(
            "CREATE TABLE document_search ("
            " document_id integer CONSTRAINT pk_document_search PRIMARY KEY"
            " CONSTRAINT fk_document_search_document_id_document REFERENCES document (id) ON DELETE CASCADE,"
            " instance_id integer NOT NULL, words tsvector NOT NULL)"
        )
        op.execute("CREATE INDEX ix_document_search_words ON document_search USING gin (words)")
        insert = (
            "INSERT INTO document_search (document_id, instance_id, words)"
            " VALUES (:id, :instance, to_tsvector('simple', :words))"
        )
    else:
        op.execute(
            "CREATE VIRTUAL TABLE document_search USING fts5("
            "instance, words, content='', contentless_delete=1, tokenize='unicode61', prefix='2 3')"
        )
        insert = (
            "INSERT INTO document_search (rowid, instance, words)"
            " VALUES (:id, 'i' || CAST(:instance AS INTEGER), :words)"
        )
    tags: dict[int, list[str]] = {}
    for row in connection.execute(
        sa.text("SELECT document_id, name FROM tag_assignment JOIN tag ON tag.id = tag_assignment.tag_id")
    ):
        tags.setdefault(row.document_id, []).append(row.name)
    rows = [
        {"id": row.id, "instance": row.instance_id, "words": _words(row, tags.get(row.id, []))}
        for row in connection.execute(
            sa.text("SELECT id, instance_id, title, file_name, description FROM document")
        ).all()
    ]
    if rows:
        connection.execute(sa.text(insert), rows)


def _words(row: sa.Row[tuple[object, ...]], tags: list[str]) -> str:
    text = " ".join([row.title, row.file_name, row.description, *tags])
    letters = "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    )
    return " ".join(re.findall(r"[^\W_]+", letters.casefold()))


def downgrade() -> None:
    op.execute("DROP TABLE document_search")
    with op.batch_alter_table("tagging_attempt", schema=None) as batch_op:
        batch_op.drop_index("ix_tagging_attempt_finished")

    with op.batch_alter_table("tagging_run", schema=None) as batch_op:
        batch_op.drop_index("ix_tagging_run_newest")
        batch_op.drop_column("covers")

    op.drop_index("ix_tag_assignment_tag", table_name="tag_assignment")
    op.create_index("ix_tag_assignment_tag", "tag_assignment", ["tag_id", "document_id"])

    with op.batch_alter_table("tag", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_tag_created_by_run_id_tagging_run"), type_="foreignkey")
        batch_op.drop_index("ix_tag_created_by_run")
        batch_op.drop_column("created_by_run_id")

    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_document_deleted_by_id_user_account"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_document_tagging_run_id_tagging_run"), type_="foreignkey")
        batch_op.drop_index("ix_document_attention")
        batch_op.drop_index("ix_document_type")
        batch_op.drop_index("ix_document_title")
        batch_op.drop_index("ix_document_size")
        batch_op.drop_index("ix_document_run")
        batch_op.drop_index("ix_document_owner")
        batch_op.drop_index("ix_document_folder")
        batch_op.drop_index("ix_document_state")
        batch_op.create_index(
            batch_op.f("ix_document_state"), ["instance_id", "tagging_state", "id"], unique=False
        )
        batch_op.drop_index("ix_document_newest")
        batch_op.create_index(
            batch_op.f("ix_document_newest"), ["instance_id", "deleted_at", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_document_folder_newest"),
            ["instance_id", "folder_id", "deleted_at", "created_at", "id"],
            unique=False,
        )
        batch_op.drop_column("tagging_run_id")
        batch_op.drop_column("tagging_requested")
        batch_op.drop_column("exif")
        batch_op.drop_column("version_number")
        batch_op.drop_column("deleted_from")
        batch_op.drop_column("deleted_by_id")
        batch_op.drop_column("title_key")

    with op.batch_alter_table("tagging_run_item", schema=None) as batch_op:
        batch_op.drop_index("ix_tagging_run_item_state")
        batch_op.drop_index("ix_tagging_run_item_finished")
        batch_op.drop_index("ix_tagging_run_item_document")

    op.drop_table("tagging_run_item")
    with op.batch_alter_table("bulk_action", schema=None) as batch_op:
        batch_op.drop_index("ix_bulk_action_state")

    op.drop_table("bulk_action")
    op.drop_table("released_content")
