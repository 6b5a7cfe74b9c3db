"""What the features and the house itself declare, collected: jobs, signals, schedules, caches."""

from banyan.app.features import Features
from banyan.app.settings import Settings
from banyan.features.accounts import jobs as accounts_jobs
from banyan.features.messaging import subscribers as messaging_subscribers
from banyan.features.notifications import subscribers as notifications_subscribers
from banyan.features.people import jobs as people_jobs
from banyan.features.posts import subscribers as posts_subscribers
from banyan.features.webhooks import subscribers as webhooks_subscribers
from banyan.infra.auth.api_keys import API_KEYS_TOPIC
from banyan.infra.auth.bearers import Bearers
from banyan.infra.auth.tokens import SESSIONS_TOPIC
from banyan.infra.bus import TableBus
from banyan.infra.bus import jobs as bus_jobs
from banyan.infra.declare import ANSWERS_TOPIC
from banyan.infra.http import jobs as http_jobs
from banyan.infra.http.answers import HotAnswers
from banyan.infra.jobs.registry import Registry
from banyan.infra.mail.mailer import Mailer
from banyan.infra.presence import jobs as presence_jobs
from banyan.infra.realtime import tickets
from banyan.infra.streams import jobs as streams_jobs


def build_registry(settings: Settings, features: Features, mailer: Mailer) -> Registry:
    """Raises BadDeclaration where they do not fit together."""
    webhooks, notifications = features.webhooks, features.notifications
    plugged = [plugin.parts for plugin in features.plugins]
    return Registry(
        subscribers=(
            *posts_subscribers.subscribers(features.homes),
            *notifications_subscribers.subscribers(notifications.kinds, notifications.ends, notifications.telling),
            *webhooks_subscribers.subscribers(webhooks.catalogue, webhooks.recording),
            *(subscriber for parts in plugged for subscriber in parts.subscribers),
        ),
        kinds=(
            *bus_jobs.JOB_KINDS,
            *http_jobs.JOB_KINDS,
            *streams_jobs.JOB_KINDS,
            *tickets.JOB_KINDS,
            *presence_jobs.JOB_KINDS,
            *mailer.job_kinds(),
            *accounts_jobs.job_kinds(
                features.verification,
                features.passwords,
                features.email_changes,
                features.exports,
                features.erasures,
                settings.accounts,
            ),
            *people_jobs.job_kinds(features.handles),
            *posts_subscribers.job_kinds(features.homes),
            *messaging_subscribers.JOB_KINDS,
            *notifications_subscribers.job_kinds(notifications.telling, notifications.mailing, notifications.pushing),
            *webhooks_subscribers.job_kinds(webhooks.sending),
            *(kind for parts in plugged for kind in parts.job_kinds),
        ),
        schedules=(
            *bus_jobs.SCHEDULES,
            *http_jobs.SCHEDULES,
            *accounts_jobs.SCHEDULES,
            *people_jobs.SCHEDULES,
            *streams_jobs.SCHEDULES,
            *tickets.SCHEDULES,
            *presence_jobs.SCHEDULES,
            *notifications_subscribers.SCHEDULES,
            *webhooks_subscribers.SCHEDULES,
            *(schedule for parts in plugged for schedule in parts.schedules),
        ),
    )


def subscribe_caches(bus: TableBus, bearers: Bearers, features: Features, hot: HotAnswers) -> None:
    """Every cache and the announcements that outdate it."""
    bus.subscribe(SESSIONS_TOPIC, bearers.tokens.drop_sessions)
    bus.subscribe(API_KEYS_TOPIC, bearers.keys.drop_accounts)
    bus.subscribe(ANSWERS_TOPIC, hot.drop)
    bus.on_reset(bearers.tokens.clear)
    bus.on_reset(bearers.keys.clear)
    bus.on_reset(hot.clear)
    features.people_api.listen(bus)
    features.homes.listen(bus)
    features.webhooks.recording.listen(bus)
    for plugin in features.plugins:
        if plugin.parts.listen is not None:
            plugin.parts.listen(bus)
