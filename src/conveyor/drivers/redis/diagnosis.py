"""What a server says of itself: release, memory, eviction, persistence; see `drivers.base.Driver.diagnose`."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from conveyor.drivers.redis.opening import VERSION
from conveyor.drivers.redis.part import Part
from conveyor.drivers.redis.route import Route
from conveyor.drivers.redis.settings import PARTITIONS
from conveyor.errors import StoreError
from conveyor.findings import Finding
from conveyor.times import SECOND

_MIB: Final = 1 << 20
_NEARLY_FULL: Final = 0.9
_LOST_AT_MOST: Final = {"always": "nothing", "everysec": "the last second", "no": "what the system has not written yet"}


class Diagnosis(Part):
    """The operations on the store itself; their promises stand in `drivers/base.py`."""

    def now(self) -> int:
        self._connections.check_open()
        if self._clock is not None:
            return self._clock()
        seconds, micros = self._connections.command("TIME")
        return int(seconds) * SECOND + int(micros)

    def diagnose(self) -> list[Finding]:
        others = f" and {PARTITIONS - 1} more" if self._connections.settings.is_spread else ""
        release = _release(self._connections)
        found = [Finding(is_ok=True, text=f"{release}, layout {VERSION} under {self._key}:{others}")]
        servers = self._connections.servers()
        for server in servers:
            name = f"{server.settings.server}: " if len(servers) > 1 else ""
            found += [replace(finding, text=name + finding.text) for finding in findings(server)]
        return found


def findings(connections: Route) -> list[Finding]:
    """What could lose jobs: eviction, no persistence, a memory that is nearly full."""
    memory, disk = info(connections, "memory"), info(connections, "persistence")
    return [_eviction(memory), _room(memory), _persistence(connections, disk)]


def info(connections: Route, section: str) -> dict[str, str]:
    """A section of what INFO says."""
    said: bytes = connections.command("INFO", section)
    lines = said.decode("utf-8", "replace").splitlines()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def _release(connections: Route) -> str:
    server = info(connections, "server")
    if "valkey_version" in server:
        return f"Valkey {server['valkey_version']}"
    return f"Redis {server.get('redis_version', 'of an unknown release')}"


def _eviction(memory: dict[str, str]) -> Finding:
    policy = memory.get("maxmemory_policy", "noeviction")
    limit = int(memory.get("maxmemory", "0"))
    # No key of ours has a time to live, so that the policies for such keys leave them alone.
    is_ok = not limit or not policy.startswith("allkeys-")
    return Finding(
        is_ok=is_ok,
        text=f"maxmemory-policy is {policy}" + ("" if is_ok else ": at its memory limit the server deletes jobs"),
        remedy="" if is_ok else "set maxmemory-policy to noeviction, and give jobs a server of their own",
    )


def _room(memory: dict[str, str]) -> Finding:
    used, limit = int(memory.get("used_memory", "0")), int(memory.get("maxmemory", "0"))
    is_ok = not limit or used < _NEARLY_FULL * limit
    return Finding(
        is_ok=is_ok,
        text=f"{used // _MIB:,} MiB of memory in use" + (f" of {limit // _MIB:,}" if limit else ", no limit set"),
        remedy="" if is_ok else "raise maxmemory, or let workers drain the queues: a full server refuses every push",
    )


def _persistence(connections: Route, disk: dict[str, str]) -> Finding:
    if disk.get("aof_enabled") == "1":
        lost = _LOST_AT_MOST.get(_setting(connections, "appendfsync") or "", "the last seconds")
        return Finding(is_ok=True, text=f"append-only file on: a crash loses {lost} at most")
    saves = _setting(connections, "save")
    if saves is None:
        return _volatile("no append-only file: a crash may lose everything since the last snapshot, if there are any")
    if saves:
        return _volatile(f"snapshots alone (save {saves}): a crash loses everything since the last one")
    return _volatile("persistence is off: a restart of the server loses every job")


def _volatile(text: str) -> Finding:
    return Finding(is_ok=False, text=text, remedy="set appendonly to yes")


def _setting(connections: Route, name: str) -> str | None:
    """A setting; `None` where this user, or a server in somebody's cloud, does not tell."""
    try:
        found: list[bytes] = connections.command("CONFIG", "GET", name)
    except StoreError:
        return None
    return found[1].decode() if found else None
