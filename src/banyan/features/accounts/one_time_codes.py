"""One-time codes: of an authenticator app (RFC 6238), and recovery codes on paper."""

import hmac
import secrets
import unicodedata
from datetime import datetime

import pyotp

RECOVERY_CODES = 10

_STEP_SECONDS = 30
# A clock may be one step off either way: RFC 6238 section 5.2.
_DRIFT_STEPS = 1
_DIGITS = 6
# Without those that are taken for each other: 49 bits in ten characters.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE_CHARS = 10


def read_otp(text: str) -> str:
    """A code as it is compared, whatever the grouping, case and kind of digits it was typed in."""
    plain = (str(unicodedata.digit(character, character)) for character in unicodedata.normalize("NFKC", text))
    return "".join(character for character in plain if character.isalnum()).lower()


def is_app_code(otp: str) -> bool:
    """Whether it looks like an app's code; otherwise it can only be a recovery code."""
    return len(otp) == _DIGITS and otp.isdecimal()


def find_step(secret: str, otp: str, at: datetime) -> int | None:
    """The time step, near the moment, whose code this is."""
    totp = pyotp.TOTP(secret, digits=_DIGITS, interval=_STEP_SECONDS)
    present = int(at.timestamp()) // _STEP_SECONDS
    for step in range(present - _DRIFT_STEPS, present + _DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), otp.encode()):
            return step
    return None


def make_secret() -> str:
    """160 bits in base32, as apps take them: RFC 4226 section 4."""
    return pyotp.random_base32(32)


def uri_of(secret: str, account: str, issuer: str) -> str:
    """What an app reads from a QR code."""
    # A colon separates issuer and account.
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer.replace(":", " "))


def make_recovery_code() -> str:
    """Ten characters in two groups."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARS))
    return f"{code[:5]}-{code[5:]}"
