"""The tables of an outbox's file, and how they are made, or brought to this version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from salus.errors import BadInput

__all__ = ["prepare"]

_VERSION = 3
_APPLICATION = 0x53414C4F  # "SALO"

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  digest BLOB NOT NULL,
  name TEXT NOT NULL,
  target TEXT NOT NULL,
  data BLOB NOT NULL,
  value TEXT NOT NULL,
  gas INTEGER,
  size INTEGER NOT NULL DEFAULT 1,
  spare INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL,
  nonce INTEGER,
  block INTEGER,
  block_hash TEXT,
  mined TEXT,          -- hash of the transaction in that block: an attempt's, or of a lost one the other's
  gas_used INTEGER,
  deep INTEGER NOT NULL DEFAULT 0,  -- whether the block will stay
  error TEXT,
  proof TEXT,          -- for what reason the receipt is believed; null where there is none
  at REAL NOT NULL
);
CREATE INDEX items_state ON items (state, deep);
CREATE INDEX items_nonce ON items (nonce);
CREATE TABLE attempts (
  hash TEXT PRIMARY KEY,
  item INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  raw BLOB NOT NULL,
  gas INTEGER NOT NULL,
  most TEXT NOT NULL,
  tip TEXT,
  at REAL NOT NULL,
  UNIQUE (item, number)
) WITHOUT ROWID;
CREATE TABLE foreign_use (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, at REAL NOT NULL);
CREATE TABLE contradictions (node TEXT PRIMARY KEY, said TEXT NOT NULL, at REAL NOT NULL);
"""

# Tables that an outbox of an earlier Salus may lack; they change nothing that it has.
_ADDED = (
    # Transactions of the account that this outbox did not send: what each does, and whose item it is; 0 where the user
    # said that it is none's.
    "CREATE TABLE IF NOT EXISTS foreign_sent ("
    " nonce INTEGER PRIMARY KEY, hash TEXT NOT NULL, block INTEGER, digest BLOB NOT NULL, target BLOB NOT NULL,"
    " raw BLOB NOT NULL, gas INTEGER NOT NULL, most TEXT NOT NULL, tip TEXT, item INTEGER)",
    # The attempts that only use up the nonce of their item.
    "CREATE TABLE IF NOT EXISTS cancels ("
    " hash TEXT PRIMARY KEY REFERENCES attempts (hash) ON DELETE CASCADE) WITHOUT ROWID",
)

# The statements that bring an outbox of each earlier version to the next.
_CHANGES = {
    1: (
        "ALTER TABLE items ADD COLUMN size INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE items ADD COLUMN spare INTEGER NOT NULL DEFAULT 0",
    ),
    2: (
        "ALTER TABLE items ADD COLUMN proof TEXT",
        "CREATE TABLE contradictions (node TEXT PRIMARY KEY, said TEXT NOT NULL, at REAL NOT NULL)",
        # One node was enough to call an item failed or lost. It is looked at again before it may be given again.
        "UPDATE items SET deep = 0 WHERE state IN ('failed', 'lost')",
    ),
}


def prepare(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, or bring those of an earlier version to this one; within a transaction.

    Args:
        database: The file.
        path: Its name, for messages.

    Raises:
        BadInput: It is another kind of database, or an outbox of a later version.
    """
    if _number(database, "SELECT count(*) FROM sqlite_master") == 0:
        for statement in (*_SCHEMA.split(";\n"), *_ADDED):
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {_VERSION}")
        return
    if _number(database, "PRAGMA application_id") != _APPLICATION:
        raise BadInput(path, "", "is a database, but no outbox; name another file")
    version = _number(database, "PRAGMA user_version")
    if version != _VERSION and version not in _CHANGES:
        raise BadInput(path, "", f"is an outbox of version {version}; this Salus reads {_VERSION}")
    for earlier in range(version, _VERSION):
        for statement in _CHANGES[earlier]:
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {earlier + 1}")
    for statement in _ADDED:
        database.execute(statement)


def _number(database: sqlite3.Connection, statement: str) -> int:
    return int(database.execute(statement).fetchone()[0])
