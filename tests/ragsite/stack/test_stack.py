from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from redis.backoff import NoBackoff
from redis.retry import Retry

from ragsite.core.errors import ConfigurationError, ServiceUnavailableError
from ragsite.stack import processes
from ragsite.stack.redis import TAKEN_AWAY
from ragsite.stack.stack import ServerState, Stack

pytestmark = pytest.mark.servers

PROJECT = Path(__file__).resolve().parents[3]
NAMES = ("postgresql", "redis", "broker")


def states(stack: Stack) -> dict[str, ServerState]:
    return {status.name: status.state for status in stack.status()}


def lives(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pids(stack: Stack) -> dict[str, int | None]:
    return {status.name: status.pid for status in stack.status()}


def test_postgresql_takes_vectors_and_searches_them_through_an_hnsw_index(stack: Stack) -> None:
    with psycopg.connect(stack.up()["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TEMP TABLE point (id int, place halfvec(3))")
        connection.execute("INSERT INTO point SELECT n, ARRAY[n, 1, 0]::vector::halfvec FROM generate_series(1, 50) n")
        connection.execute("CREATE INDEX ON point USING hnsw (place halfvec_l2_ops)")
        connection.execute("SET LOCAL enable_seqscan = off")
        nearest = connection.execute("SELECT id FROM point ORDER BY place <-> '[7, 1, 0]' LIMIT 1").fetchone()
        version = connection.execute("SHOW server_version_num").fetchone()
    assert nearest == (7,)
    assert version is not None
    assert version[0].startswith("18")


def test_redis_keeps_a_value_and_refuses_a_client_without_the_password(stack: Stack) -> None:
    url = stack.up()["REDIS_URL"]
    with redis.Redis.from_url(url) as client:
        client.set("colour", "green")
        assert client.get("colour") == b"green"
        settings = {
            name: client.config_get(name)[name] for name in ("appendonly", "maxmemory-policy", "appendfsync", "bind")
        }
    assert settings == {
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
        "appendfsync": "everysec",
        "bind": "127.0.0.1",
    }
    host, port = stack.server("redis").address.split(":")
    stranger = redis.Redis(host=host, port=int(port), retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


@pytest.mark.parametrize("command", TAKEN_AWAY)
def test_redis_does_nothing_that_loads_code_or_stops_it_or_gives_its_data_away(stack: Stack, command: str) -> None:
    with redis.Redis.from_url(stack.up()["REDIS_URL"], retry=Retry(NoBackoff(), 0)) as client:
        with pytest.raises(redis.ResponseError, match="unknown command"):
            client.execute_command(command, "LOAD", "/tmp/a.so")
        assert client.ping()


def test_the_broker_gives_back_a_message_that_was_produced(stack: Stack) -> None:
    servers = stack.up()["KAFKA_BOOTSTRAP_SERVERS"]
    topic = f"events-{uuid.uuid4()}"
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    producer.produce(topic, key="document-1", value="created")
    assert producer.flush(10) == 0

    consumer = Consumer({"bootstrap.servers": servers, "group.id": "nobody", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(10)
    consumer.close()
    assert message is not None
    assert message.error() is None
    assert (message.key(), message.value()) == (b"document-1", b"created")


def test_starting_twice_gives_the_same_servers(stack: Stack) -> None:
    before, environment = pids(stack), stack.up()
    assert None not in before.values()
    assert stack.up() == environment
    assert pids(stack) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_server_comes_back_at_the_same_address_and_the_others_stay(stack: Stack, name: str) -> None:
    environment, before = stack.up(), pids(stack)
    killed = before[name]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    assert stack.up() == environment
    after = pids(stack)
    assert after[name] not in (None, killed)
    assert {key: pid for key, pid in after.items() if key != name} == {
        key: pid for key, pid in before.items() if key != name
    }


def test_secrets_are_readable_by_their_owner_only(stack: Stack) -> None:
    keepers = [path for form in ("state.json", "*.conf", "*.log") for path in stack.directory.glob(f"*/{form}")]
    assert len(keepers) >= 7
    assert {stat.S_IMODE(path.stat().st_mode) for path in keepers} == {0o600}
    passwords = json.loads((stack.directory / "redis" / "state.json").read_text())["passwords"]
    for process in psutil.process_iter(["cmdline"]):
        assert not any(password in word for password in passwords.values() for word in process.info["cmdline"] or [])


def test_data_and_addresses_are_found_again_after_down_and_up(make_stack) -> None:
    environment = make_stack().up()
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE note AS SELECT 'kept' AS text")
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        client.set("note", "kept")
    before = pids(make_stack())
    assert all(lives(pid) for pid in before.values())
    make_stack().down()
    assert set(states(make_stack()).values()) == {ServerState.STOPPED}
    assert not any(lives(pid) for pid in before.values())

    assert make_stack().up() == environment
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT text FROM note").fetchone() == ("kept",)
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        assert client.get("note") == b"kept"


def test_two_processes_that_start_at_once_get_one_set_of_servers(make_stack, outside: Path) -> None:
    script = "import sys; from ragsite.stack.cli import main; sys.exit(main(['up']))"
    command = [sys.executable, "-c", script]
    starters = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    stack = make_stack()
    outputs = [starter.communicate(timeout=60)[0] for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0]
    assert outputs[0] == outputs[1]
    assert set(states(stack).values()) == {ServerState.RUNNING}
    with redis.Redis.from_url(stack.up()["REDIS_URL"]) as client:
        assert client.ping()


def test_the_process_that_now_has_a_servers_old_id_is_left_alone(make_stack) -> None:
    stack = make_stack()
    environment = stack.up()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        for name in NAMES:
            killed = stack.server(name).pid
            os.kill(killed, signal.SIGKILL)
            record = stack.directory / name / "state.json"
            record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": bystander.pid}))
        lock = stack.directory / "postgresql" / "data" / "postmaster.pid"
        lock.write_text(lock.read_text().replace(str(lock.read_text().split()[0]), str(bystander.pid), 1))

        assert set(states(stack).values()) == {ServerState.STOPPED}
        assert stack.up() == environment
        stack.down()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("name", ["postgresql", "redis"])
def test_a_server_whose_record_was_lost_is_ended_and_started_again_with_its_data(make_stack, name: str) -> None:
    stack = make_stack(only=name)
    stack.up()
    server = stack.server(name)
    lost = server.pid
    (stack.directory / name / "state.json").write_text("{ half a rec")

    environment = stack.up()
    assert server.pid not in (None, lost)
    assert not lives(lost)
    if name == "postgresql":
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("ragsite",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_a_parent_folder_that_was_closed_to_postgresql_is_opened_again(make_stack, data: Path) -> None:
    stack = make_stack(only="postgresql")
    environment = stack.up()
    data.chmod(0o700)
    os.kill(stack.postgres.pid, signal.SIGKILL)
    assert stack.up() == environment
    assert stat.S_IMODE(data.stat().st_mode) == 0o701


def test_a_half_made_data_folder_is_made_again(make_stack) -> None:
    stack = make_stack(only="postgresql")
    half = stack.directory / "postgresql" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with psycopg.connect(stack.up()["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not half.exists()


def test_postgresql_shares_memory_through_files_where_the_system_has_little(
    make_stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragsite.stack.postgres._SHARED_MEMORY_NEEDED", 1 << 60)
    with psycopg.connect(make_stack(only="postgresql").up()["DATABASE_URL"]) as connection:
        assert connection.execute("SHOW dynamic_shared_memory_type").fetchone() == ("mmap",)


@pytest.mark.parametrize("name", NAMES)
def test_a_url_in_the_environment_replaces_the_server(make_stack, name: str) -> None:
    only = "broker" if name != "broker" else "redis"
    stack = make_stack(only=only)
    environment = stack.up()
    replaced = {status.name: status for status in stack.status()}[name]
    assert (replaced.state, replaced.pid) == (ServerState.REPLACED, None)
    assert replaced.address is not None
    assert ".example:" in replaced.address
    assert "secret" not in replaced.address
    assert not (stack.directory / name).exists()
    assert list(environment) == [stack.server(only).variable]


def test_a_port_that_was_asked_for_is_used(make_stack) -> None:
    port = make_stack(only="broker").up()["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2]
    make_stack(only="broker").down()
    environment = make_stack(only="redis", environ={"RAGSITE_REDIS_PORT": port}).up()
    assert f":{port}/" in environment["REDIS_URL"]


def test_a_remembered_port_that_another_program_took_is_given_up(make_stack) -> None:
    first = make_stack(only="broker").up()["KAFKA_BOOTSTRAP_SERVERS"]
    make_stack(only="broker").down()
    make_stack(only="redis", environ={"RAGSITE_REDIS_PORT": first.rpartition(":")[2]}).up()
    second = make_stack(only="broker").up()["KAFKA_BOOTSTRAP_SERVERS"]
    assert second != first


def test_a_data_folder_of_another_version_is_refused_in_postgresqls_words(make_stack) -> None:
    stack = make_stack(only="postgresql")
    stack.up()
    stack.down()
    (stack.directory / "postgresql" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServiceUnavailableError, match="database files are incompatible with server"):
        stack.up()
    assert states(stack)["postgresql"] is ServerState.STOPPED


def test_a_damaged_append_only_file_is_refused_in_redis_words(make_stack) -> None:
    stack = make_stack(only="redis")
    stack.up()
    stack.down()
    (stack.directory / "redis" / "appendonly.aof").write_text("*3\r\nnonsense\r\n*3\r\n")
    with pytest.raises(ServiceUnavailableError, match="reading the append only file") as refused:
        stack.up()
    assert str(stack.directory / "redis" / "server.log") in refused.value.sentence


def test_a_server_that_hangs_is_reported_and_not_started_a_second_time(
    make_stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(only="redis")
    stack.up()
    server = stack.server("redis")
    pid = server.pid
    monkeypatch.setattr(type(server), "start_seconds", 0.2)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(ServiceUnavailableError, match="redis server runs but has not answered"):
            stack.up()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert server.pid == pid


@pytest.mark.parametrize(
    ("name", "program", "setting"),
    [
        ("postgresql", "postgres", "DATABASE_URL"),
        ("redis", "redis-server", "REDIS_URL"),
        ("broker", "tansu", "KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_a_missing_program_is_named_with_the_setting_that_replaces_it(
    make_stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, program: str, setting: str
) -> None:
    stack = make_stack(only=name)
    with monkeypatch.context() as without:
        without.setattr(processes, "bundled", lambda *_: None)
        without.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigurationError) as missing:
            stack.up()
    assert program in missing.value.message
    assert setting in missing.value.error_action
