"""What an operator may set about accounts."""

from pydantic import BaseModel, ConfigDict, Field

from banyan.features.accounts.models import SignUpMode


class AccountsSettings(BaseModel):
    """Signing up, signing in and how long sessions last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sign_up: SignUpMode = Field(
        "open", description="Who may sign up: anybody, whoever has an invite, nobody. The first admin always may."
    )
    invites_per_member: int = Field(
        10, ge=0, le=100_000, description="Uses that a member's invites of 30 days may add up to; 0: admins only."
    )
    invite_days: int = Field(30, ge=1, le=365, description="How long an invite holds that names no end.")
    deletion_grace_days: int = Field(
        30, ge=0, le=365, description="So long an account stays hidden and can be taken back before it is erased."
    )
    verify_first: bool = Field(
        False,
        description="Nobody gets in before their e-mail address is proven. A sign-up then never tells whether "
        "the address has an account: it answers 202 and writes to the address.",
    )
    lockout_failures: int = Field(10, ge=1, le=1_000, description="So many failed sign-ins lock an address out.")
    lockout_seconds: int = Field(
        900, ge=1, le=86_400, description="They are counted over so long, and it lasts so long."
    )
    session_idle_seconds: int = Field(30 * 86_400, ge=60, description="A session ends unused after so long.")
    refresh_retry_seconds: int = Field(
        30, ge=0, le=300, description="A used refresh token with the same Idempotency-Key is a retry for so long."
    )
    verification_seconds: int = Field(86_400, ge=60, le=30 * 86_400, description="How long a link sent holds.")
    password_reset_seconds: int = Field(3_600, ge=60, le=86_400, description="How long a password reset link holds.")
    verifications_per_day: int = Field(10, ge=1, le=1_000, description="Links sent to one address at most.")
