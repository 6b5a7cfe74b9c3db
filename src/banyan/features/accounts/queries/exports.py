"""Archives of people's data, kept in pieces."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.models import ExportState
from banyan.infra.database.work import Work


class ExportRow(Struct, frozen=True):
    """An archive, whose bytes are kept apart."""

    id: UUID
    account_id: UUID
    state: ExportState
    created_at: datetime
    ready_at: datetime | None
    expires_at: datetime
    size_bytes: int | None


_COLUMNS = "id, account_id, state, created_at, ready_at, expires_at, size_bytes"


async def insert_export(work: Work, export_id: UUID, account_id: UUID, created_at: datetime, until: datetime) -> bool:
    """False when one of this account is being made."""
    row = await work.write_row(
        """
        INSERT INTO accounts_exports (id, account_id, state, created_at, expires_at)
        VALUES ($1, $2, 'preparing', $3, $4)
        ON CONFLICT (account_id) WHERE state = 'preparing' DO NOTHING RETURNING 1
        """,
        export_id,
        account_id,
        created_at,
        until,
    )
    return row is not None


async def list_exports(work: Work, account_id: UUID, after: UUID | None, limit: int) -> list[ExportRow]:
    """Newest first."""
    rows = await work.rows(
        f"""
        SELECT {_COLUMNS} FROM accounts_exports
        WHERE account_id = $1 AND expires_at > now() AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        account_id,
        after,
        limit,
    )
    return [_export(*row) for row in rows]


async def find_export(work: Work, account_id: UUID, export_id: UUID) -> ExportRow | None:
    row = await work.row(
        f"SELECT {_COLUMNS} FROM accounts_exports WHERE id = $2 AND account_id = $1 AND expires_at > now()",
        account_id,
        export_id,
    )
    return _export(*row) if row else None


async def lock_export(work: Work, export_id: UUID) -> ExportRow | None:
    """The archive, whose row nobody else changes until the transaction ends."""
    row = await work.write_row(f"SELECT {_COLUMNS} FROM accounts_exports WHERE id = $1 FOR UPDATE", export_id)
    return _export(*row) if row else None


async def insert_piece(work: Work, export_id: UUID, number: int, data: bytes) -> None:
    await work.write(
        "INSERT INTO accounts_export_pieces (export_id, number, data) VALUES ($1, $2, $3)", export_id, number, data
    )


async def find_piece(work: Work, export_id: UUID, number: int) -> bytes | None:
    data: bytes | None = await work.value(
        "SELECT data FROM accounts_export_pieces WHERE export_id = $1 AND number = $2", export_id, number
    )
    return data


async def mark_ready(work: Work, export_id: UUID, at: datetime, until: datetime, size_bytes: int, kept: int) -> None:
    """The archive is whole. Of its account's only the newest `kept` stay."""
    await work.write(
        """
        UPDATE accounts_exports SET state = 'ready', ready_at = $2, expires_at = $3, size_bytes = $4 WHERE id = $1
        """,
        export_id,
        at,
        until,
        size_bytes,
    )
    await work.write(
        """
        DELETE FROM accounts_exports WHERE id IN (
            SELECT id FROM accounts_exports
            WHERE account_id = (SELECT account_id FROM accounts_exports WHERE id = $1) ORDER BY id DESC OFFSET $2)
        """,
        export_id,
        kept,
    )


async def delete_old_exports(work: Work, stuck_before: datetime) -> None:
    """Those whose time is over; those that nobody could make are marked, so that another one may be asked for."""
    await work.write("DELETE FROM accounts_exports WHERE expires_at < now()")
    await work.write(
        "UPDATE accounts_exports SET state = 'failed' WHERE state = 'preparing' AND created_at < $1", stuck_before
    )


def _export(*values: object) -> ExportRow:
    id, account_id, state, *rest = values
    return ExportRow(id, account_id, ExportState(str(state)), *rest)  # type: ignore[arg-type]
