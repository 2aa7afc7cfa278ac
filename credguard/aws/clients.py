"""botocore clients with explicit keys only: no ~/.aws, no environment credentials, no IMDS.

AWS_ENDPOINT_URL, AWS_CA_BUNDLE and the proxy variables are honoured.
"""

import os
import threading
import time
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from credguard import __version__
from credguard.aws.model import Credentials, main_region

# An endpoint that never answers is given up within 3 * (3 + 7) s and botocore's two pauses, 0.15 s
# in all (3 s in older releases; 13 s at most where AWS asks for pauses in its answers). The limits
# are on silence: looking a name up and an answer that trickles are not bounded by them.
_CONNECT_S = 3
_READ_S = 7
_ATTEMPTS = 3
# A call sent once ends within 33 s. The reply that is given up may hold a new key's only secret.
_ONCE_READ_S = 30

# For a client that may repeat what it sends.
LIMITS: dict[str, Any] = {
    "connect_timeout": _CONNECT_S,
    "read_timeout": _READ_S,
    "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
}

# Reading the service models is not safe from several threads of one session.
_lock = threading.Lock()
_skew: float | None = None


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    # The default loader also looks into ~/.aws/models.
    session.register_component(
        "data_loader",
        Loader(
            extra_search_paths=[Loader.BUILTIN_DATA_PATH],
            include_default_search_paths=False,
        ),
    )
    session.register("response-received", _note_date)
    return session


def _note_date(**answer: Any) -> None:
    global _skew
    try:
        date = parsedate_to_datetime((answer["response_dict"] or {})["headers"]["Date"])
    except (KeyError, ValueError):
        return
    if date.tzinfo is not None:
        _skew = time.time() - date.timestamp()


def server_skew() -> float | None:
    """Seconds by which this machine's clock is ahead of AWS's, by the newest answer's Date.

    Too large by up to a second and the time the answer took. None: no answer to this process yet.
    """
    return _skew


def region_for(credentials: Credentials, region: str | None) -> str:
    """`region`, else the partition's main one, else AWS_REGION's, else us-east-1."""
    if region:
        return region
    if credentials.partition:
        return main_region(credentials.partition)
    return (
        os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or main_region("aws")
    )


def client(
    service: str,
    credentials: Credentials,
    region: str | None = None,
    *,
    once: bool = False,
    transaction: str | None = None,
) -> Any:
    """A client of `service`, to be closed by the caller.

    `once`: each request is sent a single time, whatever happens. `transaction` is appended to the
    user agent, which CloudTrail records.
    """
    agent = f"credguard/{__version__}" + (f" txn/{transaction}" if transaction else "")
    config = Config(
        connect_timeout=_CONNECT_S,
        read_timeout=_ONCE_READ_S if once else _READ_S,
        retries={"mode": "standard", "total_max_attempts": 1 if once else _ATTEMPTS},
        user_agent_extra=agent,
    )
    token = credentials.token
    with _lock:
        return _session().create_client(
            service,
            region_name=region_for(credentials, region),
            aws_access_key_id=credentials.key_id,
            aws_secret_access_key=credentials.secret.reveal(),
            aws_session_token=token.reveal() if token is not None else None,
            config=config,
        )
