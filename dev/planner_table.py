"""Fills `src/banyan/planner/queueing/table.csv`: p95 of response times where no formula holds, by simulation."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from banyan.planner.queueing.dispatch import Dispatch
from banyan.planner.queueing.exact import response_quantile
from banyan.planner.queueing.simulate import Case, simulate

TABLE = Path(__file__).parent.parent / "src" / "banyan" / "planner" / "queueing" / "table.csv"
LOADS = (0.001, 0.4, 0.6, 0.75, 0.83, 0.9)
VARIATIONS = (0.0, 0.1, 0.25, 1.0, 2.5, 5.5, 10.0)
SERVERS = {
    Dispatch.SHARED: (1, 2, 4, 8, 16, 32),
    Dispatch.ROUND_ROBIN: (2, 8, 32),
    Dispatch.LEAST_CONNECTIONS: (2, 8),
}
PRECISION = 0.04


def base(case: Case) -> float:
    """The exact p95 that the table's ratios refer to: M/M/c, or M/M/1 where each server has its own Poisson stream."""
    alone = case.dispatch in (Dispatch.ROUND_ROBIN, Dispatch.RANDOM)
    return float(response_quantile(1 if alone else case.servers, case.load))


def rows() -> Iterator[list[str]]:
    yield ["dispatch", "servers", "variation_squared", *(f"load_{load}" for load in LOADS)]
    for dispatch, counts in SERVERS.items():
        for servers in counts:
            cases = [Case(servers, load, variation, dispatch) for variation in VARIATIONS for load in LOADS]
            ratios = [
                found.p95 / base(case) for case, found in zip(cases, simulate(cases, precision=PRECISION), strict=True)
            ]
            for number, variation in enumerate(VARIATIONS):
                own = ratios[number * len(LOADS) :][: len(LOADS)]
                yield [dispatch, str(servers), str(variation), *(f"{ratio:.4f}" for ratio in own)]
            print(f"{dispatch} {servers}", file=sys.stderr)


def main() -> int:
    found = list(rows())
    with TABLE.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
