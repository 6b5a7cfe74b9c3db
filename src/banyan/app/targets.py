"""What a process may be for: roles, and single services."""

from dataclasses import dataclass

ROLES = ("api", "realtime", "worker", "scheduler")
# Services that may be mounted alone, so that a load balancer can split paths over machines.
FEATURES = ("accounts", "people", "posts", "messaging", "notifications", "sync", "webhooks", "admin", "plugins")
TARGETS = ("all", *ROLES, *FEATURES)


class BadTarget(ValueError):
    """A target that does not exist; the message lists those that do."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What one process is for. `features` are those whose routes it answers."""

    roles: frozenset[str]
    features: frozenset[str]

    @classmethod
    def read(cls, text: str) -> "Targets":
        """From `all`, or roles and features with commas between. Raises BadTarget."""
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in TARGETS]
        if unknown or not names:
            raise BadTarget(f"{', '.join(unknown) or 'nothing'}: choose from {', '.join(TARGETS)}.")
        if "all" in names:
            return cls(frozenset(ROLES), frozenset(FEATURES))
        features = frozenset(FEATURES) if "api" in names else frozenset(names) & frozenset(FEATURES)
        roles = frozenset(names) & frozenset(ROLES)
        return cls(roles | {"api"} if features else roles, features)

    @property
    def serves(self) -> bool:
        """Whether it listens: for requests, or for sockets."""
        return bool(self.features) or "realtime" in self.roles
