"""An authenticator app, for tests."""

import time
from dataclasses import dataclass, field

import pyotp

from tests.support.platform import PASSWORD, Api


@dataclass
class Authenticator:
    """Holds a secret. `code()` is one that was not given out before, as far as the server accepts them ahead."""

    secret: str
    recovery_codes: list[str] = field(default_factory=list)
    last_step: int = 0

    def code(self) -> str:
        """The next code that works. The server takes those of the last step, the present one and the next: the last
        one's only where there is time enough to send it, and who asks for one too many waits until it works.
        """
        present, passed_seconds = divmod(time.time(), 30)
        self.last_step = max(self.last_step + 1, int(present) - (passed_seconds < 15))
        time.sleep(max(0, (self.last_step - 1) * 30 - time.time()))
        return self.at(self.last_step)

    def at(self, step: int) -> str:
        return pyotp.TOTP(self.secret).generate_otp(step)

    def wrong(self) -> str:
        """Six digits that no present code has."""
        present = int(time.time()) // 30
        codes = {self.at(step) for step in range(present - 3, present + 4)}
        return next(code for code in (f"{number:06}" for number in range(10)) if code not in codes)


async def turn_on(account: Api) -> Authenticator:
    """The account's second factor, on."""
    answer = await account.post("/v1/auth/totp", {"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    app = Authenticator(answer.json()["secret"])
    confirmed = await account.post("/v1/auth/totp/confirm", {"otp": app.code()})
    assert confirmed.status_code == 200, confirmed.text
    app.recovery_codes = confirmed.json()["recovery_codes"]
    return app
