"""Bringing the tables of a database up to date."""

import logging
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"

log = logging.getLogger(__name__)

State = Literal["none", "old", "current", "later"]


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, within the transaction that is open.

    Raises alembic's CommandError if the tables are of a later version.
    """
    if state(connection) == "old":
        log.info("the tables are of an earlier version: where there is much in them, this takes a while")
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def state(connection: Connection) -> State:
    """What `migrate` would do: make the tables, change them, nothing, or fail."""
    there, scripts = MigrationContext.configure(connection).get_current_heads(), ScriptDirectory.from_config(_config())
    if not there:
        return "none"
    if not {script.revision for script in scripts.walk_revisions()}.issuperset(there):
        return "later"
    return "current" if set(there) == set(scripts.get_heads()) else "old"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
