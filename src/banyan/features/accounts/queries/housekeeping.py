"""Forgetting what has no effect any more."""

from datetime import datetime

from banyan.infra.database.work import Work


async def delete_outdated(work: Work, sessions_before: datetime, failures_before: datetime) -> None:
    """Removes what has no effect any more."""
    await work.write("DELETE FROM accounts_sign_ups WHERE expires_at < now() - interval '1 day'")
    # Links of the last day count towards the limit of links a day, also when they have expired.
    await work.write(
        "DELETE FROM accounts_verifications WHERE expires_at < now() AND created_at < now() - interval '1 day'"
    )
    await work.write(
        "DELETE FROM accounts_password_resets WHERE expires_at < now() AND created_at < now() - interval '1 day'"
    )
    await work.write(
        "DELETE FROM accounts_email_changes WHERE expires_at < now() AND created_at < now() - interval '1 day'"
    )
    await work.write("DELETE FROM accounts_sign_in_failures WHERE last_failed_at < $1", failures_before)
    await work.write("DELETE FROM accounts_sessions WHERE ended_at < $1 OR expires_at < $1", sessions_before)
    # An invite that is over counts towards its maker's limit for 30 days, and shows in their list for 90.
    await work.write(
        """
        DELETE FROM accounts_invites
        WHERE expires_at < now() - interval '90 days' AND created_at < now() - interval '90 days'
        """
    )
