"""The containers' description agrees with the code."""

import re
import shlex
import shutil
import signal
import subprocess

import pytest
import yaml

from config import children
from config.env import ROOT, Environment
from config.management.commands import prepare

TEXT = (ROOT / "deploy/docker-compose.yaml").read_text()
SERVICES = yaml.safe_load(TEXT)["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
SAMPLE = (ROOT / "deploy/config/.env.sample").read_text()
SETTINGS = {name.upper() for name in Environment.model_fields}
OURS = ("prepare", "web", "streams", "jobs", "forwarder", "recorder", "beat")
PASSWORDS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}

COMMANDS = {
    "web": children.web("0.0.0.0", 8000, 262144, ("127.0.0.1", "::1")),
    "streams": children.streams(2),
    "jobs": children.jobs(),
    "beat": children.beat(),
}


def with_defaults(text: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("service", COMMANDS)
def test_a_service_runs_what_up_runs(service):
    assert shlex.split(with_defaults(SERVICES[service]["command"])) == ["python", *COMMANDS[service]]


def test_the_database_is_prepared_by_the_command_that_up_uses():
    assert SERVICES["prepare"]["command"] == f"python manage.py {prepare.__name__.rpartition('.')[2]}"
    assert all(
        SERVICES[service]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
        for service in COMMANDS
    )


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_a_setting(service):
    assert set(SERVICES[service]["environment"]) <= SETTINGS
    assert SERVICES[service]["environment"]["ROLE"] == service


def test_nothing_falls_back_to_invented_prices():
    assert {SERVICES[service]["environment"]["VENUES"] for service in OURS} == {"live"}
    assert re.search(r"^ENV .*\bVENUES=live\b", DOCKERFILE, re.M)


def test_every_variable_that_is_filled_in_is_in_the_sample():
    wanted = set(re.findall(r"\$\{(\w+)", TEXT))
    given = set(re.findall(r"^(\w+)=", SAMPLE, re.M))
    assert wanted == given
    assert given - PASSWORDS <= SETTINGS


def test_the_sample_explains_every_setting():
    assert {name for name in SETTINGS | {"ENV_FILE"} if not re.search(rf"\b{name}\b", SAMPLE)} == set()


def test_secrets_have_no_default():
    for name in (*PASSWORDS, "SECRET_KEY", "JWT_SIGNING_KEY"):
        assert re.search(rf"\${{{name}:\?", TEXT)
        assert re.search(rf"^{name}=$", SAMPLE, re.M)


def test_every_service_comes_back_and_may_end_in_peace():
    assert all(service["restart"] in {"unless-stopped", "on-failure"} for service in SERVICES.values())
    assert all("stop_grace_period" in service for service in SERVICES.values())
    assert "stop_signal" not in SERVICES["streams"]
    assert children.STOPS["streams"][0][0] == signal.SIGTERM


def test_what_can_answer_is_asked_for_its_health():
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"prepare", "beat"}


def test_the_containers_do_not_run_as_root():
    stages = DOCKERFILE.split("FROM ")
    assert len(stages) > 2
    assert re.search(r"^USER \d*[1-9]\d*$", stages[-1], re.M)


def test_the_same_redis_settings_as_the_embedded_one():
    command = " ".join(SERVICES["redis"]["command"])
    for setting in ("appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction", "pubsub 512mb 256mb 30"):
        assert setting in command


def test_compose_itself_understands_it(tmp_path):
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed: the file is checked by these tests alone")
    filled = re.sub(r"^(\w+)=$", r"\1=" + "x" * 40, SAMPLE, flags=re.M)
    (tmp_path / "env").write_text(filled)
    command = ["docker", "compose", "--env-file", tmp_path / "env", "-f", ROOT / "deploy/docker-compose.yaml", "config"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
