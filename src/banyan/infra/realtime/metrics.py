"""What is counted of sockets."""

from prometheus_client import Counter, Gauge, Histogram

CONNECTIONS = Gauge("banyan_realtime_connections", "Open sockets.")
SUBSCRIPTIONS = Gauge("banyan_realtime_subscriptions", "Topics joined, over all sockets.")
FRAMES_IN = Counter("banyan_realtime_frames_in_total", "Frames that clients sent.")
FRAMES_OUT = Counter("banyan_realtime_frames_out_total", "Frames handed to sockets.")
CUT = Counter("banyan_realtime_cut_total", "Sockets that this side ended.", ["reason"])
REFUSED = Counter("banyan_realtime_refused_total", "Frames answered with an error.", ["code"])
REFUSED_SOCKETS = Counter(
    "banyan_realtime_refused_sockets_total", "Sockets refused before their first frame.", ["code"]
)
READ_FAILURES = Counter("banyan_realtime_failed_reads_total", "Reads of a topic's log that failed; each is repeated.")
FAN_OUT_SECONDS = Histogram(
    "banyan_realtime_fan_out_seconds",
    "Time in which one event was handed to all sockets of this process that have joined its topic.",
    buckets=(0.0001, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
DELIVERY_SECONDS = Histogram(
    "banyan_realtime_delivery_seconds",
    "Time from the commit, or from the first hint of it in another process, to the last socket of this process.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
