"""What messaging does as jobs; wiring collects it."""

from banyan.features.messaging.jobs import EraseConversation
from banyan.features.messaging.service.personal import erase_conversation
from banyan.infra.declare import AnyJobKind, JobKind

JOB_KINDS: tuple[AnyJobKind, ...] = (JobKind(EraseConversation, erase_conversation),)
