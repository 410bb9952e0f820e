"""configuration and audit

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "configuration_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configuration_state")),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_audit_event_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("ix_audit_event_instance", ["instance_id", "id"], unique=False)

    op.create_table(
        "configuration_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=True),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("updated_by", sa.String(length=254), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["virtual_instance.id"],
            name=op.f("fk_configuration_record_instance_id_virtual_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configuration_record")),
    )
    with op.batch_alter_table("configuration_record", schema=None) as batch_op:
        batch_op.create_index("uq_configuration_record_place", ["entry", "level", "instance_id"], unique=True)
        batch_op.create_index(
            "uq_configuration_record_shared",
            ["entry", "level"],
            unique=True,
            sqlite_where=sa.text("instance_id IS NULL"),
            postgresql_where=sa.text("instance_id IS NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("configuration_record", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_configuration_record_shared",
            sqlite_where=sa.text("instance_id IS NULL"),
            postgresql_where=sa.text("instance_id IS NULL"),
        )
        batch_op.drop_index("uq_configuration_record_place")

    op.drop_table("configuration_record")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_event_instance")

    op.drop_table("audit_event")
    op.drop_table("configuration_state")
