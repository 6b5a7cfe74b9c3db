"""Invites: who may give them out, and what a sign-up must show."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from banyan.features.accounts.emails import Address, read_address
from banyan.features.accounts.errors import (
    InviteInvalid,
    InviteLimit,
    InviteNotFound,
    InviteRequired,
    SignUpClosed,
)
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import INVITE_NOTE_MAX_CHARS, Invite, NewInvite, Role
from banyan.features.accounts.person import PersonLink
from banyan.features.accounts.queries import invites as queries
from banyan.features.accounts.queries.accounts import find_language
from banyan.features.accounts.queries.invites import InviteRow
from banyan.features.accounts.settings import AccountsSettings
from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_line

# 96 random bits as 16 characters: short enough to read out, too many to guess.
_CODE_BYTES = 12
_LONGEST = timedelta(days=365)


class Invites:
    """Whether one may sign up is asked before the password is hashed; a use is counted with the account."""

    def __init__(
        self, settings: AccountsSettings, mailer: Mailer, mails: AccountMails, person: PersonLink, public_url: str
    ) -> None:
        self._mode = settings.sign_up
        self._per_member = settings.invites_per_member
        self._lasting = timedelta(days=settings.invite_days)
        self._mailer = mailer
        self._mails = mails
        self._person = person
        self._public_url = public_url.rstrip("/")

    async def create_invite(self, work: Work, account_id: UUID, role: str, wanted: NewInvite) -> Invite:
        """A new invite. One for an address is sent to it. Raises Invalid, InviteLimit."""
        note = check_line(wanted.note, "note", min_chars=0, max_chars=INVITE_NOTE_MAX_CHARS)
        address = read_address(wanted.email) if wanted.email is not None else None
        if address is not None and wanted.max_uses > 1:
            raise Invalid.field("max_uses", "one_address", "An invite for one address works once.")
        moment = now()
        expires_at = self._expiry(wanted.expires_at, moment)
        given = await queries.lock_invites_of(work, account_id)
        if role != Role.ADMIN and given + wanted.max_uses > self._per_member:
            raise InviteLimit(self._limit_words(given))
        code = secrets.token_urlsafe(_CODE_BYTES)
        email = address.email if address else None
        row = InviteRow(new_id(), code, note, email, wanted.max_uses, 0, moment, expires_at)
        await queries.insert_invite(work, account_id, row, address.key if address else None)
        invite = self._shown(row, moment)
        if address is not None:
            await self._send(work, account_id, address, invite.url)
        return invite

    async def list_invites(self, work: Work, account_id: UUID, limit: int, cursor: str | None) -> Page[Invite]:
        """One's own, newest first."""
        rows = await queries.list_invites(work, account_id, decode_cursor(cursor), limit + 1)
        moment = now()
        return cut_page([self._shown(row, moment) for row in rows], limit, lambda invite: invite.id)

    async def revoke_invite(self, work: Work, account_id: UUID, invite_id: UUID) -> None:
        """Nobody can use it any more; who came by it stays. Raises InviteNotFound."""
        if not await queries.revoke_invite(work, account_id, invite_id):
            raise InviteNotFound

    async def check_sign_up(self, work: Work, code: str | None, address: Address) -> UUID | None:
        """The invite that a sign-up with `code` will use. Raises SignUpClosed, InviteRequired, InviteInvalid."""
        if self._mode == "closed":
            raise SignUpClosed("Ask those who run this community.")
        if code is None:
            if self._mode == "invite":
                raise InviteRequired("Ask a member for an invitation.")
            return None
        invite_id = await queries.find_open_invite(work, code, address.key)
        if invite_id is None:
            raise _invalid()
        return invite_id

    async def use_invite(self, work: Work, invite_id: UUID | None, account_id: UUID, email_key: str) -> None:
        """Counts the use for an account just made in this transaction. Raises InviteInvalid."""
        if invite_id is not None and not await queries.use_invite(work, invite_id, account_id, email_key):
            raise _invalid()

    async def _send(self, work: Work, account_id: UUID, address: Address, url: str) -> None:
        """Only the inviter's checked handle goes in: an invite must not carry one's own words to strangers."""
        names = await self._person.find_names(work, account_id)
        language = await find_language(work, account_id)
        self._mailer.send(work, self._mails.invitation(address.email, language, names.handle, url))

    def _shown(self, row: InviteRow, moment: datetime) -> Invite:
        return Invite(
            id=row.id,
            code=row.code,
            url=f"{self._public_url}/app#/sign-up/{row.code}",
            note=row.note,
            email=row.email,
            max_uses=row.max_uses,
            used_count=row.used_count,
            created_at=row.created_at,
            expires_at=row.expires_at,
            open=row.used_count < row.max_uses and row.expires_at > moment,
        )

    def _expiry(self, wanted: datetime | None, moment: datetime) -> datetime:
        if wanted is None:
            return moment + self._lasting
        if not moment < wanted <= moment + _LONGEST:
            raise Invalid.field("expires_at", "out_of_range", "A moment in the future, at most a year ahead.")
        return wanted

    def _limit_words(self, given: int) -> str:
        if self._per_member == 0:
            return "Only admins invite here."
        left = max(0, self._per_member - given)
        return f"{self._per_member} uses within 30 days, of which {left} are left."


def _invalid() -> InviteInvalid:
    return InviteInvalid("It is unknown, used up, over, or for another address. Ask for a new one.")
