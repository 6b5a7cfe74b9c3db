"""How one server process is doing, read from its own metrics: for `banyan status` and the routes of admins."""

from datetime import UTC, datetime

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from banyan.infra.health import Readiness


class Status(Struct, frozen=True):
    """One server process. Times in seconds; figures that it does not report are null."""

    url: str
    ready: bool
    checks: dict[str, str]
    version: str | None
    python: str | None
    postgresql: str | None
    migration: str | None
    uptime_seconds: float | None
    resident_bytes: float | None
    requests_in_flight: float | None
    requests_shed: float | None
    queue_lag_seconds: float | None
    jobs_running: float | None
    dead_letters: float | None
    pool_size: float | None
    pool_waiting: float | None
    pool_mean_wait_seconds: float | None
    http_connections: float | None
    sockets: float | None
    # Over all sockets.
    topics_joined: float | None
    # 1 while Redis carries events between processes, 0 while it is away; null where none is configured.
    redis_connected: float | None
    redis_mean_lag_seconds: float | None
    redis_dropped: float | None
    # Of backups by the clock, where they are made; null where none is yet.
    last_backup_at: datetime | None
    backup_failing: bool | None
    # Name and version.
    plugins: dict[str, str]


class Samples:
    """The samples of a metrics page by name."""

    def __init__(self, text: str) -> None:
        self._samples = [
            (sample.name, dict(sample.labels), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]
        self._by_name = {name: (labels, value) for name, labels, value in self._samples}

    def find(self, name: str) -> float | None:
        found = self._by_name.get(name)
        return found[1] if found else None

    def all_labels(self, name: str) -> list[dict[str, str]]:
        return [labels for found, labels, _ in self._samples if found == name]

    def labels(self, name: str) -> dict[str, str]:
        found = self._by_name.get(name)
        return found[0] if found else {}


def build_status(url: str, readiness: Readiness, samples: Samples) -> Status:
    """The figures of the server at `url`."""
    info = samples.labels("banyan_build_info")
    acquired = samples.find("banyan_database_acquired_total")
    waited = samples.find("banyan_database_wait_seconds_total")
    redis = samples.find("banyan_ephemeral_connected")
    pongs = samples.find("banyan_ephemeral_lag_seconds_count")
    lag = samples.find("banyan_ephemeral_lag_seconds_sum")
    backed_up = samples.find("banyan_backup_last_timestamp_seconds")
    failing = samples.find("banyan_backup_failing")
    return Status(
        url=url,
        ready=readiness.status == "ready",
        checks=readiness.checks,
        version=info.get("version"),
        python=info.get("python"),
        postgresql=info.get("postgresql"),
        migration=info.get("migration"),
        uptime_seconds=samples.find("banyan_uptime_seconds"),
        resident_bytes=samples.find("process_resident_memory_bytes"),
        requests_in_flight=samples.find("banyan_http_in_flight"),
        requests_shed=samples.find("banyan_http_shed_total"),
        queue_lag_seconds=samples.find("banyan_jobs_queue_lag_seconds"),
        jobs_running=samples.find("banyan_jobs_running"),
        dead_letters=samples.find("banyan_jobs_dead_letters"),
        pool_size=samples.find("banyan_database_connections"),
        pool_waiting=samples.find("banyan_database_waiting"),
        pool_mean_wait_seconds=waited / acquired if acquired and waited is not None else None,
        http_connections=samples.find("banyan_http_connections"),
        sockets=samples.find("banyan_realtime_connections"),
        topics_joined=samples.find("banyan_realtime_subscriptions"),
        redis_connected=redis,
        redis_mean_lag_seconds=lag / pongs if redis is not None and pongs and lag is not None else None,
        redis_dropped=samples.find("banyan_ephemeral_dropped_total") if redis is not None else None,
        last_backup_at=datetime.fromtimestamp(backed_up, UTC) if backed_up else None,
        backup_failing=None if failing is None else bool(failing),
        plugins={labels["name"]: labels["version"] for labels in samples.all_labels("banyan_plugin_info")},
    )
