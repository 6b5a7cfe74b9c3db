"""Refusals to operators who ask about jobs."""

from banyan.kernel.errors import Conflict, NotFound


class JobNotFound(NotFound):
    """It is done, or was dropped."""

    code = "job_not_found"
    title = "There is no such job"


class JobRunning(Conflict):
    code = "job_running"
    title = "This job runs just now"
