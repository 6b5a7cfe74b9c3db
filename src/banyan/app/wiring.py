"""Joins the parts: builds every object once, gives each what it needs, and hands declarations down as values."""

import io
import platform as host
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from banyan import __version__
from banyan.app.declarations import build_registry, subscribe_caches
from banyan.app.ephemeral import Ephemeral, build_ephemeral
from banyan.app.features import Features, build_features
from banyan.app.http import Site
from banyan.app.plugins import load_plugins, migration_sources
from banyan.app.realtime import build_realtime, socket_origin
from banyan.app.routes import build_controllers
from banyan.app.settings import Settings
from banyan.app.signing import Auth, read_auth
from banyan.app.targets import Targets
from banyan.infra import metrics
from banyan.infra.attributes.document import describe_attributes
from banyan.infra.auth.api_keys import KeyVerifier
from banyan.infra.auth.bearers import Bearers
from banyan.infra.auth.digests import KeyedDigest
from banyan.infra.auth.key_uses import KeyUses
from banyan.infra.auth.tokens import TokenVerifier
from banyan.infra.bus import TableBus
from banyan.infra.database.migrate import Source, newest, newest_applied
from banyan.infra.database.pool import Pool
from banyan.infra.declare import Priority, Topic
from banyan.infra.health import Health
from banyan.infra.http.answers import HotAnswers
from banyan.infra.http.application import route_flags
from banyan.infra.http.asgi import App
from banyan.infra.http.dispatch import Dispatcher
from banyan.infra.http.gateway import Gateway, Parts
from banyan.infra.http.idempotency import Idempotency
from banyan.infra.http.openapi import build_openapi
from banyan.infra.http.table import Table
from banyan.infra.jobs.outbox import JobOutbox
from banyan.infra.jobs.relay import BUS_CHANNEL, JOBS_CHANNEL, OUTGOING_CHANNEL, Relay
from banyan.infra.jobs.scheduler import Scheduler
from banyan.infra.jobs.worker import Worker
from banyan.infra.log import AccessLog, LogStream
from banyan.infra.mail.mailbox import Mailbox
from banyan.infra.mail.mailer import Mailer
from banyan.infra.mail.smtp import SmtpTransport
from banyan.infra.presence.roll import PRESENCE, Roll
from banyan.infra.ratelimit import RateLimiter
from banyan.infra.realtime.gateway import Realtime
from banyan.infra.realtime.outbox import EVENTS_TOPIC, RealtimeOutbox
from banyan.web.pages import load_pages

_DESCRIPTION = "The API of this Banyan community. Errors are problem documents (RFC 9457); lists are cursor pages."


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One process, assembled; `modules.running` starts what runs in it."""

    settings: Settings
    targets: Targets
    pool: Pool
    bus: TableBus
    relay: Relay
    worker: Worker
    outgoing_worker: Worker
    scheduler: Scheduler
    key_uses: KeyUses
    health: Health
    features: Features
    realtime: Realtime
    ephemeral: Ephemeral | None
    roll: Roll
    asgi: App
    openapi: Callable[[], dict[str, Any]]

    def stop(self) -> None:
        """From here on `/readyz` answers 503, so that nothing new is sent here, and sockets are told to leave."""
        self.health.stopping = True
        self.roll.hold()
        self.realtime.begin_drain(self.settings.http.linger_seconds)

    @property
    def sockets(self) -> Realtime | None:
        """What takes sockets in this process, where it does."""
        return self.realtime if "realtime" in self.targets.roles else None


@asynccontextmanager
async def open_platform(settings: Settings, targets: Targets, log: LogStream) -> AsyncIterator[Platform]:
    """Opens the pool and joins everything to it. Raises BadSettings, DatabaseUnavailable."""
    auth = read_auth(settings)
    pool = await Pool.open(settings.database)
    access_log = AccessLog(log)
    try:
        metrics.report_pool(pool)
        await _report_versions(pool)
        platform = _wire(settings, targets, pool, auth, access_log)
        try:
            yield platform
        finally:
            await platform.features.notifications.push.close()
    finally:
        access_log.flush()
        auth.passwords.close()
        await pool.close()


async def describe_api(settings: Settings) -> dict[str, Any]:
    """The OpenAPI document of everything that these settings mount, without a database. Raises BadSettings."""
    auth = read_auth(settings)
    try:
        pool = Pool(settings.database)
        return _wire(settings, Targets.read("all"), pool, auth, AccessLog(LogStream(io.BytesIO()))).openapi()
    finally:
        auth.passwords.close()


def _wire(settings: Settings, targets: Targets, pool: Pool, auth: Auth, access_log: AccessLog) -> Platform:
    limiter = RateLimiter(settings.limits)
    mailbox = Mailbox(settings.mail.mailbox_messages)
    mailer = Mailer(SmtpTransport(settings.mail, settings.community.name) if settings.mail.host else mailbox)
    plugins = load_plugins(settings.plugins)
    features = build_features(settings, auth, limiter, mailer, plugins)
    registry = build_registry(settings, features, mailer)
    relay = Relay(settings.database)
    # Not by the pool: behind a crowd of requests an ended session would live on.
    bus = TableBus(relay)
    worker = Worker(pool, relay, registry, settings.jobs, set(Priority) - {Priority.OUTGOING})
    outgoing_worker = Worker(
        pool, relay, registry, settings.jobs, {Priority.OUTGOING}, settings.jobs.outgoing_concurrency
    )
    outbox = JobOutbox(registry, bus, relay)
    if "worker" in targets.roles:
        outbox.on_jobs(worker.wake)
        outbox.on_outgoing_jobs(outgoing_worker.wake)
    relay.listen(BUS_CHANNEL, bus.wake)
    relay.listen(JOBS_CHANNEL, worker.wake)
    relay.listen(OUTGOING_CHANNEL, outgoing_worker.wake)
    key_uses = KeyUses(pool.work, features.api_keys.write_uses)
    bearers = Bearers(
        TokenVerifier(auth.keys, settings.auth, features.sessions.find_role),
        KeyVerifier(settings.auth, features.api_keys.find_key, key_uses.note),
    )
    hot = HotAnswers(settings.http.hot_answers, settings.http.hot_answer_seconds)
    subscribe_caches(bus, bearers, features, hot)
    realtime = build_realtime(settings, features, pool, bearers, bus)
    ephemeral = build_ephemeral(settings, pool, realtime, limiter)
    published = ephemeral.outbox if ephemeral else RealtimeOutbox(realtime.publish, realtime.look)
    bus.subscribe(EVENTS_TOPIC, published.hear)
    pool.attach(published)
    pool.attach(outbox)
    roll = Roll(pool.work, lambda: realtime.gathering.touch_all(PRESENCE))
    realtime.hub.on_arrival, realtime.hub.on_departure = roll.arrive, roll.depart
    health = _health(pool, migration_sources(plugins))
    if ephemeral is not None:
        ephemeral.report(health)
    metrics.report_plugins({loaded.plugin.name: loaded.plugin.version for loaded in plugins})
    table = Table(build_controllers(settings, targets, features, auth, mailbox, health))
    openapi = partial(_describe, table, settings, tuple(realtime.topics.values()))
    pages = load_pages(socket_origin(settings.realtime, settings.http.base_url))
    site = Site(Dispatcher(table), pages, openapi, health, settings.http.metrics_token)
    gateway = Gateway(
        site,
        Parts(
            settings=settings.http,
            new_work=pool.work,
            verify_token=bearers.verify,
            find_principal=bearers.find,
            limiter=limiter,
            access_log=access_log if settings.http.access_log else None,
            idempotency=Idempotency(KeyedDigest(auth.secret, "http.idempotency").key, settings.http.idempotency_hours),
            hot=hot,
            open_paths=site.is_open,
            allowed_methods=partial(_methods, site, table),
            flags=route_flags(table),
        ),
    )
    scheduler = Scheduler(pool, registry)
    return Platform(
        settings=settings,
        targets=targets,
        pool=pool,
        bus=bus,
        relay=relay,
        worker=worker,
        outgoing_worker=outgoing_worker,
        scheduler=scheduler,
        key_uses=key_uses,
        health=health,
        features=features,
        realtime=realtime,
        ephemeral=ephemeral,
        roll=roll,
        asgi=gateway,
        openapi=openapi,
    )


def _describe(table: Table, settings: Settings, topics: Sequence[Topic]) -> dict[str, Any]:
    """The OpenAPI document of this installation."""
    document = build_openapi(
        table, title=settings.community.name, version=__version__, description=_DESCRIPTION, topics=topics
    )
    return describe_attributes(document, settings.attributes.by_kind())


def _methods(site: Site, table: Table, path: str) -> list[str]:
    """What an address takes, be it a page or a route."""
    return ["GET", "HEAD", "OPTIONS"] if site.is_open(path) else table.methods(path)


def _health(pool: Pool, sources: Sequence[Source]) -> Health:
    async def check_database() -> str | None:
        return None if await pool.work().value("SELECT 1") == 1 else "wrong answer"

    async def check_migrations() -> str | None:
        async with pool.connection() as connection:
            for source, wanted in known:
                applied = await newest_applied(connection, source)
                # A newer database is fine: migrations are safe while the version before them serves.
                if applied < wanted:
                    return f"{source.package} at {applied}, this version needs {wanted}: run `banyan migrate`"
        return None

    known = [(source, newest(source)) for source in sources]
    health = Health()
    health.add("database", check_database)
    health.add("migrations", check_migrations)
    return health


async def _report_versions(pool: Pool) -> None:
    """Puts the versions of everything into the metrics."""
    async with pool.connection() as connection:
        postgresql = await connection.fetchval("SHOW server_version")
        migration = await newest_applied(connection)
    metrics.BUILD.clear()
    metrics.BUILD.labels(__version__, host.python_version(), postgresql, f"{migration:04d}").set(1)
    ready_at = time.monotonic()
    metrics.UPTIME.set_function(lambda: time.monotonic() - ready_at)
