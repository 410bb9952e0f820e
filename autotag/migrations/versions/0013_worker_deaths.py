"""deaths of workers, counted apart from those of the inference process

Revision ID: 0013
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Each death of the process has left an attempt that says so; what else was counted were deaths of workers.
_COUNT_APART = """
UPDATE document SET tagging_worker_deaths = tagging_crashes - (
    SELECT CASE WHEN count(*) < document.tagging_crashes THEN count(*) ELSE document.tagging_crashes END
    FROM tagging_attempt
    WHERE tagging_attempt.document_id = document.id AND tagging_attempt.reason_code = 'process_died'
)
WHERE tagging_crashes > 0
"""
_KEEP_THE_REST = """
UPDATE document SET tagging_crashes = tagging_crashes - tagging_worker_deaths WHERE tagging_worker_deaths > 0
"""
# Tagging them succeeded after all, so nothing is held against them any more.
_FORGET_WHAT_SUCCEEDED = """
UPDATE document SET tagging_crashes = 0, tagging_worker_deaths = 0
WHERE tagging_state IN ('tagged', 'no_tags', 'skipped', 'failed')
AND (tagging_crashes > 0 OR tagging_worker_deaths > 0)
"""


def upgrade() -> None:
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("tagging_worker_deaths", sa.Integer(), server_default="0", nullable=False)
        )
    for statement in (_COUNT_APART, _KEEP_THE_REST, _FORGET_WHAT_SUCCEEDED):
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "UPDATE document SET tagging_crashes = tagging_crashes + tagging_worker_deaths"
        " WHERE tagging_worker_deaths > 0"
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_column("tagging_worker_deaths")
