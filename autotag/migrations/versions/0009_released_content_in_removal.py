"""which released contents a sweep is just removing

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("released_content", sa.Column("removing_until", sa.DateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("released_content", schema=None) as batch_op:
        batch_op.drop_column("removing_until")
