"""The routes of every feature, bound to their rules."""

from banyan.app.admin.audit import AuditRoutes
from banyan.app.admin.installation import InstallationRoutes
from banyan.app.admin.jobs import AdminJobRoutes
from banyan.app.admin.people import AdminPeopleRoutes
from banyan.app.admin.plugins import PluginRoutes
from banyan.app.features import Features
from banyan.app.mailbox import MailboxRoutes
from banyan.app.plugins import describe_plugins, plugin_controllers
from banyan.app.realtime import RealtimeRoutes, SocketRoutes
from banyan.app.settings import Settings
from banyan.app.signing import Auth
from banyan.app.targets import Targets
from banyan.features.accounts.routes.accounts import AccountRoutes, AuthRoutes, InviteRoutes, JwksRoutes, SetupRoutes
from banyan.features.accounts.routes.api_keys import ApiKeyRoutes
from banyan.features.accounts.routes.email_changes import EmailRoutes
from banyan.features.accounts.routes.passwords import PasswordRoutes
from banyan.features.accounts.routes.personal_data import DeletionRoutes, ExportRoutes
from banyan.features.accounts.routes.second_factor import TotpRoutes
from banyan.features.messaging.routes import ConversationRoutes, MessageRoutes
from banyan.features.notifications.routes import NotificationRoutes, PushRoutes
from banyan.features.people.routes import (
    BlockRoutes,
    ConnectionRoutes,
    ListRoutes,
    MeRoutes,
    MuteRoutes,
    PeopleRoutes,
    PresenceRoutes,
    SuggestionRoutes,
)
from banyan.features.posts.routes import (
    CommentRoutes,
    CommunityRoutes,
    FeedRoutes,
    PostRoutes,
    ProfileFeedRoutes,
    SavedRoutes,
    TagRoutes,
)
from banyan.features.sync.routes import SyncRoutes
from banyan.features.webhooks.routes import WebhookRoutes, WebhookSignalRoutes
from banyan.infra.health import Health
from banyan.infra.http.application import bind, key_features
from banyan.infra.http.routing import Controller
from banyan.infra.mail.mailbox import Mailbox


def build_controllers(
    settings: Settings, targets: Targets, features: Features, auth: Auth, mailbox: Mailbox, health: Health
) -> list[type[Controller]]:
    """The routes of the features that this process is for."""
    accounts, people = features.accounts, features.people
    by_feature: dict[str, list[type[Controller]]] = {
        "accounts": [
            bind(AccountRoutes, accounts=accounts),
            bind(AuthRoutes, accounts=accounts, sessions=features.sessions, verification=features.verification),
            bind(InviteRoutes, invites=features.invites),
            bind(ExportRoutes, exports=features.exports),
            bind(DeletionRoutes, deletions=features.deletions),
            bind(PasswordRoutes, passwords=features.passwords),
            bind(EmailRoutes, email_changes=features.email_changes),
            bind(TotpRoutes, second_factor=features.second_factor),
            bind(ApiKeyRoutes, api_keys=features.api_keys),
            bind(SetupRoutes, first_admin=features.first_admin),
            bind(JwksRoutes, keys=auth.keys),
            bind(RealtimeRoutes, settings=settings.realtime, public_url=settings.http.base_url),
            bind(SocketRoutes),
        ],
        "people": [
            bind(MeRoutes, people=people, leaving=features.deletions),
            bind(PeopleRoutes, people=people),
            *(bind(routes, ties=features.ties) for routes in (ConnectionRoutes, BlockRoutes)),
            bind(ListRoutes, lists=features.lists),
            bind(MuteRoutes, mutes=features.mutes),
            bind(PresenceRoutes, presence=features.presence),
            bind(SuggestionRoutes, suggestions=features.suggestions),
        ],
        "posts": [
            bind(
                PostRoutes,
                posts=features.posts,
                comments=features.comments,
                reactions=features.reactions,
                saves=features.saves,
            ),
            bind(CommentRoutes, comments=features.comments),
            bind(FeedRoutes, homes=features.homes),
            bind(SavedRoutes, saves=features.saves),
            bind(TagRoutes, tagged=features.tags),
            bind(ProfileFeedRoutes, posts=features.posts),
            bind(CommunityRoutes, communities=features.communities),
        ],
        "messaging": [
            bind(
                ConversationRoutes,
                conversations=features.messaging.conversations,
                members=features.messaging.members,
                messages=features.messaging.messages,
            ),
            bind(MessageRoutes, messages=features.messaging.messages, reactions=features.messaging.reactions),
        ],
        "notifications": [
            bind(
                NotificationRoutes,
                inbox=features.notifications.inbox,
                book=features.notifications.book,
                mailing=features.notifications.mailing,
            ),
            bind(PushRoutes, devices=features.notifications.devices),
        ],
        "sync": [bind(SyncRoutes, sync=features.sync)],
        "admin": [
            bind(AdminPeopleRoutes, administration=features.administration),
            bind(AdminJobRoutes),
            bind(AuditRoutes),
            bind(
                InstallationRoutes,
                settings=settings,
                health=health,
                administration=features.administration,
                communities=features.communities,
            ),
            bind(PluginRoutes, plugins=describe_plugins(features.plugins)),
        ],
        "webhooks": [
            bind(routes, webhooks=features.webhooks.webhooks) for routes in (WebhookRoutes, WebhookSignalRoutes)
        ],
    }
    by_feature["plugins"] = plugin_controllers(
        features.plugins, [routes for feature in by_feature.values() for routes in feature]
    )
    features.api_keys.offer(key_features([routes for feature in by_feature.values() for routes in feature]))
    mounted = [routes for feature in targets.features for routes in by_feature[feature]]
    if "realtime" in targets.roles and "accounts" not in targets.features:
        # Whoever comes here without a handshake is told so, not that there is nothing.
        mounted.append(bind(SocketRoutes))
    key = settings.mail.mailbox_key
    if settings.mail.host is None and key is not None:
        mounted.append(bind(MailboxRoutes, mailbox=mailbox, key=key.get_secret_value()))
    return mounted
