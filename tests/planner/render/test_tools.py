"""systemd, Compose and Prometheus read their files and find nothing wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from banyan.app import wiring
from banyan.planner.deployment import Deployment
from banyan.planner.render.everything import render_deployment
from banyan.planner.render.prometheus import alarms
from banyan.planner.render.systemd import backup_calendar, instances, trial_calendar
from tests.planner.render.conftest import write
from tests.planner.render.described import single, split


def run(*command: str | Path) -> str:
    """What the tool says; fails with it when the status is not 0."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong(deployment: Deployment, tmp_path: Path) -> None:
    # Units name a program that has to exist: here it is a stand-in.
    program = tmp_path / "banyan"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path, text in render_deployment(deployment).items():
        if "/systemd/" in path:
            (tmp_path / Path(path).name).write_text(text.replace(deployment.folder, str(tmp_path)))
    names = {unit for host in deployment.hosts for process in host.processes for unit in instances(process)}
    for name in names:
        (tmp_path / name).symlink_to(tmp_path / re.sub("@.*", "@.service", name))
    units = [*names, "banyan.target", "banyan-migrate.service", "banyan-backup.timer", "banyan-restore-test.timer"]
    units += ["banyan-replication.service", "banyan-replication.timer"] if deployment.standbys else []
    said = run("systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit) for unit in units))
    # What is wrong in a unit that verify can still load is only said.
    assert str(tmp_path) not in said
    assert "banyan" not in said


@pytest.mark.parametrize("hours", [0.25, 1, 5, 6, 24, 48])
def test_systemd_reads_the_calendars(hours: float) -> None:
    deployment = single(backup_every_hours=hours)
    run("systemd-analyze", "calendar", backup_calendar(deployment))


@pytest.mark.parametrize("days", [1, 7, 30])
def test_systemd_reads_the_restore_tests_calendar(days: int) -> None:
    assert "Africa/Lagos" in run("systemd-analyze", "calendar", trial_calendar(single(restore_test_every_days=days)))


def test_compose_reads_its_files(deployment: Deployment, tmp_path: Path) -> None:
    write(render_deployment(deployment), tmp_path)
    for host in deployment.hosts:
        folder = tmp_path / host.name
        shown = run("docker-compose", "-f", folder / "docker-compose.yml", "--project-directory", folder, "config")
        for process in host.processes:
            for port in process.ports:
                assert f"{process.name}-{port}:" in shown
        assert shown.count("/readyz'") == sum(process.count for process in host.processes)
        if host.processes:
            assert "BANYAN_HTTP__PUBLIC_URL: https://neighbours.example" in shown


def test_promtool_reads_rules_and_configuration(deployment: Deployment, tmp_path: Path) -> None:
    folder = write(render_deployment(deployment), tmp_path) / deployment.hosts[0].name / "prometheus"
    text = (folder / "prometheus.yml").read_text()
    token = tmp_path / "token"
    token.write_text("t")
    (folder / "prometheus.yml").write_text(text.replace("/etc/prometheus/banyan-metrics-token", str(token)))
    assert "SUCCESS" in run("promtool", "check", "config", folder / "prometheus.yml")
    assert "SUCCESS" in run("promtool", "check", "rules", folder / "banyan.rules.yml")


def test_every_process_is_asked_for_what_it_counts_at_the_port_that_its_unit_gives_it(deployment: Deployment) -> None:
    files = render_deployment(deployment)
    asked = set(re.findall(r'"([\d.]+:\d+)"', files[f"{deployment.hosts[0].name}/prometheus/prometheus.yml"]))
    wanted = {f"{host.address}:9100" for host in deployment.hosts}
    for host in deployment.hosts:
        units = [unit for process in host.processes for unit in instances(process)]
        assert len(units) == sum(process.count for process in host.processes)
        for unit in units:
            assert unit in files[f"{host.name}/systemd/banyan.target"]
            name, _, port = unit.removesuffix(".service").partition("@")
            assert "--port %i" in files[f"{host.name}/systemd/{name}@.service"]
            wanted.add(f"{host.address}:{port}")
    assert asked == wanted
    assert {"worker", "scheduler"} <= {process.name for host in deployment.hosts for process in host.processes}


def test_alarms_are_over_metrics_that_banyan_has() -> None:
    assert wiring.__name__ in sys.modules  # it imports every module that has a metric
    known = {sample.name for metric in REGISTRY.collect() for sample in metric.samples}
    known |= {f"{metric.name}_{end}" for metric in REGISTRY.collect() for end in ("total", "bucket", "count", "sum")}
    known |= {metric.name for metric in REGISTRY.collect()}
    used = {name for alarm in alarms(split(alarms=[])) for name in re.findall(r"banyan_\w+", alarm.expression)}
    assert len(used) > 8
    assert used <= known, used - known


def test_the_plans_own_trigger_wins_over_the_standing_one() -> None:
    found = {alarm.name: alarm for alarm in alarms(single())}
    assert found["cpu_share"].warning == 0.6
    assert found["memory_share"].warning == 0.85


def test_the_dockerfile_leaves_root() -> None:
    text = render_deployment(single())["all/Dockerfile"]
    assert text.index("USER banyan") < text.index("ENTRYPOINT")
