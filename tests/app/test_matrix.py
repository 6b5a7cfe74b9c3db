"""The matrix: every route called by everybody, with what each must get.

A route without a row fails, and so does a row without a route. What may not be seen answers 404, whoever asks.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
import schemathesis
from schemathesis.schemas import BaseSchema

from banyan.app.http import Site
from banyan.app.wiring import Platform
from banyan.infra.http.dispatch import Dispatcher
from banyan.infra.http.gateway import Gateway
from tests.app import cast as the
from tests.app.cast import Cast, Subject, gather_cast
from tests.support.platform import PASSWORD, Api

CALLERS = ("anonymous", "other", "blocked", "owner", "admin")


@dataclass(frozen=True)
class Row:
    """One route, called on a fresh subject by each of CALLERS, and the status that each gets."""

    method: str
    path: str
    subject: Subject
    expected: tuple[int, int, int, int, int]


NEW_PASSWORD = {"token": "unknown", "password": "another long password"}
PASSWORDS = {"current_password": PASSWORD, "new_password": "another long password"}
OWN_PASSWORD = {"password": PASSWORD}
NEW_EMAIL = {"email": "moved@example.org", "password": PASSWORD}
OTP = {"otp": "123456"}
NEW_KEY = {"name": "Robot", "scopes": ["posts:write"]}
ADMIN_KEY = {"name": "Robot", "scopes": ["admin"]}
TEXT = {"body": "Changed"}
TOKEN = {"token": "unknown"}
EMAIL = {"email": "nobody@example.org"}
NAME = {"display_name": "Changed"}
LIST = {"name": "Changed"}
ROLE = {"role": "moderator"}
REASON = {"reason": "Spam"}
NEW_WEBHOOK = {"url": "https://hooks.example.com/banyan", "signals": ["posts.PostPublished"]}
INACTIVE = {"active": False}
NEW_MESSAGE = {"body": "Hello", "client_id": "1"}
TITLE = {"title": "Changed"}
QUIET = {"quiet_hours": {"from": "22:00", "to": "07:00"}, "time_zone": "Africa/Lagos"}
NEW_POST = {"body": "Hello", "audience": "public"}

# fmt: off
ROWS = [
    #                                                                                  anon other block owner admin
    Row("POST",   "/v1/accounts",                         the.new_account,            (201, 201, 201, 201, 201)),
    Row("POST",   "/v1/auth/token",                       the.owners_password,        (200, 200, 200, 200, 200)),
    Row("POST",   "/v1/auth/refresh",                     the.owners_refresh_token,   (200, 200, 200, 200, 200)),
    Row("POST",   "/v1/auth/verify-email",                the.body(TOKEN),            (422, 422, 422, 422, 422)),
    Row("POST",   "/v1/auth/verify-email/resend",         the.body(EMAIL),            (202, 202, 202, 202, 202)),
    Row("POST",   "/v1/auth/verify-email/resend",         the.body({}),               (422, 202, 202, 202, 202)),
    Row("POST",   "/v1/auth/password-reset",              the.body(EMAIL),            (202, 202, 202, 202, 202)),
    Row("POST",   "/v1/auth/password-reset/confirm",      the.body(NEW_PASSWORD),     (422, 422, 422, 422, 422)),
    Row("PUT",    "/v1/auth/password",                    the.body(PASSWORDS),        (401, 204, 204, 204, 204)),
    Row("POST",   "/v1/auth/email",                       the.body(NEW_EMAIL),        (401, 202, 202, 202, 202)),
    Row("POST",   "/v1/auth/email/confirm",               the.body(TOKEN),            (422, 422, 422, 422, 422)),
    Row("GET",    "/v1/auth/totp",                        the.nothing,                (401, 200, 200, 200, 200)),
    Row("POST",   "/v1/auth/totp",                        the.body(OWN_PASSWORD),     (401, 200, 200, 200, 200)),
    Row("POST",   "/v1/auth/totp/confirm",                the.body(OTP),              (401, 409, 409, 409, 409)),
    Row("POST",   "/v1/auth/totp/recovery-codes",         the.body(OWN_PASSWORD),     (401, 409, 409, 409, 409)),
    Row("DELETE", "/v1/auth/totp",                        the.body(OWN_PASSWORD | OTP), (401, 409, 409, 409, 409)),
    Row("GET",    "/v1/api-keys",                         the.nothing,                (401, 200, 200, 200, 200)),
    Row("POST",   "/v1/api-keys",                         the.body(NEW_KEY),          (401, 201, 201, 201, 201)),
    Row("POST",   "/v1/api-keys",                         the.body(ADMIN_KEY),        (401, 403, 403, 403, 201)),
    Row("DELETE", "/v1/api-keys/{key_id}",                the.owners_key,             (401, 404, 404, 204, 404)),
    Row("POST",   "/v1/auth/sign-out",                    the.nothing,                (401, 204, 204, 204, 204)),
    Row("GET",    "/v1/auth/sessions",                    the.nothing,                (401, 200, 200, 200, 200)),
    Row("DELETE", "/v1/auth/sessions",                    the.nothing,                (401, 204, 204, 204, 204)),
    Row("DELETE", "/v1/auth/sessions/{session_id}",       the.owners_session,         (401, 404, 404, 204, 404)),
    Row("POST",   "/v1/invites",                          the.body({}),               (401, 201, 201, 201, 201)),
    Row("GET",    "/v1/invites",                          the.nothing,                (401, 200, 200, 200, 200)),
    Row("DELETE", "/v1/invites/{invite_id}",              the.owners_invite,          (401, 404, 404, 204, 404)),
    Row("POST",   "/v1/me/exports",                       the.nothing,                (401, 202, 202, 202, 202)),
    Row("GET",    "/v1/me/exports",                       the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/me/exports/{export_id}",           the.owners_export,          (401, 404, 404, 200, 404)),
    Row("GET",    "/v1/me/exports/{export_id}/file",      the.owners_export,          (401, 404, 404, 200, 404)),
    Row("POST",   "/v1/me/deletion",                      the.own_password,           (401, 202, 202, 202, 202)),
    Row("DELETE", "/v1/me",                               the.own_password,           (401, 202, 202, 202, 202)),
    Row("POST",   "/v1/setup/first-admin",                the.first_admin,            (410, 410, 410, 410, 410)),
    Row("GET",    "/.well-known/jwks.json",               the.nothing,                (200, 200, 200, 200, 200)),

    Row("GET",    "/v1/realtime",                         the.nothing,                (200, 200, 200, 200, 200)),
    Row("GET",    "/v1/socket",                           the.nothing,                (426, 426, 426, 426, 426)),

    Row("GET",    "/v1/me",                               the.nothing,                (401, 200, 200, 200, 200)),
    Row("PATCH",  "/v1/me",                               the.body(NAME),             (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/people/{handle}",                  the.owner,                  (200, 200, 404, 200, 200)),
    Row("GET",    "/v1/people/{handle}/posts",            the.owner,                  (200, 200, 404, 200, 200)),
    Row("GET",    "/v1/presence",                         the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/connections",                      the.nothing,                (401, 200, 200, 200, 200)),
    Row("POST",   "/v1/connections",                      the.ask_owner,              (401, 201, 404, 422, 201)),
    Row("DELETE", "/v1/connections/{connection_id}",      the.connection,             (401, 404, 404, 204, 404)),
    Row("DELETE", "/v1/connections/{connection_id}",      the.request_by_owner,       (401, 404, 404, 204, 404)),
    Row("POST",   "/v1/connections/{connection_id}/accept",  the.request_to_owner,    (401, 404, 404, 200, 404)),
    Row("POST",   "/v1/connections/{connection_id}/accept",  the.request_by_owner,    (401, 404, 404, 403, 404)),
    Row("POST",   "/v1/connections/{connection_id}/decline", the.request_to_owner,    (401, 404, 404, 204, 404)),
    Row("POST",   "/v1/connections/{connection_id}/decline", the.request_by_owner,    (401, 404, 404, 403, 404)),
    Row("POST",   "/v1/connections/{connection_id}/decline", the.connection,          (401, 404, 404, 409, 404)),
    Row("POST",   "/v1/lists",                            the.body(LIST),             (401, 201, 201, 201, 201)),
    Row("GET",    "/v1/lists",                            the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/lists/{list_id}",                  the.connection_list(),      (401, 404, 404, 200, 404)),
    Row("PATCH",  "/v1/lists/{list_id}",                  the.connection_list(LIST),  (401, 404, 404, 200, 404)),
    Row("DELETE", "/v1/lists/{list_id}",                  the.connection_list(),      (401, 404, 404, 204, 404)),
    Row("GET",    "/v1/lists/{list_id}/members",          the.connection_list(),      (401, 404, 404, 200, 404)),
    Row("PUT",    "/v1/lists/{list_id}/members/{person_id}", the.connection_list(),   (401, 404, 404, 204, 404)),
    Row("PUT",    "/v1/lists/{list_id}/members/{person_id}", the.list_and_stranger,   (401, 404, 404, 422, 404)),
    Row("DELETE", "/v1/lists/{list_id}/members/{person_id}", the.connection_list(),   (401, 404, 404, 204, 404)),
    Row("GET",    "/v1/mutes",                            the.nothing,                (401, 200, 200, 200, 200)),
    Row("PUT",    "/v1/mutes/{person_id}",                the.owner,                  (401, 204, 404, 422, 204)),
    Row("DELETE", "/v1/mutes/{person_id}",                the.owner,                  (401, 204, 204, 204, 204)),
    Row("GET",    "/v1/suggestions",                      the.nothing,                (401, 200, 200, 200, 200)),
    Row("DELETE", "/v1/suggestions/{person_id}",          the.owner,                  (401, 204, 404, 422, 204)),
    Row("GET",    "/v1/blocks",                           the.nothing,                (401, 200, 200, 200, 200)),
    Row("PUT",    "/v1/blocks/{person_id}",               the.owner,                  (401, 204, 204, 422, 204)),
    Row("DELETE", "/v1/blocks/{person_id}",               the.owner,                  (401, 204, 204, 204, 204)),

    Row("POST",   "/v1/posts",                            the.body(NEW_POST),         (401, 201, 201, 201, 201)),
    Row("GET",    "/v1/posts",                            the.nothing,                (200, 200, 200, 200, 200)),
    Row("GET",    "/v1/feed",                             the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/sync",                             the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/notifications",                    the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/notifications/unread-count",       the.nothing,                (401, 200, 200, 200, 200)),
    Row("PUT",    "/v1/notifications/{notification_id}/read", the.owners_notification, (401, 404, 404, 204, 404)),
    Row("POST",   "/v1/notifications/read-all",           the.body({}),               (401, 200, 200, 200, 200)),
    Row("POST",   "/v1/notifications/unsubscribe",        the.nothing,                (422, 422, 422, 422, 422)),
    Row("GET",    "/v1/notifications/kinds",              the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/notifications/preferences",        the.nothing,                (401, 200, 200, 200, 200)),
    Row("PUT",    "/v1/notifications/preferences",        the.body(QUIET),            (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/push/key",                         the.nothing,                (200, 200, 200, 200, 200)),
    Row("GET",    "/v1/push/subscriptions",               the.nothing,                (401, 200, 200, 200, 200)),
    Row("POST",   "/v1/push/subscriptions",               the.a_subscription,         (401, 201, 201, 201, 201)),
    Row("DELETE", "/v1/push/subscriptions",               the.owners_endpoint,        (401, 404, 404, 204, 404)),
    Row("DELETE", "/v1/push/subscriptions/{subscription_id}", the.owners_subscription, (401, 404, 404, 204, 404)),
    Row("GET",    "/v1/push/devices",                     the.nothing,                (401, 200, 200, 200, 200)),
    Row("POST",   "/v1/push/devices",                     the.a_device,               (401, 201, 201, 201, 201)),
    Row("DELETE", "/v1/push/devices/{device_id}",         the.owners_device,          (401, 404, 404, 204, 404)),
    Row("GET",    "/v1/community",                        the.nothing,                (200, 200, 200, 200, 200)),
    Row("GET",    "/v1/posts/{post_id}",                  the.post("public"),         (200, 200, 404, 200, 200)),
    Row("GET",    "/v1/posts/{post_id}",                  the.post("connections"),    (404, 404, 404, 200, 404)),
    Row("GET",    "/v1/posts/{post_id}",                  the.post("self"),           (404, 404, 404, 200, 404)),
    Row("PATCH",  "/v1/posts/{post_id}",                  the.post("public", TEXT),   (401, 403, 404, 200, 403)),
    Row("PATCH",  "/v1/posts/{post_id}",                  the.post("self", TEXT),     (401, 404, 404, 200, 404)),
    Row("DELETE", "/v1/posts/{post_id}",                  the.post("public"),         (401, 403, 404, 204, 403)),
    Row("DELETE", "/v1/posts/{post_id}",                  the.post("self"),           (401, 404, 404, 204, 404)),
    Row("GET",    "/v1/posts/{post_id}/revisions",        the.post("public"),         (200, 200, 404, 200, 200)),
    Row("GET",    "/v1/posts/{post_id}/revisions",        the.post("connections"),    (404, 404, 404, 200, 404)),
    Row("PUT",    "/v1/posts/{post_id}/save",             the.post("public"),         (401, 204, 404, 204, 204)),
    Row("PUT",    "/v1/posts/{post_id}/save",             the.post("self"),           (401, 404, 404, 204, 404)),
    Row("DELETE", "/v1/posts/{post_id}/save",             the.post("public"),         (401, 204, 404, 204, 204)),
    Row("DELETE", "/v1/posts/{post_id}/save",             the.post("self"),           (401, 404, 404, 204, 404)),
    Row("GET",    "/v1/saved",                            the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/tags",                             the.nothing,                (200, 200, 200, 200, 200)),
    Row("GET",    "/v1/tags/{tag}/posts",                 the.tag,                    (200, 200, 200, 200, 200)),
    Row("POST",   "/v1/posts",                            the.post_for_list,          (401, 422, 422, 201, 422)),
    Row("GET",    "/v1/posts/{post_id}/comments",         the.post("public"),         (200, 200, 404, 200, 200)),
    Row("GET",    "/v1/posts/{post_id}/comments",         the.post("self"),           (404, 404, 404, 200, 404)),
    Row("POST",   "/v1/posts/{post_id}/comments",         the.post("public", TEXT),   (401, 201, 404, 201, 201)),
    Row("POST",   "/v1/posts/{post_id}/comments",         the.post("self", TEXT),     (401, 404, 404, 201, 404)),
    Row("POST",   "/v1/posts/{post_id}/comments",         the.answer("public"),       (401, 201, 404, 201, 201)),
    Row("POST",   "/v1/posts/{post_id}/comments",         the.answer("connections"),  (401, 404, 404, 201, 404)),
    Row("GET",    "/v1/comments/{comment_id}",            the.comment("public"),      (200, 200, 404, 200, 200)),
    Row("GET",    "/v1/comments/{comment_id}",            the.comment("connections"), (404, 404, 404, 200, 404)),
    Row("GET",    "/v1/comments/{comment_id}/replies",    the.comment("public"),      (200, 200, 404, 200, 200)),
    Row("GET",    "/v1/comments/{comment_id}/replies",    the.comment("connections"), (404, 404, 404, 200, 404)),
    Row("PATCH",  "/v1/comments/{comment_id}",            the.comment("public", TEXT),      (401, 403, 404, 200, 403)),
    Row("PATCH",  "/v1/comments/{comment_id}",            the.comment("connections", TEXT), (401, 404, 404, 200, 404)),
    Row("DELETE", "/v1/comments/{comment_id}",            the.comment("public"),      (401, 403, 404, 204, 204)),
    Row("DELETE", "/v1/comments/{comment_id}",            the.comment("connections"), (401, 404, 404, 204, 404)),
    Row("PUT",    "/v1/posts/{post_id}/reactions/{kind}", the.post("public", kind="love"), (401, 200, 404, 200, 200)),
    Row("PUT",    "/v1/posts/{post_id}/reactions/{kind}", the.post("self", kind="love"),   (401, 404, 404, 200, 404)),
    Row("DELETE", "/v1/posts/{post_id}/reactions/{kind}", the.post("public", kind="love"), (401, 204, 404, 204, 204)),
    Row("DELETE", "/v1/posts/{post_id}/reactions/{kind}", the.post("self", kind="love"),   (401, 404, 404, 204, 404)),

    Row("POST",   "/v1/conversations",                    the.talk_to_owner,          (401, 201, 404, 422, 201)),
    Row("GET",    "/v1/conversations",                    the.nothing,                (401, 200, 200, 200, 200)),
    Row("GET",    "/v1/conversations/{conversation_id}",  the.conversation("direct"), (401, 404, 404, 200, 404)),
    Row("GET",    "/v1/conversations/{conversation_id}",  the.blocked_conversation,   (401, 404, 404, 404, 404)),
    Row("PATCH",  "/v1/conversations/{conversation_id}",  the.conversation("group", TITLE),  (401, 404, 404, 200, 404)),
    Row("PATCH",  "/v1/conversations/{conversation_id}",  the.conversation("direct", TITLE), (401, 404, 404, 409, 404)),
    Row("POST",   "/v1/conversations/{conversation_id}/messages", the.conversation("direct", NEW_MESSAGE),
                                                                                      (401, 404, 404, 201, 404)),
    Row("POST",   "/v1/conversations/{conversation_id}/messages", the.blocked_conversation,
                                                                                      (401, 404, 404, 404, 404)),
    Row("GET",    "/v1/conversations/{conversation_id}/messages", the.conversation("direct"),
                                                                                      (401, 404, 404, 200, 404)),
    Row("GET",    "/v1/conversations/{conversation_id}/messages", the.blocked_conversation,
                                                                                      (401, 404, 404, 404, 404)),
    Row("PUT",    "/v1/conversations/{conversation_id}/read", the.read_conversation,  (401, 404, 404, 200, 404)),
    Row("PUT",    "/v1/conversations/{conversation_id}/mute", the.conversation("direct"), (401, 404, 404, 204, 404)),
    Row("DELETE", "/v1/conversations/{conversation_id}/mute", the.conversation("direct"), (401, 404, 404, 204, 404)),
    Row("GET",    "/v1/conversations/{conversation_id}/members", the.conversation("group"),
                                                                                      (401, 404, 404, 200, 404)),
    Row("POST",   "/v1/conversations/{conversation_id}/members", the.new_members,     (401, 404, 404, 204, 404)),
    Row("PUT",    "/v1/conversations/{conversation_id}/members/{person_id}", the.conversation("group"),
                                                                                      (401, 404, 404, 204, 404)),
    Row("DELETE", "/v1/conversations/{conversation_id}/members/{person_id}", the.conversation("group"),
                                                                                      (401, 404, 404, 204, 404)),
    Row("DELETE", "/v1/conversations/{conversation_id}/members/{person_id}", the.conversation("direct"),
                                                                                      (401, 404, 404, 409, 404)),
    Row("POST",   "/v1/conversations/{conversation_id}/leave", the.conversation("group"),  (401, 404, 404, 204, 404)),
    Row("POST",   "/v1/conversations/{conversation_id}/leave", the.conversation("direct"), (401, 404, 404, 409, 404)),
    Row("GET",    "/v1/messages/{message_id}",            the.message("friend"),      (401, 404, 404, 200, 404)),
    Row("PATCH",  "/v1/messages/{message_id}",            the.message("owner", TEXT), (401, 404, 404, 200, 404)),
    Row("PATCH",  "/v1/messages/{message_id}",            the.message("friend", TEXT), (401, 404, 404, 403, 404)),
    Row("DELETE", "/v1/messages/{message_id}",            the.message("owner"),       (401, 404, 404, 204, 404)),
    Row("DELETE", "/v1/messages/{message_id}",            the.message("friend"),      (401, 404, 404, 403, 404)),
    Row("PUT",    "/v1/messages/{message_id}/reactions/{kind}", the.message("friend", kind="love"),
                                                                                      (401, 404, 404, 200, 404)),
    Row("DELETE", "/v1/messages/{message_id}/reactions/{kind}", the.message("friend", kind="love"),
                                                                                      (401, 404, 404, 204, 404)),

    Row("GET",    "/v1/admin/people",                     the.nothing,                (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/people/{person_id}",         the.owner,                  (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/people/{person_id}",         the.nobody,                 (401, 403, 403, 403, 404)),
    Row("PATCH",  "/v1/admin/people/{person_id}",         the.stranger(ROLE),         (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/people/{person_id}/suspend", the.stranger(REASON),       (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/people/{person_id}/unsuspend", the.stranger(),           (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/people/{person_id}/deletion", the.stranger(),            (401, 403, 403, 403, 200)),
    Row("DELETE", "/v1/admin/people/{person_id}/deletion", the.stranger(),            (401, 403, 403, 403, 409)),
    Row("DELETE", "/v1/admin/people/{person_id}/deletion", the.leaving,               (401, 403, 403, 403, 204)),
    Row("POST",   "/v1/admin/people/{person_id}/verify-email", the.stranger(),        (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/people/{person_id}/lift-lockout", the.stranger(),        (401, 403, 403, 403, 200)),
    Row("DELETE", "/v1/admin/people/{person_id}/totp",    the.stranger(),             (401, 403, 403, 403, 409)),
    Row("GET",    "/v1/admin/people/{person_id}/sessions", the.stranger(),            (401, 403, 403, 403, 200)),
    Row("DELETE", "/v1/admin/people/{person_id}/sessions", the.stranger(),            (401, 403, 403, 403, 204)),
    Row("DELETE", "/v1/admin/people/{person_id}/sessions/{session_id}", the.owners_session, (401, 403, 403, 403, 204)),
    Row("GET",    "/v1/admin/jobs",                       the.nothing,                (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/jobs/{job_id}",              the.dead_job,               (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/jobs/{job_id}/retry",        the.dead_job,               (401, 403, 403, 403, 204)),
    Row("DELETE", "/v1/admin/jobs/{job_id}",              the.dead_job,               (401, 403, 403, 403, 204)),
    Row("POST",   "/v1/admin/jobs/retry-dead",            the.dead_job,               (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/jobs/drop-dead",             the.dead_job,               (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/people/{person_id}/password-reset", the.stranger(),      (401, 403, 403, 403, 204)),
    Row("GET",    "/v1/admin/settings",                   the.nothing,                (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/counts",                     the.nothing,                (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/status",                     the.nothing,                (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/audit",                      the.nothing,                (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/plugins",                    the.nothing,                (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/webhooks",                   the.body(NEW_WEBHOOK),      (401, 403, 403, 403, 201)),
    Row("GET",    "/v1/admin/webhooks",                   the.nothing,                (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/webhook-signals",            the.nothing,                (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/webhooks/{webhook_id}",      the.webhook(),              (401, 403, 403, 403, 200)),
    Row("PATCH",  "/v1/admin/webhooks/{webhook_id}",      the.webhook(INACTIVE),      (401, 403, 403, 403, 200)),
    Row("DELETE", "/v1/admin/webhooks/{webhook_id}",      the.webhook(),              (401, 403, 403, 403, 204)),
    Row("POST",   "/v1/admin/webhooks/{webhook_id}/rotate-secret", the.webhook(),     (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/webhooks/{webhook_id}/test", the.webhook(),              (401, 403, 403, 403, 202)),
    Row("GET",    "/v1/admin/webhooks/{webhook_id}/deliveries", the.webhook(),        (401, 403, 403, 403, 200)),
    Row("GET",    "/v1/admin/webhooks/{webhook_id}/deliveries/{delivery_id}", the.webhook(), (401, 403, 403, 403, 200)),
    Row("POST",   "/v1/admin/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", the.webhook(),
                                                                                      (401, 403, 403, 403, 202)),

    Row("GET",    "/dev/mailbox/messages",                the.nothing,                (404, 404, 404, 404, 404)),
    Row("GET",    "/dev/mailbox/messages",                the.mailbox_key,            (200, 200, 200, 200, 200)),
]
# fmt: on

_IN_MODULE = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document(everybody: Api) -> BaseSchema:
    return schemathesis.openapi.from_dict((await everybody.get("/openapi.json")).json())


def routes_of(platform: Platform) -> set[tuple[str, str]]:
    """Method and path of every route that the running application answers."""
    gateway = platform.asgi
    assert isinstance(gateway, Gateway) and isinstance(gateway._respond, Site)
    dispatcher = gateway._respond._api
    assert isinstance(dispatcher, Dispatcher)
    return {(endpoint.method, endpoint.path) for endpoint in dispatcher.table.endpoints}


@_IN_MODULE
async def test_every_route_has_a_row_and_every_row_a_route(everybody: Api) -> None:
    assert {(row.method, row.path) for row in ROWS} == routes_of(everybody.platform)


@_IN_MODULE
async def test_the_document_describes_every_route_and_no_other(everybody: Api) -> None:
    described = (await everybody.get("/openapi.json")).json()["paths"]
    operations = [operation for methods in described.values() for operation in methods.values()]
    assert {(method.upper(), path) for path, methods in described.items() for method in methods} == routes_of(
        everybody.platform
    )
    assert len({operation["operationId"] for operation in operations}) == len(operations)


@_IN_MODULE
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path} {row.subject.__qualname__}")
async def test_everybody_gets_what_they_may(row: Row, everybody: Api, document: BaseSchema) -> None:
    cast = await gather_cast(everybody)
    answers = [await call(row, cast, getattr(cast, caller)) for caller in CALLERS]
    assert dict(zip(CALLERS, (answer.status_code for answer in answers), strict=True)) == dict(
        zip(CALLERS, row.expected, strict=True)
    )
    for answer in answers:
        check_promises(answer)
        # The status is documented, the content type is the one documented for it, the body has its shape.
        document[row.path][row.method].validate_response(answer)
        assert str(answer.status_code) in document[row.path][row.method].definition.raw["responses"]


async def call(row: Row, cast: Cast, caller: Api) -> httpx.Response:
    subject = await row.subject(cast)
    return await caller.ask(row.method, _path(row, subject), subject.body, **subject.headers)


def _path(row: Row, subject: the.Call) -> str:
    path = row.path.format(**subject.values)
    return f"{path}?{urlencode(subject.query)}" if subject.query else path


def check_promises(answer: httpx.Response) -> None:
    """What holds for every answer: a request id, and a problem document where something is refused."""
    assert answer.headers["x-request-id"]
    if answer.status_code == 204:
        assert answer.content == b""
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert problem["code"] and problem["title"] and problem["detail"]
    else:
        assert answer.headers.get("content-type") in ("application/json", "application/zip", None)


@_IN_MODULE
async def test_pages_and_health_are_the_same_for_everybody(everybody: Api) -> None:
    gateway = everybody.platform.asgi
    assert isinstance(gateway, Gateway) and isinstance(gateway._respond, Site)
    cast = await gather_cast(everybody)
    for path in gateway._respond._own:
        statuses = {(await getattr(cast, caller).get(path)).status_code for caller in CALLERS}
        assert statuses == {200}, path
        refused = await cast.admin.post(path, {})
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS"), path
