"""Every feature's rules, joined to each other and to the parts below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from banyan.app.mails import Mails
from banyan.app.messaging import MessagingParts, build_messaging
from banyan.app.notifications import MailParts, NotificationParts, build_notifications, build_push
from banyan.app.plugins import Loaded, Plugged, plug_in, read_section, signals_of
from banyan.app.settings import Settings
from banyan.app.signing import Auth
from banyan.app.webhooks import WebhookParts, build_webhooks
from banyan.features.accounts.api import AccountsApi
from banyan.features.accounts.models import PersonNames
from banyan.features.accounts.person import PeopleDirectory, PersonLink
from banyan.features.accounts.personal_data import personal_data as accounts_personal_data
from banyan.features.accounts.service.accounts import Accounts
from banyan.features.accounts.service.administration import Administration
from banyan.features.accounts.service.api_keys import ApiKeys
from banyan.features.accounts.service.deletions import AccountEraser, Deletions, Erasures
from banyan.features.accounts.service.email_changes import EmailChanges
from banyan.features.accounts.service.exports import Exports
from banyan.features.accounts.service.first_admin import FirstAdmin
from banyan.features.accounts.service.invites import Invites
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.owner import OwnerCheck
from banyan.features.accounts.service.passwords import PasswordChanges
from banyan.features.accounts.service.second_factor import SecondFactor
from banyan.features.accounts.service.sessions import Sessions
from banyan.features.accounts.service.verification import Verification
from banyan.features.messaging.personal_data import PERSONAL_DATA as MESSAGING_PERSONAL_DATA
from banyan.features.messaging.synced import synced_kinds as messaging_kinds
from banyan.features.notifications.mails import Unsubscribing
from banyan.features.notifications.personal_data import personal_data as notifications_personal_data
from banyan.features.notifications.synced import synced_kinds as notifications_kinds
from banyan.features.people.api import PeopleApi
from banyan.features.people.errors import PersonNotFound
from banyan.features.people.personal_data import personal_data as people_personal_data
from banyan.features.people.service.handles import Handles
from banyan.features.people.service.imports import PeopleImports
from banyan.features.people.service.lists import Lists
from banyan.features.people.service.mutes import Mutes
from banyan.features.people.service.people import People
from banyan.features.people.service.presence import PeoplePresence
from banyan.features.people.service.suggestions import Suggestions
from banyan.features.people.service.synced import SyncedPeople
from banyan.features.people.service.ties import Ties
from banyan.features.people.synced import synced_kinds as people_kinds
from banyan.features.posts.api import PostsApi
from banyan.features.posts.personal_data import PERSONAL_DATA as POSTS_PERSONAL_DATA
from banyan.features.posts.service.comments import Comments
from banyan.features.posts.service.community import Communities
from banyan.features.posts.service.homes import Homes, HomeSizes
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.service.reactions import Reactions
from banyan.features.posts.service.saves import Saves
from banyan.features.posts.service.synced import SyncedPosts
from banyan.features.posts.service.tags import Tags
from banyan.features.posts.synced import synced_kinds as posts_kinds
from banyan.features.sync.service import Sync
from banyan.infra.attributes.declared import Declared
from banyan.infra.database.work import Work
from banyan.infra.http.idempotency import forget_owner, forget_subject
from banyan.infra.mail.mailer import Mailer
from banyan.infra.ratelimit import RateLimiter
from banyan.infra.streams.queries import delete_stream
from banyan.infra.streams.streams import Streams
from banyan.kernel.clock import now
from banyan.plugin.declarations import Context, Plugin


@dataclass(frozen=True, slots=True)
class Features:
    """The features' rules, for those who call them without HTTP: the demo, the command line, tests."""

    accounts: Accounts
    sessions: Sessions
    verification: Verification
    invites: Invites
    exports: Exports
    deletions: Deletions
    erasures: Erasures
    first_admin: FirstAdmin
    passwords: PasswordChanges
    administration: Administration
    second_factor: SecondFactor
    email_changes: EmailChanges
    api_keys: ApiKeys
    people: People
    people_imports: PeopleImports
    ties: Ties
    presence: PeoplePresence
    handles: Handles
    lists: Lists
    mutes: Mutes
    suggestions: Suggestions
    people_api: PeopleApi
    posts: Posts
    comments: Comments
    reactions: Reactions
    saves: Saves
    tags: Tags
    homes: Homes
    communities: Communities
    messaging: MessagingParts
    streams: Streams
    sync: Sync
    webhooks: WebhookParts
    notifications: NotificationParts
    plugins: Sequence[Plugged]


def build_features(
    settings: Settings, auth: Auth, limiter: RateLimiter, mailer: Mailer, plugins: Sequence[Loaded] = ()
) -> Features:
    """Raises BadSettings for mail texts, or a plug-in, that cannot be used."""
    people_api = PeopleApi(settings.people)
    handles = Handles(settings.people)
    presence = PeoplePresence(people_api)
    people = People(AccountsApi(), handles, Declared(settings.attributes.people), presence)
    public_url = settings.http.base_url
    person = _person_link(people, people_api)
    unsubscribing = Unsubscribing(auth.secret)
    mails = Mails.read(settings, unsubscribing)
    sessions = Sessions(auth.tokens, auth.secret, settings.accounts, forget_subject)
    invites = Invites(settings.accounts, mailer, mails.accounts, person, public_url)
    verification = Verification(settings.accounts, mailer, mails.accounts, person, invites)
    lockout = Lockout(auth.secret, settings.accounts, limiter)
    owners = OwnerCheck(auth.passwords, lockout)
    deletions = Deletions(settings.accounts, owners, mailer, mails.accounts, person)
    second_factor = SecondFactor(
        auth.secret, owners, sessions, lockout, mailer, mails.accounts, settings.community.name
    )
    accounts = Accounts(
        settings.accounts, auth.passwords, sessions, verification, invites, lockout, second_factor, person, deletions
    )
    passwords = PasswordChanges(
        settings.accounts, auth.passwords, owners, sessions, lockout, mailer, mails.accounts, person
    )
    posts = Posts(people_api, Declared(settings.attributes.posts))
    sizes = HomeSizes(pulled_above_connections=settings.posts.pulled_above_connections)
    homes = Homes(people_api, posts, sizes)
    messaging = build_messaging(people_api)
    plugged = plug_in(plugins, lambda plugin: _context(settings, plugin, public_url, people_api, posts))
    notifications = build_notifications(
        settings.notifications,
        people_api,
        messaging,
        MailParts(mailer, mails.notifications, unsubscribing),
        build_push(settings.push, settings.community.name, settings.mail.from_address),
        [kind for plugin in plugged for kind in plugin.parts.notification_kinds],
        [end for plugin in plugged for end in plugin.parts.notice_ends],
    )
    streams = Streams(
        (
            *people_kinds(SyncedPeople(people_api)),
            *posts_kinds(SyncedPosts(people_api, posts, homes)),
            *messaging_kinds(messaging.synced),
            *notifications_kinds(notifications.synced),
        )
    )
    ties, lists, mutes = Ties(), Lists(), Mutes()
    api_keys = ApiKeys(mailer, mails.accounts)
    eraser = AccountEraser(lockout, mailer, mails.accounts, _forget)
    parts = (
        accounts_personal_data(sessions, invites, api_keys, eraser),
        people_personal_data(people, ties, lists, mutes, presence),
        POSTS_PERSONAL_DATA,
        MESSAGING_PERSONAL_DATA,
        notifications_personal_data(notifications.own),
        *(one.parts.personal_data for one in plugged if one.parts.personal_data is not None),
    )
    return Features(
        accounts=accounts,
        sessions=sessions,
        verification=verification,
        invites=invites,
        exports=Exports(parts, mailer, mails.accounts, settings.community.name, public_url),
        deletions=deletions,
        erasures=Erasures(parts),
        first_admin=FirstAdmin(accounts, sessions, lockout, auth.passwords, public_url),
        passwords=passwords,
        administration=Administration(_directory(people_api), lockout, passwords, second_factor, deletions),
        second_factor=second_factor,
        email_changes=EmailChanges(settings.accounts, owners, lockout, mailer, mails.accounts),
        api_keys=api_keys,
        people=people,
        people_imports=PeopleImports(handles),
        ties=ties,
        presence=presence,
        handles=handles,
        lists=lists,
        mutes=mutes,
        suggestions=Suggestions(),
        people_api=people_api,
        posts=posts,
        comments=Comments(people_api, posts),
        reactions=Reactions(posts),
        saves=Saves(people_api, posts),
        tags=Tags(people_api, posts),
        homes=homes,
        communities=_communities(settings, people_api),
        messaging=messaging,
        streams=streams,
        sync=Sync(streams),
        webhooks=build_webhooks(settings.webhooks, auth, signals_of(plugins)),
        notifications=notifications,
        plugins=plugged,
    )


def _person_link(people: People, people_api: PeopleApi) -> PersonLink:
    """What accounts may ask of people, the feature above them."""

    async def create(work: Work, person_id: UUID, handle: str, display_name: str) -> PersonNames:
        card = await people.create_person(work, person_id, handle, display_name, now())
        return PersonNames(card.handle, card.display_name)

    async def find_names(work: Work, person_id: UUID) -> PersonNames:
        card = await people_api.own_card(work, person_id)
        if card is None:
            raise PersonNotFound
        return PersonNames(card.handle, card.display_name)

    return PersonLink(
        check=people.check_person,
        create=create,
        find_names=find_names,
        hide=people.hide_person,
        show=people.show_person,
    )


async def _forget(work: Work, account_id: UUID) -> None:
    """What the house keeps under an account's id, beside the features."""
    await forget_owner(work, account_id)
    await delete_stream(work, account_id)


def _directory(people_api: PeopleApi) -> PeopleDirectory:
    """How operators' accounts find their people."""
    return PeopleDirectory(people_api.list_names, people_api.search_ids, people_api.find_by_handle)


def _communities(settings: Settings, people: PeopleApi) -> Communities:
    declared = {kind: Declared(attributes) for kind, attributes in settings.attributes.by_kind().items()}
    community = settings.community
    return Communities(people, community.name, community.tagline, settings.accounts.sign_up, declared)


def _context(settings: Settings, plugin: Plugin, public_url: str, people: PeopleApi, posts: Posts) -> Context:
    """What a plug-in is built from."""
    return Context(
        settings=read_section(settings.plugins, plugin),
        community_name=settings.community.name,
        public_url=public_url,
        accounts=AccountsApi(),
        people=people,
        posts=PostsApi(posts),
    )
