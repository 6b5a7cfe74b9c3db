"""Facts that others follow."""

from uuid import UUID

from banyan.kernel.signals import Signal


class AccountCreated(Signal, frozen=True):
    """Somebody has an account from now on, and with it a person of the same id."""

    account_id: UUID


class AccountDeleted(Signal, frozen=True):
    """An account has been erased, and with it the person of the same id."""

    account_id: UUID
