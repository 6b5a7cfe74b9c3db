"""Work of accounts in the background."""

from datetime import timedelta

from banyan.features.accounts.models import (
    EraseDueAccounts,
    ErasePart,
    MakeExport,
    SendEmailChange,
    SendPasswordReset,
    SendVerification,
)
from banyan.features.accounts.queries import exports as export_queries
from banyan.features.accounts.queries import housekeeping
from banyan.features.accounts.service.deletions import Erasures
from banyan.features.accounts.service.email_changes import EmailChanges
from banyan.features.accounts.service.exports import STUCK, Exports
from banyan.features.accounts.service.passwords import PasswordChanges
from banyan.features.accounts.service.verification import Verification
from banyan.features.accounts.settings import AccountsSettings
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyJobKind, JobKind, Priority, Schedule
from banyan.kernel.clock import now
from banyan.kernel.signals import Job

_SESSIONS_KEPT = timedelta(days=30)
_EVERY_SECONDS = 6 * 3600.0
_EXPORT_SECONDS = 3600.0


class ForgetOutdated(Job, frozen=True):
    """Remove ended sessions, expired links and sign-ups, and failed sign-ins that count no more."""


SCHEDULES = [
    Schedule("accounts.forget_outdated", _EVERY_SECONDS, ForgetOutdated()),
    # Each deletion has a job of its own; this finds those whose job an operator has dropped.
    Schedule("accounts.erase_due", _EVERY_SECONDS, EraseDueAccounts()),
]


def job_kinds(
    verification: Verification,
    passwords: PasswordChanges,
    email_changes: EmailChanges,
    exports: Exports,
    erasures: Erasures,
    settings: AccountsSettings,
) -> list[AnyJobKind]:
    """The jobs of accounts and who runs them."""
    failures_kept = timedelta(seconds=settings.lockout_seconds)

    async def forget_outdated(work: Work, job: ForgetOutdated) -> None:
        await housekeeping.delete_outdated(work, now() - _SESSIONS_KEPT, now() - failures_kept)
        await export_queries.delete_old_exports(work, now() - STUCK)

    return [
        JobKind(SendVerification, verification.send_verification),
        JobKind(SendPasswordReset, passwords.send_reset),
        JobKind(SendEmailChange, email_changes.send_link),
        JobKind(ForgetOutdated, forget_outdated),
        # All that somebody wrote in years, in one transaction.
        JobKind(MakeExport, exports.make_export, timeout_seconds=_EXPORT_SECONDS, priority=Priority.LOW),
        JobKind(EraseDueAccounts, erasures.erase_due),
        JobKind(ErasePart, erasures.erase_part, priority=Priority.LOW),
    ]
