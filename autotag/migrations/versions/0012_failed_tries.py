"""failed tries of bulk actions and runs

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = ("bulk_action", "tagging_run")


def upgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
            batch_op.add_column(
                sa.Column("last_error", sa.String(length=300), nullable=False, server_default="")
            )
            batch_op.add_column(sa.Column("next_try_at", sa.DateTime(), nullable=True))
    with op.batch_alter_table("tagging_run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reason", sa.String(length=500), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("tagging_run", schema=None) as batch_op:
        batch_op.drop_column("reason")
    for table in TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("next_try_at")
            batch_op.drop_column("last_error")
            batch_op.drop_column("failures")
