"""What a render gives, and that values and files are the same."""

from pathlib import Path

import pytest

from banyan.app.settings import load_settings
from banyan.planner.configuration import configuration
from banyan.planner.deployment import Deployment, Part
from banyan.planner.render.everything import CannotRender, render_deployment
from tests.planner.render.described import single, split


def test_a_single_machine_gets_every_kind_of_file() -> None:
    assert set(render_deployment(single())) == {
        "README.md",
        "UPGRADE.md",
        "all/.dockerignore",
        "all/Dockerfile",
        "all/banyan/banyan.env",
        "all/docker-compose.yml",
        "all/limits/90-banyan.conf",
        "all/nginx/nginx.conf",
        "all/pgbouncer/pgbouncer.ini",
        "all/pgbouncer/userlist.sql",
        "all/postgresql/pg_hba.conf",
        "all/postgresql/postgresql.conf",
        "all/prometheus/banyan.rules.yml",
        "all/prometheus/prometheus.yml",
        "all/redis/redis.conf",
        "all/sysctl/90-banyan.conf",
        "all/systemd/banyan-api@.service",
        "all/systemd/banyan-backup.service",
        "all/systemd/banyan-backup.timer",
        "all/systemd/banyan-migrate.service",
        "all/systemd/banyan-realtime@.service",
        "all/systemd/banyan-restore-test.service",
        "all/systemd/banyan-restore-test.timer",
        "all/systemd/banyan-scheduler@.service",
        "all/systemd/banyan-worker@.service",
        "all/systemd/banyan.target",
    }


def test_each_machine_of_a_split_gets_what_runs_on_it() -> None:
    files = render_deployment(split())
    assert {path for path in files if path.startswith("database/")} == {
        "database/docker-compose.yml",
        "database/limits/90-banyan.conf",
        "database/pgbouncer/pgbouncer.ini",
        "database/pgbouncer/userlist.sql",
        "database/postgresql/pg_hba.conf",
        "database/postgresql/postgresql.conf",
        "database/sysctl/90-banyan.conf",
    }
    assert "host  banyan  banyan  10.0.0.10/32  scram-sha-256" in files["database/postgresql/pg_hba.conf"]
    assert "app/nginx/nginx.conf" in files
    assert "app/postgresql/postgresql.conf" not in files


def test_every_value_stands_in_its_file_with_its_formula(deployment: Deployment) -> None:
    files = render_deployment(deployment)
    for setting in configuration(deployment):
        assert setting.formula
        assert setting.source
        if setting.file.endswith("banyan.target"):
            continue  # numbers of processes: they are the units that it wants
        text = files[setting.file]
        assert setting.value in text, setting
        assert setting.name in text, setting


def test_shapes_without_files_are_refused() -> None:
    with pytest.raises(CannotRender, match=r"cluster.*single, split"):
        render_deployment(single(topology="cluster"))


def test_banyan_takes_the_environment_as_it_is_rendered(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "database-url": "postgresql://banyan:secret@10.0.0.11:6432/banyan",
        "signing-key": "key",
        "secret": "s" * 43,
        "redis-url": "redis://127.0.0.1:6379/0",
        "metrics-token": "t" * 48,
    }
    for name, text in secrets.items():
        (tmp_path / name).write_text(text)
    app = next(host.name for host in deployment.hosts if host.processes)
    for line in render_deployment(deployment)[f"{app}/banyan/banyan.env"].splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            monkeypatch.setenv(name, value.strip("\"'").replace("/etc/banyan", str(tmp_path)))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings = load_settings()
    assert settings.community.name == "Surulere Neighbours"
    assert settings.http.public_url == "https://neighbours.example"
    fronts = [host.address for host in deployment.hosts_with(Part.BALANCER)] if deployment.standbys else ["127.0.0.1"]
    assert [str(network) for network in settings.http.proxy_networks()] == [f"{address}/32" for address in fronts]
    assert settings.database.url.get_secret_value() == secrets["database-url"]
    assert settings.database.prepared_statements is not deployment.pooled
    assert settings.realtime.max_sockets == 18_000


def test_the_playbook_names_signs_machines_and_steps_in_order() -> None:
    text = render_deployment(single())["UPGRADE.md"]
    assert "Outgrown because of cpu. Order 14 days before" in text
    assert "- 1 x hetzner cpx31 as database" in text
    assert "| cpu share | above 0.6 | 0.8 | 5 min |" in text
    steps = ["systemctl start banyan-restore-test", "systemctl stop banyan.target", "banyan backup restore FILE"]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)


def test_the_last_phase_says_to_plan_anew() -> None:
    assert "The plan has no further phase" in render_deployment(split())["UPGRADE.md"]


def test_kernel_settings_exist_here(deployment: Deployment) -> None:
    for path, text in render_deployment(deployment).items():
        if "/sysctl/" not in path:
            continue
        for line in text.splitlines():
            name, equals, value = line.partition(" = ")
            if equals and not line.startswith(("#", "-")):
                assert Path("/proc/sys", name.replace(".", "/")).exists(), name
                assert value
