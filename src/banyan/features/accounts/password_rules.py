"""What a password may be: NIST SP 800-63B section 3.1.1.2. Length counts, composition does not, and what everybody
tries first is refused.
"""

import unicodedata
from importlib import resources

from banyan.features.accounts.models import PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS
from banyan.kernel.errors import Invalid

# The most frequent ones of published leaks that are long enough to pass, lower case.
_COMMON = frozenset(resources.files("banyan.features.accounts").joinpath("common_passwords.txt").read_text().split())


def normalise_password(password: str) -> str:
    """NFKC, so that the same password typed on another keyboard is the same one."""
    return unicodedata.normalize("NFKC", password)


def check_new_password(password: str, email: str, handle: str, *, field: str = "password") -> str:
    """The password as it is hashed. `email` and `handle` are what an attacker would try next.

    Raises Invalid that names `field`.
    """
    normal = normalise_password(password)
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS or len(normal) < PASSWORD_MIN_CHARS:
        raise Invalid.field(field, "password_length", f"{PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters.")
    if any(unicodedata.category(character) == "Cc" for character in normal):
        raise Invalid.field(field, "control_character", "Control characters are lost on the way through forms.")
    plain = normal.casefold()
    own = {email.casefold(), email.rpartition("@")[0].casefold(), handle.casefold()}
    if plain in _COMMON or plain in own or len(set(plain)) < 3:
        raise Invalid.field(field, "password_too_common", "Too easy to guess: this is among the first that are tried.")
    return normal
