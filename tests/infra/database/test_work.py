from banyan.infra.database.pool import Pool


async def test_x(pool: Pool) -> None:
    assert await pool.work().value("select 1") == 1
    assert await pool.work().value("select count(*) from migrations") > 0


def test_y(database_url: str) -> None:
    assert database_url
