"""first tables

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "virtual_instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("web_id", sa.String(length=75), nullable=False),
        sa.Column("virtual_host", sa.String(length=253), nullable=False),
        sa.Column("mail_domain", sa.String(length=253), nullable=False),
        sa.Column("max_users", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_virtual_instance")),
        sa.UniqueConstraint("virtual_host", name=op.f("uq_virtual_instance_virtual_host")),
        sa.UniqueConstraint("web_id", name=op.f("uq_virtual_instance_web_id")),
    )
    op.create_table(
        "folder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("normalized_name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_folder_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["folder.id"], name=op.f("fk_folder_parent_id_folder"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folder")),
    )
    with op.batch_alter_table("folder", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_folder_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index(
            "uq_folder_child_name", ["instance_id", "parent_id", "normalized_name"], unique=True
        )
        batch_op.create_index(
            "uq_folder_top_name",
            ["instance_id", "normalized_name"],
            unique=True,
            sqlite_where=sa.text("parent_id IS NULL"),
            postgresql_where=sa.text("parent_id IS NULL"),
        )

    op.create_table(
        "prediction_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("model_version", sa.String(length=128), nullable=False),
        sa.Column("runtime", sa.String(length=64), nullable=False),
        sa.Column("predictions", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_prediction_set_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction_set")),
        sa.UniqueConstraint(
            "instance_id", "sha256", "provider", "model", "model_version", name="uq_prediction_set_content"
        ),
    )
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=75), nullable=False),
        sa.Column("normalized_name", sa.String(length=225), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_tag_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint(
            "instance_id", "normalized_name", name=op.f("uq_tag_instance_id_normalized_name")
        ),
    )
    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(), nullable=True),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_user_account_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("instance_id", "email", name=op.f("uq_user_account_instance_id_email")),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("folder_id", sa.Integer(), nullable=True),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("mime_type", sa.String(length=127), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("placeholder", sa.String(length=1024), nullable=False),
        sa.Column("tagging_state", sa.String(length=32), nullable=False),
        sa.Column("tagging_reason_code", sa.String(length=64), nullable=False),
        sa.Column("tagging_reason", sa.String(length=500), nullable=False),
        sa.Column("tagging_attempts", sa.Integer(), nullable=False),
        sa.Column("tagging_updated_at", sa.DateTime(), nullable=False),
        sa.Column("tagging_enqueued_at", sa.DateTime(), nullable=True),
        sa.Column("tagging_not_before", sa.DateTime(), nullable=True),
        sa.Column("tagging_claim", sa.String(length=128), nullable=True),
        sa.Column("tagging_lease_until", sa.DateTime(), nullable=True),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["folder_id"], ["folder.id"], name=op.f("fk_document_folder_id_folder"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_document_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["user_account.id"],
            name=op.f("fk_document_owner_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index(
            "ix_document_folder_newest",
            ["instance_id", "folder_id", "deleted_at", "created_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_document_newest", ["instance_id", "deleted_at", "created_at", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_document_sha256"), ["sha256"], unique=False)
        batch_op.create_index("ix_document_state", ["instance_id", "tagging_state", "id"], unique=False)
        batch_op.create_index(
            "ix_document_unfinished",
            ["tagging_state", "id"],
            unique=False,
            sqlite_where=sa.text("tagging_state IN ('queued', 'running')"),
            postgresql_where=sa.text("tagging_state IN ('queued', 'running')"),
        )

    op.create_table(
        "tagging_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_tagging_run_created_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_tagging_run_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tagging_run")),
    )
    op.create_table(
        "user_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=255), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_user_session_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_user_session_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_user_session_token_sha256")),
    )
    with op.batch_alter_table("user_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "document_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("mime_type", sa.String(length=127), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_document_version_created_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("fk_document_version_document_id_document"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_document_version_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_version")),
        sa.UniqueConstraint("document_id", "number", name=op.f("uq_document_version_document_id_number")),
    )
    with op.batch_alter_table("document_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_version_sha256"), ["sha256"], unique=False)

    op.create_table(
        "tag_rejection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("normalized_name", sa.String(length=225), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_tag_rejection_created_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("fk_tag_rejection_document_id_document"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_tag_rejection_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_rejection")),
        sa.UniqueConstraint(
            "document_id", "normalized_name", name=op.f("uq_tag_rejection_document_id_normalized_name")
        ),
    )
    op.create_table(
        "tagging_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("reason_code", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("worker", sa.String(length=128), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("fk_tagging_attempt_document_id_document"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_tagging_attempt_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["tagging_run.id"],
            name=op.f("fk_tagging_attempt_run_id_tagging_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tagging_attempt")),
    )
    with op.batch_alter_table("tagging_attempt", schema=None) as batch_op:
        batch_op.create_index("ix_tagging_attempt_document", ["document_id", "id"], unique=False)

    op.create_table(
        "tag_assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=True),
        sa.Column("model", sa.String(length=128), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("attempt_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["tagging_attempt.id"],
            name=op.f("fk_tag_assignment_attempt_id_tagging_attempt"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_tag_assignment_created_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("fk_tag_assignment_document_id_document"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_tag_assignment_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["tagging_run.id"],
            name=op.f("fk_tag_assignment_run_id_tagging_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tag.id"], name=op.f("fk_tag_assignment_tag_id_tag"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_assignment")),
        sa.UniqueConstraint("document_id", "tag_id", name=op.f("uq_tag_assignment_document_id_tag_id")),
    )
    with op.batch_alter_table("tag_assignment", schema=None) as batch_op:
        batch_op.create_index("ix_tag_assignment_run", ["run_id"], unique=False)
        batch_op.create_index("ix_tag_assignment_tag", ["tag_id", "document_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("tag_assignment", schema=None) as batch_op:
        batch_op.drop_index("ix_tag_assignment_tag")
        batch_op.drop_index("ix_tag_assignment_run")

    op.drop_table("tag_assignment")
    with op.batch_alter_table("tagging_attempt", schema=None) as batch_op:
        batch_op.drop_index("ix_tagging_attempt_document")

    op.drop_table("tagging_attempt")
    op.drop_table("tag_rejection")
    with op.batch_alter_table("document_version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_document_version_sha256"))

    op.drop_table("document_version")
    with op.batch_alter_table("user_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_session_user_id"))

    op.drop_table("user_session")
    op.drop_table("tagging_run")
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_document_unfinished",
            sqlite_where=sa.text("tagging_state IN ('queued', 'running')"),
            postgresql_where=sa.text("tagging_state IN ('queued', 'running')"),
        )
        batch_op.drop_index("ix_document_state")
        batch_op.drop_index(batch_op.f("ix_document_sha256"))
        batch_op.drop_index("ix_document_newest")
        batch_op.drop_index("ix_document_folder_newest")

    op.drop_table("document")
    op.drop_table("user_account")
    op.drop_table("tag")
    op.drop_table("prediction_set")
    with op.batch_alter_table("folder", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_folder_top_name",
            sqlite_where=sa.text("parent_id IS NULL"),
            postgresql_where=sa.text("parent_id IS NULL"),
        )
        batch_op.drop_index("uq_folder_child_name")
        batch_op.drop_index(batch_op.f("ix_folder_parent_id"))

    op.drop_table("folder")
    op.drop_table("virtual_instance")
