"""What posts tell people of: comments, replies, reactions and mentions."""

from collections.abc import Sequence
from typing import Final

from banyan.features.posts.service.notices import Notices
from banyan.features.posts.signals import (
    CommentDeleted,
    CommentWritten,
    HiddenCommentDeleted,
    PersonMentioned,
    PostDeleted,
    ReactionPut,
    ReactionRemoved,
)
from banyan.infra.declare import (
    AnyNotificationKind,
    ChannelDefaults,
    Gone,
    KindText,
    NoticeEnd,
    NotificationKind,
)

_COMMENT: Final = {
    "en": KindText("Comments on your posts", "{actors} commented on your post", "{actors} commented on your post"),
    "fr": KindText(
        "Commentaires sur vos publications",
        "{actors} a commenté votre publication",
        "{actors} ont commenté votre publication",
    ),
    "ar": KindText("التعليقات على منشوراتك", "علّق {actors} على منشورك", "علّق {actors} على منشورك"),
}
_REPLY: Final = {
    "en": KindText("Replies to your comments", "{actors} replied to your comment", "{actors} replied to your comment"),
    "fr": KindText(
        "Réponses à vos commentaires",
        "{actors} a répondu à votre commentaire",
        "{actors} ont répondu à votre commentaire",
    ),
    "ar": KindText("الردود على تعليقاتك", "ردّ {actors} على تعليقك", "ردّ {actors} على تعليقك"),
}
_REACTION: Final = {
    "en": KindText("Reactions to your posts", "{actors} reacted to your post", "{actors} reacted to your post"),
    "fr": KindText(
        "Réactions à vos publications",
        "{actors} a réagi à votre publication",
        "{actors} ont réagi à votre publication",
    ),
    "ar": KindText("التفاعلات مع منشوراتك", "تفاعل {actors} مع منشورك", "تفاعل {actors} مع منشورك"),
}
_MENTION: Final = {
    "en": KindText("Mentions", "{actors} mentioned you", "{actors} mentioned you"),
    "fr": KindText("Mentions", "{actors} vous a mentionné", "{actors} vous ont mentionné"),
    "ar": KindText("الإشارات إليك", "أشار إليك {actors}", "أشار إليك {actors}"),
}


def notification_kinds(notices: Notices) -> tuple[AnyNotificationKind, ...]:
    daily = ChannelDefaults(email="daily")
    return (
        NotificationKind(
            "comment", CommentWritten, "post", notices.tell_commented, notices.visible_posts, _COMMENT, daily
        ),
        NotificationKind(
            "reply", CommentWritten, "comment", notices.tell_answered, notices.visible_comments, _REPLY, daily
        ),
        NotificationKind(
            "mention", PersonMentioned, "text", notices.tell_mentioned, notices.visible_mentions, _MENTION, daily
        ),
        NotificationKind(
            "reaction",
            ReactionPut,
            "post",
            notices.tell_reacted,
            notices.visible_posts,
            _REACTION,
            ChannelDefaults(push=False),
            urgency="low",
        ),
    )


def _forget_post(signal: PostDeleted) -> Sequence[Gone]:
    return (Gone(subject_id=signal.post_id),)


def _forget_comment(signal: CommentDeleted | HiddenCommentDeleted) -> Sequence[Gone]:
    return (Gone(source_id=signal.comment_id), Gone(subject_id=signal.comment_id))


def _forget_reaction(signal: ReactionRemoved) -> Sequence[Gone]:
    return (Gone(source_id=signal.person_id, subject_id=signal.post_id),)


NOTICE_ENDS = (
    NoticeEnd(PostDeleted, _forget_post),
    NoticeEnd(CommentDeleted, _forget_comment),
    NoticeEnd(HiddenCommentDeleted, _forget_comment),
    NoticeEnd(ReactionRemoved, _forget_reaction),
)
