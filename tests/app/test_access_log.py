"""Lines of the access log wait a moment to be written together; none is lost when the process stops meanwhile."""

import io

import msgspec

from banyan.app.targets import Targets
from banyan.app.wiring import open_platform
from banyan.infra.log import LogStream
from tests.support.platform import api_of, settings_for


async def test_what_was_answered_last_is_in_the_log(database_url: str) -> None:
    written = io.BytesIO()
    settings, log = settings_for(database_url), LogStream(written)
    async with open_platform(settings, Targets.read("api"), log) as platform, api_of(platform) as api:
        answers = [await api.http.get(path) for path in ("/healthz", "/v1/nowhere")]
    lines = msgspec.json.Decoder().decode_lines(written.getvalue())
    assert [(line["request_id"], line["status"]) for line in lines] == [
        (answer.headers["x-request-id"], answer.status_code) for answer in answers
    ]
