"""Reading an account: clients that count, and calls whose failure becomes an Unknown."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from credguard.audit.known import Fact, Unknown
from credguard.audit.reads import OWN, READS
from credguard.aws.clients import client
from credguard.aws.model import Credentials, main_region
from credguard.aws.translate import translated
from credguard.errors import AwsError, NotPermitted

T = TypeVar("T")


class Reader:
    """Reads with one set of credentials. Used by several threads at once.

    `calls`: requests sent, by "service:operation"; one that was sent again counts again.
    """

    def __init__(self, credentials: Credentials, account: str, home: str) -> None:
        """`account`: its number; `home`: the region of what is not regional to the reader."""
        self.account = account
        self.home = home
        self.partition = credentials.partition or "aws"
        self.main = main_region(self.partition)
        self.calls: Counter[str] = Counter()
        self._credentials = credentials
        self._lock = threading.Lock()

    @contextmanager
    def client(self, service: str, region: str | None = None) -> Iterator[Any]:
        """A client that counts. Raises AwsError: AWS_ENDPOINT_URL is odd, or there is no region."""
        with translated(f"a client of {service}", region or self.home):
            made = client(service, self._credentials, region or self.home)
        made.meta.events.register("before-send", self._count)
        with closing(made):
            yield made

    def _count(self, **sent: Any) -> None:
        _, service, operation = str(sent.get("event_name", "..")).split(".", 2)
        with self._lock:
            self.calls[f"{service}:{operation}"] += 1

    @property
    def total(self) -> int:
        """Requests sent so far."""
        with self._lock:
            return sum(self.calls.values())

    def arn(self, service: str, region: str, rest: str) -> str:
        """The ARN of something of this account."""
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{rest}"


def fact(name: str, where: str, read: Callable[[], T], *, own: bool = False) -> Fact[T]:
    """What `read` gives, or why it does not; `name`: of READS."""
    actions = (OWN if own and name in OWN else READS)[name]
    try:
        with translated(actions[0] if actions else name, where):
            return read()
    except NotPermitted as error:
        return Unknown(str(error), actions)
    except AwsError as error:
        return Unknown(str(error))
    except (TypeError, AttributeError) as error:
        return Unknown(f"{name} of {where} came in a form that cannot be read: {error}")


def pages(made: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """Each item under `key` of all pages of an operation."""
    for page in made.get_paginator(operation).paginate(**arguments):
        yield from page.get(key, [])


def optional(call: Callable[[], T], *codes: str) -> T | None:
    """What `call` gives; None where AWS answers with one of `codes`, which say: there is none."""
    try:
        return call()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in codes:
            return None
        raise


def tag(row: dict[str, Any], name: str) -> str:
    """The value of a tag, whatever the case of its name; "": there is none."""
    for each in row.get("Tags", []):
        if str(each.get("Key", "")).lower() == name:
            return str(each.get("Value", ""))
    return ""
