from __future__ import annotations

import subprocess
import sys

import pytest

from conveyor.drivers.open import open_driver
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.errors import ConfigError, StoreError, StoreUnavailable
from tests import servers, topologies


def test_a_url_says_where_the_server_is() -> None:
    settings = RedisSettings.from_url("redis://ada:s%40cret@redis.example:6380/3?prefix=shop&timeout=2.5")

    assert (settings.host, settings.port, settings.db) == ("redis.example", 6380, 3)
    assert (settings.username, settings.password) == ("ada", "s@cret")
    assert (settings.prefix, settings.timeout, settings.tls) == ("shop", 2.5, False)


def test_what_a_url_leaves_open_is_usual() -> None:
    settings = RedisSettings.from_url("redis://")

    assert (settings.host, settings.port, settings.db, settings.path) == ("localhost", 6379, 0, "")
    assert (settings.username, settings.password, settings.prefix, settings.timeout) == (None, None, "conveyor", 5.0)


def test_a_unix_socket_is_named_by_its_path_and_the_database_by_an_option() -> None:
    settings = RedisSettings.from_url("unix://:secret@/run/valkey.sock?db=2")

    assert (settings.path, settings.db, settings.password) == ("/run/valkey.sock", 2, "secret")
    assert settings.shown == "unix:///run/valkey.sock?db=2"


def test_tls_verifies_unless_told_otherwise() -> None:
    assert RedisSettings.from_url("rediss://host").tls_verify
    assert not RedisSettings.from_url("rediss://host?tls_verify=false").tls_verify


def test_the_shown_url_has_the_user_and_no_password() -> None:
    assert RedisSettings.from_url("redis://ada:secret@host/1").shown == "redis://ada@host/1"
    assert RedisSettings.from_url("redis://:secret@host:1/").shown == "redis://host:1/"


def test_a_url_of_sentinels_names_them_the_service_and_the_database() -> None:
    settings = RedisSettings.from_url(
        "redis+sentinel://ada:secret@one.example,[::1]:26380/shop/2?sentinel_password=hush&prefix=p"
    )

    assert settings.sentinels == (("one.example", 26379), ("::1", 26380))
    assert (settings.service, settings.db, settings.prefix) == ("shop", 2, "p")
    assert (settings.username, settings.password, settings.sentinel_password) == ("ada", "secret", "hush")
    assert settings.shown == "redis+sentinel://ada@one.example,[::1]:26380/shop/2?sentinel_password=…&prefix=p"
    assert RedisSettings.from_url("rediss+sentinel://one/shop").tls


def test_a_url_of_a_cluster_names_some_of_its_servers() -> None:
    settings = RedisSettings.from_url("rediss+cluster://ada:secret@one.example,two.example:7000?partitions=4")

    assert settings.nodes == (("one.example", 6379), ("two.example", 7000))
    assert (settings.partitions, settings.tls, settings.password) == (4, True, "secret")
    assert settings.shown == "rediss+cluster://ada@one.example,two.example:7000?partitions=4"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+cluster://host/1", "a cluster has none but 0; write redis\\+cluster://"),
        ("redis+cluster://", "names no server; write redis\\+cluster://"),
        ("redis://host?partitions=0", "partitions is '0' .* from 1 to 16"),
        ("redis+cluster://host?partitions=17", "partitions is '17' .* from 1 to 16"),
        ("redis+cluster://host?partitions=many", "partitions is 'many'"),
        ("redis+sentinel://host", "names no service; write redis\\+sentinel://host:26379"),
        ("redis+sentinel://host,/shop", "'' in .* names no server"),
        ("redis+sentinel://host:no,other/shop", "'host:no' in .* is no server"),
        ("redis+sentinel://host/shop/zero", "database is 'zero'"),
        ("redis+sentinel://host/shop?sentinel_password=secret&x=1", "unknown option 'x'"),
        ("redis://host?sentinel_password=secret", "only redis\\+sentinel://"),
        ("redis://host?password=secret", "unknown option 'password'"),
        ("redis://host/zero", "database is 'zero'"),
        ("redis://host/0?db=-1", "database is '-1'"),
        ("redis://host:no/0", "port"),
        ("redis://host/0#part", "names no server"),
        ("unix://", "names no server"),
        ("unix://host/path", "names no server"),
        ("redis://host?timeout=0", "timeout is '0'"),
        ("redis://host?timeout=soon", "timeout is 'soon'"),
        ("redis://host?prefix=", "prefix is ''"),
        ("redis://host?prefix=a{b}", "prefix is 'a{b}'"),
        ("redis://host?timeouts=5", "unknown option 'timeouts'"),
        ("redis://host?tls_ca=/x", "not encrypted"),
        ("rediss://host?tls_ca=/nowhere/ca.pem", "there is no file"),
        ("rediss://host?tls_verify=maybe", "tls_verify is 'maybe'"),
    ],
)
def test_a_url_that_cannot_work_is_refused_by_name_and_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        open_driver(url.replace("://", "://ada:secret@", 1) if "://host" in url else url)

    assert "secret" not in str(refused.value)


def test_without_the_client_library_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "from conveyor.drivers.open import open_driver\n"
        "from conveyor.errors import ConfigError\n"
        "try:\n    open_driver('redis://localhost')\n"
        "except ConfigError as error:\n    print(error)\n"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "pip install 'conveyor[redis]'" in said


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1:") as refused:
        open_driver("redis://ada:secret@127.0.0.1:1/0")

    assert "secret" not in str(refused.value)


def test_sentinels_that_are_not_there_are_named_with_what_to_do() -> None:
    with pytest.raises(StoreUnavailable, match=r"primary of 'shop' is: 127\.0\.0\.1:1 fails .*; correct") as refused:
        open_driver("redis+sentinel://ada:secret@127.0.0.1:1,127.0.0.1:2/shop?sentinel_password=secret")

    assert "127.0.0.1:2" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_no_sentinel_is_no_use() -> None:
    with pytest.raises(StoreUnavailable, match="unknown command"):
        open_driver(f"redis+sentinel://127.0.0.1:{servers.valkey().port}/shop")


def test_a_server_that_is_in_no_cluster_is_no_use_as_one() -> None:
    with pytest.raises(StoreUnavailable, match=r"where its slots are: .*cluster support disabled"):
        open_driver(f"redis+cluster://127.0.0.1:{servers.valkey().port}")


def test_a_server_of_a_cluster_is_no_use_alone() -> None:
    cluster = topologies.cluster()
    with cluster.servers[0].client() as client:
        has_schema = client.execute_command("CLUSTER", "KEYSLOT", "shop:schema") < 16384 // 3

    with pytest.raises(StoreError, match=r"one of a cluster; write redis\+cluster://"):
        open_driver(cluster.servers[1 if has_schema else 0].url(prefix="shop"))


def test_a_wrong_password_is_told_without_it() -> None:
    server = servers.valkey()

    with pytest.raises(StoreUnavailable, match="password") as refused:
        open_driver(f"redis://ada:secret@127.0.0.1:{server.port}/0")

    assert "secret" not in str(refused.value)
