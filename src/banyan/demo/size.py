"""How large a demo community is; the command line knows it without loading what makes one."""

from msgspec import Struct


class CommunitySize(Struct, frozen=True, kw_only=True):
    """What is asked for: `connections` is how many a person has on average. As `banyan up --demo` has it."""

    people: int = 500
    posts: int = 2_000
    connections: int = 20
    seed: int = 1

    def __post_init__(self) -> None:
        if self.people < 1 or self.posts < 0 or self.connections < 0:
            raise ValueError("a community has at least one person, and no fewer than 0 posts and connections")
