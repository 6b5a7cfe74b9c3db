"""Joins the parts: builds every object once, gives each what it needs, and hands declarations down as values."""

import platform as host
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from pydantic import SecretStr

from banyan import __version__
from banyan.app.http import Site
from banyan.app.mailbox import MailboxRoutes
from banyan.app.settings import Settings
from banyan.app.targets import Targets
from banyan.features.accounts import jobs as accounts_jobs
from banyan.features.accounts.api import AccountsApi
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import PersonNames
from banyan.features.accounts.person import PersonLink
from banyan.features.accounts.routes import AccountRoutes, AuthRoutes, JwksRoutes, SetupRoutes
from banyan.features.accounts.service.accounts import Accounts
from banyan.features.accounts.service.first_admin import FirstAdmin
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.sessions import Sessions
from banyan.features.accounts.service.verification import Verification
from banyan.features.people.api import PeopleApi
from banyan.features.people.routes import BlockRoutes, ConnectionRoutes, MeRoutes, PeopleRoutes
from banyan.features.people.service import People
from banyan.features.posts import subscribers as posts_subscribers
from banyan.features.posts.routes import CommentRoutes, CommunityRoutes, FeedRoutes, PostRoutes, ProfileFeedRoutes
from banyan.features.posts.service.comments import Comments
from banyan.features.posts.service.community import Communities
from banyan.features.posts.service.homes import Homes
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.service.reactions import Reactions
from banyan.infra import bus as bus_declarations
from banyan.infra import metrics
from banyan.infra.auth.digests import KeyedDigest
from banyan.infra.auth.errors import BadKeyFile
from banyan.infra.auth.keys import SigningKeys
from banyan.infra.auth.passwords import Passwords
from banyan.infra.auth.tokens import SESSIONS_TOPIC, AccessTokens, TokenVerifier
from banyan.infra.bus import TableBus
from banyan.infra.database.migrate import BANYAN, load, newest_applied
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.infra.declare import ANSWERS_TOPIC
from banyan.infra.health import Health
from banyan.infra.http import housekeeping
from banyan.infra.http.answers import HotAnswers
from banyan.infra.http.application import allowed_methods, bind, build_application, route_flags
from banyan.infra.http.gateway import App, Gateway, Parts
from banyan.infra.http.idempotency import Idempotency
from banyan.infra.http.openapi import build_openapi
from banyan.infra.http.routing import Controller
from banyan.infra.jobs.outbox import JobOutbox
from banyan.infra.jobs.registry import Registry
from banyan.infra.jobs.relay import BUS_CHANNEL, JOBS_CHANNEL, Relay
from banyan.infra.jobs.scheduler import Scheduler
from banyan.infra.jobs.worker import Worker
from banyan.infra.log import AccessLog, LogStream
from banyan.infra.mail.mailbox import Mailbox
from banyan.infra.mail.mailer import Mailer
from banyan.infra.mail.smtp import SmtpTransport
from banyan.infra.ratelimit import RateLimiter
from banyan.infra.settings import BadSettings
from banyan.kernel.clock import now
from banyan.web.pages import load_pages

_DESCRIPTION = "The API of this Banyan community. Errors are problem documents (RFC 9457); lists are cursor pages."


@dataclass(frozen=True, slots=True)
class Auth:
    """What signs, verifies and hashes in this process."""

    keys: SigningKeys
    tokens: AccessTokens
    passwords: Passwords
    secret: str


@dataclass(frozen=True, slots=True)
class Features:
    """The features' rules, for those who call them without HTTP: the demo, the command line, tests."""

    accounts: Accounts
    sessions: Sessions
    verification: Verification
    first_admin: FirstAdmin
    people: People
    people_api: PeopleApi
    posts: Posts
    comments: Comments
    reactions: Reactions
    homes: Homes
    communities: Communities


@dataclass(frozen=True, slots=True)
class Platform:
    """One process, assembled; `modules.running` starts what runs in it."""

    settings: Settings
    targets: Targets
    pool: Pool
    bus: TableBus
    relay: Relay
    worker: Worker
    scheduler: Scheduler
    health: Health
    features: Features
    asgi: App

    def stop(self) -> None:
        """From here on `/readyz` answers 503, so that nothing new is sent here."""
        self.health.stopping = True


@asynccontextmanager
async def open_platform(settings: Settings, targets: Targets, log: LogStream) -> AsyncIterator[Platform]:
    """Opens the pool and joins everything to it. Raises BadSettings, DatabaseUnavailable."""
    auth = _auth(settings)
    pool = await Pool.open(settings.database)
    try:
        metrics.report_pool(pool)
        await _report_versions(pool)
        yield _wire(settings, targets, pool, auth, log)
    finally:
        auth.passwords.close()
        await pool.close()


def _wire(settings: Settings, targets: Targets, pool: Pool, auth: Auth, log: LogStream) -> Platform:
    limiter = RateLimiter(settings.limits)
    mailbox = Mailbox(settings.mail.mailbox_messages)
    mailer = Mailer(SmtpTransport(settings.mail) if settings.mail.host else mailbox)
    features = _features(settings, auth, limiter, mailer)
    registry = _registry(settings, features, mailer)
    relay = Relay(settings.database)
    # Not by the pool: behind a crowd of requests an ended session would live on.
    bus = TableBus(relay)
    worker = Worker(pool, relay, registry, settings.jobs)
    outbox = JobOutbox(registry, bus, relay)
    if "worker" in targets.roles:
        outbox.on_jobs(worker.wake)
    pool.attach(outbox)
    relay.listen(BUS_CHANNEL, bus.wake)
    relay.listen(JOBS_CHANNEL, worker.wake)
    verifier = TokenVerifier(auth.keys, settings.auth, features.sessions.find_role)
    hot = HotAnswers(settings.http.hot_answers, settings.http.hot_answer_seconds)
    _subscribe(bus, verifier, features.people_api, hot)
    health = _health(pool)
    controllers = _controllers(settings, targets, features, auth, mailbox)
    asgi = _asgi(settings, pool, controllers, limiter, verifier, hot, health, auth, log)
    scheduler = Scheduler(pool, registry)
    return Platform(settings, targets, pool, bus, relay, worker, scheduler, health, features, asgi)


def _auth(settings: Settings) -> Auth:
    signing_key = _required(settings.auth.signing_key, "auth.signing_key", "BANYAN_AUTH__SIGNING_KEY_FILE")
    secret = _required(settings.auth.secret, "auth.secret", "BANYAN_AUTH__SECRET_FILE")
    try:
        keys = SigningKeys.read(signing_key)
    except BadKeyFile as error:
        raise BadSettings(f"auth.signing_key: {error}") from None
    return Auth(keys, AccessTokens(keys, settings.auth), Passwords(settings.auth), secret)


def _required(value: SecretStr | None, name: str, variable: str) -> str:
    if value is None:
        raise BadSettings(f"{name} is not set: all processes share one; name its file in {variable}.")
    return value.get_secret_value()


def _features(settings: Settings, auth: Auth, limiter: RateLimiter, mailer: Mailer) -> Features:
    people_api = PeopleApi()
    people = People(AccountsApi())
    public_url = settings.http.public_url or "http://localhost:8000"
    person = _person_link(people, people_api)
    mails = AccountMails(public_url, settings.community.name, settings.accounts.verification_seconds)
    sessions = Sessions(auth.tokens, auth.secret, settings.accounts)
    verification = Verification(settings.accounts, mailer, mails, person)
    lockout = Lockout(auth.secret, settings.accounts)
    accounts = Accounts(settings.accounts, auth.passwords, sessions, verification, lockout, limiter, person)
    posts = Posts(people_api)
    return Features(
        accounts=accounts,
        sessions=sessions,
        verification=verification,
        first_admin=FirstAdmin(accounts, sessions, auth.passwords, public_url),
        people=people,
        people_api=people_api,
        posts=posts,
        comments=Comments(people_api, posts),
        reactions=Reactions(posts),
        homes=Homes(people_api, posts),
        communities=Communities(people_api, settings.community.name),
    )


def _person_link(people: People, people_api: PeopleApi) -> PersonLink:
    """What accounts may ask of people, the feature above them."""

    async def create(work: Work, person_id: UUID, handle: str, display_name: str) -> PersonNames:
        card = await people.create_person(work, person_id, handle, display_name, now())
        return PersonNames(card.handle, card.display_name)

    async def find_names(work: Work, person_id: UUID) -> PersonNames:
        card = (await people_api.cards(work, (person_id,)))[person_id]
        return PersonNames(card.handle, card.display_name)

    return PersonLink(check=people.check_person, create=create, find_names=find_names)


def _registry(settings: Settings, features: Features, mailer: Mailer) -> Registry:
    return Registry(
        subscribers=posts_subscribers.subscribers(features.homes),
        kinds=(
            *bus_declarations.JOB_KINDS,
            *housekeeping.JOB_KINDS,
            *mailer.job_kinds(),
            *accounts_jobs.job_kinds(features.verification, settings.accounts),
            *posts_subscribers.job_kinds(features.homes),
        ),
        schedules=(*bus_declarations.SCHEDULES, *housekeeping.SCHEDULES, *accounts_jobs.SCHEDULES),
    )


def _subscribe(bus: TableBus, verifier: TokenVerifier, people: PeopleApi, hot: HotAnswers) -> None:
    """Every cache and the announcements that outdate it."""
    bus.subscribe(SESSIONS_TOPIC, verifier.drop_sessions)
    bus.subscribe(ANSWERS_TOPIC, hot.drop)
    bus.on_reset(verifier.clear)
    bus.on_reset(hot.clear)
    people.listen(bus)


def _controllers(
    settings: Settings, targets: Targets, features: Features, auth: Auth, mailbox: Mailbox
) -> list[type[Controller]]:
    """The routes of the features that this process is for."""
    accounts, people = features.accounts, features.people
    by_feature: dict[str, list[type[Controller]]] = {
        "accounts": [
            bind(AccountRoutes, accounts=accounts),
            bind(AuthRoutes, accounts=accounts, sessions=features.sessions, verification=features.verification),
            bind(SetupRoutes, first_admin=features.first_admin),
            bind(JwksRoutes, keys=auth.keys),
        ],
        "people": [bind(routes, people=people) for routes in (MeRoutes, PeopleRoutes, ConnectionRoutes, BlockRoutes)],
        "posts": [
            bind(PostRoutes, posts=features.posts, comments=features.comments, reactions=features.reactions),
            bind(CommentRoutes, comments=features.comments),
            bind(FeedRoutes, homes=features.homes),
            bind(ProfileFeedRoutes, posts=features.posts),
            bind(CommunityRoutes, communities=features.communities),
        ],
    }
    mounted = [routes for feature in targets.features for routes in by_feature[feature]]
    key = settings.mail.mailbox_key
    if settings.mail.host is None and key is not None:
        mounted.append(bind(MailboxRoutes, mailbox=mailbox, key=key.get_secret_value()))
    return mounted


def _asgi(
    settings: Settings,
    pool: Pool,
    controllers: list[type[Controller]],
    limiter: RateLimiter,
    verifier: TokenVerifier,
    hot: HotAnswers,
    health: Health,
    auth: Auth,
    log: LogStream,
) -> Gateway:
    api = build_application(controllers)

    def openapi() -> dict[str, Any]:
        return build_openapi(api, title=settings.community.name, version=__version__, description=_DESCRIPTION)

    def methods(path: str) -> list[str]:
        return ["GET", "HEAD", "OPTIONS"] if site.is_open(path) else allowed_methods(api, path)

    site = Site(cast(App, api), load_pages(), openapi, health, settings.http.metrics_token)
    return Gateway(
        site,
        Parts(
            settings=settings.http,
            new_work=pool.work,
            verify_token=verifier.verify,
            find_principal=verifier.find,
            limiter=limiter,
            access_log=AccessLog(log) if settings.http.access_log else None,
            idempotency=Idempotency(KeyedDigest(auth.secret, "http.idempotency").key, settings.http.idempotency_hours),
            hot=hot,
            open_paths=site.is_open,
            allowed_methods=methods,
            flags=route_flags(api),
        ),
    )


def _health(pool: Pool) -> Health:
    async def check_database() -> str | None:
        return None if await pool.work().value("SELECT 1") == 1 else "wrong answer"

    async def check_migrations() -> str | None:
        async with pool.connection() as connection:
            applied = await newest_applied(connection)
        # A newer database is fine: migrations are safe while the version before them serves.
        return None if applied >= wanted else f"at {applied}, this version needs {wanted}: run `banyan migrate`"

    wanted = max(migration.number for migration in load(BANYAN))
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
