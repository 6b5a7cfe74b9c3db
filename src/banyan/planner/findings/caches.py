"""What must not be lost in a cache that may drop anything, and what several processes cannot share."""

from collections.abc import Iterator

from banyan.planner.findings.context import Context, number, setting, words
from banyan.planner.plan import Finding
from banyan.planner.workload.models import Service

_PRECIOUS = {"jobs": "a job that was accepted", "sessions": "signed-in people", "queue": "a job that was accepted"}
_FORK_SHARE = 0.5  # what a snapshot may need beside the data while pages are written


def find(context: Context) -> Iterator[Finding]:
    yield from _evicted(context)
    yield from _whole_budget(context)
    yield from _in_process(context)
    yield from _local_state(context)


def _evicted(context: Context) -> Iterator[Finding]:
    for where, service in context.services():
        policy = words(service, "maxmemory_policy")
        if not policy.startswith(("allkeys", "volatile")):
            continue
        for what in _held(context, service):
            # Jobs have no expiry and are safe from policies that drop only what expires; sessions expire.
            if what in _PRECIOUS and (what == "sessions" or policy.startswith("allkeys")):
                yield Finding(
                    "error",
                    f"{what}_in_evicting_cache",
                    f"{where}.settings.maxmemory_policy",
                    policy,
                    "noeviction",
                    f"{service.name} holds {what} and drops keys when memory is short ({policy}): "
                    f"{_PRECIOUS[what]} can vanish; keep them apart, or set noeviction",
                )


def _held(context: Context, service: Service) -> list[str]:
    """What a cache is said to hold, or must: a broker holds jobs, so does the only place where workers find any."""
    said = [part.strip() for part in words(service, "holds").split(",") if part.strip()]
    # "job queue", "user sessions": what is precious in a part is known by its stem.
    held = [next((what for what in _PRECIOUS if what.removesuffix("s") in part), part) for part in said]
    named = any(words(each, "jobs_in") == service.name for _, each in context.services())
    roles = {each.role for _, each in context.services()}
    only_place = not held and "worker" in roles and "broker" not in roles and service.role == "cache"
    if (named or service.role == "broker" or only_place) and not {"jobs", "queue"} & set(held):
        held.append("jobs")
    return held


def _whole_budget(context: Context) -> Iterator[Finding]:
    for where, service in context.services():
        limit, budget = setting(service, "maxmemory_mib"), service.memory_mib.high
        if limit is not None and limit > budget:
            yield Finding(
                "error",
                "cache_above_its_budget",
                f"{where}.settings.maxmemory_mib",
                f"{number(limit)} MiB",
                f"{number(budget)} MiB",
                f"{service.name} may grow to {number(limit)} MiB, and {number(budget)} MiB are allotted to it",
            )
        saves = any(name.startswith(("save", "appendfsync")) for name in service.settings)
        if limit is None or limit < budget * 0.95 or not saves:
            continue
        needed = limit * (1 + _FORK_SHARE)
        yield Finding(
            "warning",
            "cache_fills_its_budget",
            f"{where}.settings.maxmemory_mib",
            f"{number(limit)} MiB of {number(service.memory_mib.high)}",
            f"{number(needed)} MiB",
            f"{service.name} may fill its whole budget of {number(service.memory_mib.high)} MiB "
            f"and also writes snapshots, which need up to {number(needed)} MiB while they run",
        )


def _in_process(context: Context) -> Iterator[Finding]:
    for where, service in context.services():
        if words(service, "cache") == "in_process" and (service.workers or 1) > 1:
            yield Finding(
                "error",
                "cache_of_each_worker",
                f"{where}.workers",
                f"{service.workers} workers",
                "1 worker",
                f"{service.name} caches in the process and has {service.workers} workers: what one drops the others "
                "still serve; share the cache (Redis), or tell the others",
            )


def _local_state(context: Context) -> Iterator[Finding]:
    for where, phase, machine in context.machines():
        if machine.count < 2:
            continue
        for service in context.on(machine):
            if words(service, "files") == "local":
                yield Finding(
                    "error",
                    "local_files_on_several_machines",
                    f"{where}.count",
                    f"{machine.count} machines",
                    "files on each",
                    f"{service.name} keeps files on its own disk and runs on {machine.count} machines in {phase.name}: "
                    "what one stores the other does not have; use an object store",
                )
            if words(service, "socket_adapter") == "none":
                yield Finding(
                    "error",
                    "sockets_on_several_machines",
                    f"{where}.count",
                    f"{machine.count} machines",
                    "no bus between them",
                    f"{service.name} has sockets on {machine.count} machines in {phase.name} "
                    "and no adapter between them: a message reaches only who is connected to the same one",
                )
