"""How Alembic runs here: on the connection and in the transaction that `scheduler.store.migrate` opened."""

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context as alembic
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script

from scheduler.store.schema import metadata

_attributes = alembic.config.attributes


def _report(
    ctx: MigrationContext,  # noqa: ARG001 - Alembic gives all four by name
    step: MigrationInfo,
    heads: Collection[Any],  # noqa: ARG001
    run_args: Mapping[str, Any],  # noqa: ARG001
) -> None:
    if isinstance(step.up_revision, Script):
        _attributes["progress"](step.up_revision.doc)


alembic.configure(
    connection=_attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
    on_version_apply=_report if "progress" in _attributes else None,
)
alembic.run_migrations()
