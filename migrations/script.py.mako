"""${message}

Revision ${up_revision}, after ${down_revision | comma,n}. Safe for the code that is running: expand, fill,
enforce are three migrations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """What is new."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """The way back; refuses where rows would be lost."""
    ${downgrades if downgrades else "pass"}
