"""Prometheus metrics of the queue. The label `kind` takes only declared names, so there are a few dozen at most."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)

DONE = Counter("banyan_jobs_done_total", "Jobs finished.", ["kind"])
FAILED = Counter("banyan_jobs_failed_total", "Tries that failed or took too long.", ["kind"])
DEAD = Counter("banyan_jobs_dead_total", "Jobs given up after their last try.", ["kind"])
LOST = Counter("banyan_jobs_lost_leases_total", "Tries undone because another worker had taken the job.")
EXPIRED = Counter("banyan_jobs_expired_leases_total", "Jobs taken over from a worker that went silent.")
RUNNING = Gauge("banyan_jobs_running", "Jobs that this process runs now.")
START_LATENCY = Histogram("banyan_jobs_start_latency_seconds", "From due to started.", buckets=_SECONDS)
DURATION = Histogram("banyan_jobs_duration_seconds", "One try, failed or not.", buckets=_SECONDS)
LAG = Gauge("banyan_jobs_queue_lag_seconds", "Age of the oldest ready job.")
DEAD_LETTERS = Gauge("banyan_jobs_dead_letters", "Jobs that wait for an operator.")
UNKNOWN = Gauge("banyan_jobs_unknown", "Ready jobs of kinds that this version does not know.")
