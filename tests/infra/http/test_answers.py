"""What a client takes."""

import pytest

from banyan.infra.http.answers import accepts_gzip


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        (b"gzip, br", True),
        (b"br, GZIP;q=0.5", True),
        (b"*", True),
        (b"*;q=0, gzip", True),
        (b"gzip;q=0, *", False),
        (b"*; q=0", False),
        (b"br", False),
        (b"", False),
    ],
)
def test_gzip_itself_counts_more_than_anything(accept_encoding: bytes, accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is accepted
