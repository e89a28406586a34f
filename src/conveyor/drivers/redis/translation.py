"""What redis-py raises as ours, each with what to do about it."""

from __future__ import annotations

import re
from typing import Final

from redis import exceptions

from conveyor.drivers.redis.scripts import FLAGGED, PLAIN
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.errors import SchemaMismatch, StoreError, StoreFull, StoreUnavailable

_MOVES: Final = "a slot of the cluster moves away from {server}, and takes longer than the timeout ({error}); try again"

# The first word of a server's error, as of Redis 7 and Valkey 9: https://redis.io/docs/latest/develop/reference/protocol-spec/.
_WORDS: Final[dict[str, tuple[type[StoreError], str]]] = {
    "OOM": (
        StoreFull,
        "{server} has reached its memory limit; nothing was written. Raise maxmemory, or let workers drain the queues",
    ),
    "WRONGTYPE": (
        SchemaMismatch,
        "a key under {prefix}: on {server} is not conveyor's; name another ?prefix= in the URL, or delete that key",
    ),
    "NUMBER": (
        SchemaMismatch,
        "{sequence} on {server} is no number; somebody has changed it. Set it to one above all that it was",
    ),
    "NOPERM": (StoreError, "{server} refuses this user: {error}; give it that permission (see ACL SETUSER)"),
    "NOAUTH": (StoreUnavailable, "{server} asks for a password; put user and password into the store URL"),
    "WRONGPASS": (StoreUnavailable, "{server} does not know this user and password; correct them in the store URL"),
    "READONLY": (StoreUnavailable, "{server} is a replica now; connect to the primary, or try again after a failover"),
    "LOADING": (StoreUnavailable, "{server} is loading its data; try again when it has"),
    "BUSY": (StoreUnavailable, "{server} is busy with somebody's script; try again, or end it with SCRIPT KILL"),
    "MASTERDOWN": (StoreUnavailable, "{server} has lost its primary; try again after the failover"),
    "CLUSTERDOWN": (StoreUnavailable, "the cluster of {server} is down ({error}); try again when it is back"),
    "MOVED": (StoreUnavailable, _MOVES),
    "ASK": (StoreUnavailable, _MOVES),
    "TRYAGAIN": (StoreUnavailable, _MOVES),
    "NOREPLICAS": (StoreUnavailable, "{server} has too few replicas to write to (min-replicas-to-write); {error}"),
    "MISCONF": (StoreUnavailable, "{server} takes no writes, because it could not save to its disk; make room there"),
    "UNKILLABLE": (StoreUnavailable, "{server} is busy with somebody's script; try again"),
}
_ELSEWHERE: Final = frozenset({"MOVED", "ASK", "TRYAGAIN"})
"""What a server says of a slot that it does not have."""

_REFUSED: Final = "can't run this command"
_LINE: Final = re.compile(r"script: ([0-9a-f]{40}), on @user_script:(\d+)")
_CALL: Final = re.compile(r"call(?:_many)?\('([A-Z]+)'")
_SCRIPTS: Final = {script.sha.decode(): script.text for script in (*PLAIN.values(), *FLAGGED.values())}


def translate(error: BaseException, settings: RedisSettings) -> StoreError:
    """The ConveyorError for what the client raised."""
    words = {"server": settings.server, "prefix": settings.beginning, "error": _plain(error, settings)}
    words["sequence"] = (
        f"one of {settings.base(0)}:sequence and its like" if settings.is_spread else f"{settings.prefix}:sequence"
    )
    if isinstance(error, exceptions.AuthenticationError):
        return StoreUnavailable(f"{settings.server} refuses the user or password of the store URL: {words['error']}")
    if isinstance(error, exceptions.TimeoutError):
        return StoreUnavailable(
            f"{settings.server} did not answer within {settings.timeout:g} s; try again, or raise ?timeout= in the "
            "store URL. What was asked for may have happened"
        )
    if isinstance(error, exceptions.ResponseError):
        word = _first_word(error)
        kind, message = _WORDS.get(word, (StoreError, "{server}: {error}"))
        if word in _ELSEWHERE and not settings.nodes:
            kind, message = StoreError, "{server} is one of a cluster; write redis+cluster://{server} in the store URL"
        return kind(message.format(**words))
    if isinstance(error, exceptions.ConnectionError | OSError):
        return StoreUnavailable(
            f"cannot reach {settings.server}: {words['error']}; {_remedy(words['error'], settings)}"
        )
    return StoreError(f"{settings.server}: {words['error']}")


def _remedy(said: str, settings: RedisSettings) -> str:
    """What to do about a server that cannot be reached."""
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return "correct the host in the store URL, or name the authority to trust with ?tls_ca="
    if settings.tls and ("ALERT" in said or "EOF" in said):
        return "it may ask for a certificate of ours (?tls_cert=, ?tls_key=), or speak no TLS (redis://)"
    if not settings.tls and ("reset" in said or "closed" in said):
        return "it may speak TLS alone (rediss://), or have just gone away"
    return "start the server or correct the URL"


def _first_word(error: exceptions.ResponseError) -> str:
    """Redis-py takes some of these words off its messages and raises a class instead."""
    for kind, word in _CLASSES.items():
        if isinstance(error, kind):
            return word
    text = str(error).removeprefix("ERR ")
    # Of a command that a script called: Redis 7 and Valkey, and releases before.
    if "ACL failure in script" in text or "user executing the script can't" in text:
        return "NOPERM"
    # A command that failed inside a script: "Error running script (…): @user_script: 12: OOM command not allowed …".
    if "is not an integer" in text:
        return "NUMBER"
    found = re.search(rf"\b({'|'.join(_WORDS)})\b", text)
    return found[1] if found else ""


_CLASSES: Final[dict[type[Exception], str]] = {
    exceptions.OutOfMemoryError: "OOM",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.MasterDownError: "MASTERDOWN",
}


def _plain(error: BaseException, settings: RedisSettings) -> str:
    """The error's words in one line, without the password should it be among them."""
    text = " ".join(str(error).split()) or type(error).__name__
    if _REFUSED in text:
        text += _refused(text)
    return text.replace(settings.password, "…") if settings.password else text


def _refused(text: str) -> str:
    """Which command it was that a script may not call: Redis 7.0 says where it stands in the script, and no more."""
    found = _LINE.search(text)
    lines = _SCRIPTS.get(found[1], b"").decode().splitlines() if found else []
    last = int(found[2]) if found else 0
    # An error that the script itself hands on comes from a line or two above.
    for line in reversed(lines[max(0, last - 3) : last]):
        if commands := sorted(set(_CALL.findall(line))):
            return f" That is {' or '.join(commands)}"
    return ""
