"""How the parts lie over machines, from least to most: what each shape runs where, and how many of each it may have."""

from msgspec import Struct, structs

from banyan.planner.workload.models import Topology


class Role(Struct, frozen=True):
    """Machines of one kind. `parts` take CPU of a request (app, database, worker, balancer, sockets)."""

    name: str
    parts: tuple[str, ...]
    services: tuple[str, ...]
    min_count: int = 1
    max_count: int = 1
    replicas: int = 0  # of the database, beside the primary; they are machines of this role too
    spares: int = 0  # machines that may be missing while the others carry everybody
    media: bool = False  # files lie on its disk
    key: str = ""  # names what it needs: roles of several shapes that need the same are sized once

    def __post_init__(self) -> None:
        structs.force_setattr(self, "key", f"{'+'.join(self.parts)}/{self.replicas}/{self.spares}/{int(self.media)}")

    def carrying(self, count: int) -> int:
        """Over how many of so many machines the people are spread when the spares are away; a replica has all."""
        return 1 if self.replicas else count - self.spares


class Shape(Struct, frozen=True):
    """One topology, with media on the machines' disks or in an object store."""

    topology: Topology
    roles: tuple[Role, ...]
    object_store: bool
    redundant: bool  # any one machine may fail

    @property
    def name(self) -> str:
        """As reasons and rejected options say it."""
        words = self.topology.value.replace("_", "-")
        return f"{words} with object storage" if self.object_store and len(self.roles) < 3 else words


_ALL = ("api", "realtime", "worker", "postgresql", "nginx")
_APP = ("api", "realtime", "worker")


def _single(object_store: bool) -> Shape:
    parts = ("app", "database", "worker", "sockets", "balancer")
    return Shape(Topology.SINGLE, (Role("all", parts, _ALL, media=not object_store),), object_store, False)


def _split(object_store: bool) -> Shape:
    return Shape(
        Topology.SPLIT,
        (
            Role("app", ("app", "worker", "sockets", "balancer"), (*_APP, "nginx"), media=not object_store),
            Role("database", ("database",), ("postgresql",)),
        ),
        object_store,
        False,
    )


def _several(topology: Topology, balancers: int, apps: tuple[int, int], replicas: int) -> Shape:
    return Shape(
        topology,
        (
            Role("balancer", ("balancer", "cache"), ("nginx", "redis"), balancers, balancers),
            Role("app", ("app", "worker", "sockets"), _APP, *apps),
            Role("database", ("database",), ("postgresql",), 1 + replicas, 1 + replicas, replicas),
        ),
        True,
        replicas > 0,
    )


def _cluster() -> Shape:
    return Shape(
        Topology.CLUSTER,
        (
            Role("balancer", ("balancer",), ("nginx",), 2, 8),
            Role("app", ("app", "worker"), ("api", "worker"), 3, 60),
            Role("realtime", ("sockets",), ("realtime",), 2, 60),
            Role("database", ("database",), ("postgresql", "pgbouncer"), 4, 4, 3),
            Role("redis", ("cache",), ("redis",), 3, 6),
        ),
        True,
        True,
    )


def shapes(*, object_store: bool, spare: bool) -> tuple[Shape, ...]:
    """All shapes, the simplest first. With `object_store` the file has media there already; with `spare` what several
    machines carry is also carried with one of them away, so that a failure stops nobody.
    """
    every = _shapes(object_store=object_store)
    return tuple(_with_spares(shape) for shape in every) if spare else every


def _with_spares(shape: Shape) -> Shape:
    roles = tuple(structs.replace(role, spares=1) if role.max_count > 1 else role for role in shape.roles)
    return structs.replace(shape, roles=roles)


def _shapes(*, object_store: bool) -> tuple[Shape, ...]:
    local = () if object_store else (_single(False), _split(False))
    return (
        *local,
        _single(True),
        _split(True),
        _several(Topology.BALANCED, 1, (2, 8), 0),
        _several(Topology.REPLICATED, 2, (2, 12), 1),
        _cluster(),
    )
