"""PostgreSQL's share of the machine."""

import re

import pytest

from banyan.ops.tuning import memory_bytes, settings_text

GIB = 1 << 30


def megabytes(text: str, name: str) -> int:
    found = re.search(rf"^{name} = (\d+)MB", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    ("memory", "shared_buffers"),
    [(GIB // 4, 64), (GIB // 2, 128), (GIB, 128), (2 * GIB, 128), (4 * GIB, 256), (16 * GIB, 1024), (64 * GIB, 1024)],
)
def test_shared_buffers_leave_room_for_the_rest(memory: int, shared_buffers: int) -> None:
    assert megabytes(settings_text(memory), "shared_buffers") == shared_buffers


@pytest.mark.parametrize(("memory", "wal"), [(GIB // 2, 1024), (4 * GIB, 1024), (8 * GIB, 2048), (64 * GIB, 4096)])
def test_a_larger_machine_has_room_for_more_log_between_checkpoints(memory: int, wal: int) -> None:
    assert megabytes(settings_text(memory), "max_wal_size") == wal


@pytest.mark.parametrize("memory", [GIB // 8, GIB // 2, GIB, 8 * GIB, 256 * GIB])
def test_every_machine_gets_settings_within_bounds(memory: int) -> None:
    text = settings_text(memory)
    mib = memory >> 20
    assert 16 <= megabytes(text, "shared_buffers") <= mib // 4
    assert 16 <= megabytes(text, "maintenance_work_mem") <= 256
    assert 4 <= megabytes(text, "work_mem") <= 32
    assert "{" not in text


def test_this_machine_has_memory() -> None:
    assert memory_bytes() > 64 << 20
