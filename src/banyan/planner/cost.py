"""The bill of an option at so many people: machines, and what grows with them, each line with its price's source."""

from functools import cached_property
from math import ceil, floor

import numpy as np
from msgspec import Struct

from banyan.planner.catalogue.prices import Catalogue, Discount, Item, RentedPlan
from banyan.planner.demand import Load
from banyan.planner.draws import band, middle
from banyan.planner.plan import Cost, CostLine
from banyan.planner.quantity import Worlds
from banyan.planner.workload.models import Workload

_GIB_PER_TB = 1e12 / 1024**3
_DUMP_SHARE = 0.35  # of the database's size: a compressed dump, indexes left out
_RETENTION_DAYS = 30
_FREE_MONITORING_MACHINES = 2
_FREE_CDN_GIB = 1000.0


class Rented(Struct, frozen=True):
    """So many machines of one plan. `public` ones answer the people, so that their traffic allowance counts."""

    role: str
    plan: RentedPlan
    count: int
    public: bool


class Bill(Struct, frozen=True):
    """A month's lines, and their sum in every world."""

    lines: tuple[CostLine, ...]
    total: Worlds

    def cost(self, currency: str) -> Cost:
        """As the plan says it; the total is the sum of its lines."""
        return Cost(currency, sum(line.amount for line in self.lines), list(self.lines), band(self.total))


class Prices:
    """Makes bills for one file."""

    def __init__(self, workload: Workload, catalogue: Catalogue, load: Load) -> None:
        self._workload = workload
        self._catalogue = catalogue
        self._load = load

    def machines(self, rented: tuple[Rented, ...]) -> float:
        """Machines alone, VAT in."""
        return sum(each.plan.price_month * each.count * self.machine_factor(each.plan.provider) for each in rented)

    def machine_factor(self, provider: str) -> float:
        """What a provider's price is multiplied by: VAT, and a year's commitment where the file makes one."""
        return self._vat * (1 - self._saved_share(provider))

    @property
    def _vat(self) -> float:
        return 1 + self._catalogue.vat_percent / 100

    @cached_property
    def _commitment(self) -> Discount | None:
        if not self._workload.rent.reserved:
            return None
        return next((each for each in self._catalogue.discounts if each.kind == "reserved"), None)

    def _saved_share(self, provider: str) -> float:
        """What a commitment for a year takes off that provider's machines, in the middle of the stated range."""
        discount = self._commitment
        if discount is None or provider not in discount.providers:
            return 0.0
        return (discount.low_share + discount.high_share) / 2

    @cached_property
    def _sent_middles(self) -> tuple[float, float]:
        """GiB a month and registered user past the CDN, of the two worlds whose mean is the median."""
        ordered = np.sort(self._load.egress_gib * (1 - self._load.cdn_share))
        return float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])

    def of_role(self, each: Rented, users: float) -> float:
        """A month of one role's machines and their traffic beyond the allowance, VAT in, as the bill will have it."""
        machines = each.plan.price_month * each.count * self.machine_factor(each.plan.provider)
        if not each.public:
            return machines
        allowed, item = self._allowance((each,))
        paid = [max(sent * users - allowed - item.free_units, 0) for sent in self._sent_middles]
        return machines + sum(paid) / 2 * item.price * self._vat

    def counts_worth(self, each: Rented, users: float) -> tuple[int, ...]:
        """How many machines of a role may cost least: so many, or those whose allowance just covers what is sent."""
        if not each.public or not each.plan.transfer_tb:
            return (each.count,)
        _, item = self._allowance((each,))
        covering = [
            (sent * users - item.free_units) / (each.plan.transfer_tb * _GIB_PER_TB) for sent in self._sent_middles
        ]
        counts = {each.count, *map(floor, covering), *map(ceil, covering)}
        return tuple(sorted(count for count in counts if count >= each.count))

    def bill(self, rented: tuple[Rented, ...], users: float, piled_users: float, *, object_store: bool) -> Bill:
        """The whole bill at `users` registered users; `piled_users` as in `Load.stored_gib`."""
        parts = [
            *self._machine_lines(rented),
            *self._saved(rented),
            *self._kept(users, piled_users, object_store=object_store),
            *self._variable(rented, users),
        ]
        lines = [line for line, _ in parts]
        total: Worlds = np.sum([worlds for _, worlds in parts], axis=0)
        vat = self._catalogue.vat_percent
        if vat:
            amount = sum(line.amount for line in lines) * vat / 100
            lines.append(CostLine(f"VAT {vat:g}%", amount, "the file's rent.vat_percent", None, True))
        return Bill(tuple(lines), total * self._vat)

    def _machine_lines(self, rented: tuple[Rented, ...]) -> list[tuple[CostLine, Worlds]]:
        return [
            self._line(
                f"{each.count} x {each.plan.provider} {each.plan.plan} ({each.role})",
                self._load.requests * 0 + each.count * each.plan.price_month,
                CostLine("", 0, each.plan.source, each.plan.as_of, True),
            )
            for each in rented
        ]

    def _saved(self, rented: tuple[Rented, ...]) -> list[tuple[CostLine, Worlds]]:
        """What a commitment for a year takes off the machines; an option has one provider."""
        discount, share = self._commitment, self._saved_share(rented[0].plan.provider)
        if discount is None or not share:
            return []
        amount = -share * sum(each.plan.price_month * each.count for each in rented)
        priced = CostLine("", 0, discount.source, None, False)
        return [self._line(f"committed for a year (-{share:.0%})", self._load.requests * 0 + amount, priced)]

    def _kept(self, users: float, piled_users: float, *, object_store: bool) -> list[tuple[CostLine, Worlds]]:
        load = self._load
        database, media = load.stored_gib(users, piled_users)
        days = self._workload.backups.retention_days or _RETENTION_DAYS
        found = []
        if object_store:
            found.append(self._item("object storage", "object_storage_gib_month", media))
            found.append(self._item("object-store writes", "object_writes_million", load.object_writes * users / 1e6))
            found.append(self._item("object-store reads", "object_reads_million", load.object_reads * users / 1e6))
        kept = database * _DUMP_SHARE * days + media
        return [*found, self._item("backup storage", "backup_storage_bulk_gib_month", kept)]

    def _variable(self, rented: tuple[Rented, ...], users: float) -> list[tuple[CostLine, Worlds]]:
        load, count = self._load, sum(each.count for each in rented)
        found = []
        found.append(self._traffic(rented, load.egress_gib * users * (1 - load.cdn_share)))
        cached = load.egress_gib * users * load.cdn_share
        tier = "cdn_pro_month" if middle(cached) > _FREE_CDN_GIB else "cdn_free_month"
        found.append(self._item("CDN", tier, cached * 0 + 1))
        watched = "monitoring_month" if count > _FREE_MONITORING_MACHINES else "monitoring_free_month"
        found.append(self._item("monitoring", watched, cached * 0 + 1))
        found.append(self._item("domain and certificate", "domain_month", cached * 0 + 1))
        return found

    def _traffic(self, rented: tuple[Rented, ...], sent: Worlds) -> tuple[CostLine, Worlds]:
        """What leaves beyond the allowance of the machines that face people."""
        allowed, item = self._allowance(rented)
        return self._priced("traffic beyond the allowance", item, np.maximum(sent - allowed, 0))

    def _allowance(self, rented: tuple[Rented, ...]) -> tuple[float, Item]:
        """GiB a month that the machines facing people may send, and what a GiB beyond costs."""
        allowed = sum(each.plan.transfer_tb * each.count for each in rented if each.public) * _GIB_PER_TB
        return allowed, self._catalogue.items["egress_overage_gib" if allowed else "egress_gib"]

    def _item(self, title: str, name: str, units: Worlds) -> tuple[CostLine, Worlds]:
        return self._priced(title, self._catalogue.items[name], units)

    def _priced(self, title: str, item: Item, units: Worlds) -> tuple[CostLine, Worlds]:
        return self._line(title, np.maximum(units - item.free_units, 0) * item.price, _source(item))

    def _line(self, title: str, amounts: Worlds, priced: CostLine) -> tuple[CostLine, Worlds]:
        return CostLine(title, middle(amounts), priced.source, priced.as_of, priced.verified), amounts


def _source(item: Item) -> CostLine:
    return CostLine(item.item, item.price, item.source, item.as_of, item.verified)
