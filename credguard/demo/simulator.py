"""A local AWS: moto's server on the loopback, with key status and signatures enforced.

Runs as a script (`python simulator.py --port-file PATH`) in an environment that holds only moto,
and in process for the tests (`start()`). It therefore imports nothing of this package, and moto
only inside the functions that need it: `seed_user` works from an environment without moto.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from typing import Any

_TIMEOUT_S = 30
_ALLOW_ALL = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
)


class Server:
    """A running simulator. `url` is what AWS_ENDPOINT_URL is set to."""

    def __init__(self, server: Any) -> None:
        """Wrap a started moto server."""
        self._server = server
        _, port = server.get_host_and_port()
        self.port = int(port)
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stop serving and close the socket; its state stays in this process until reset()."""
        self._server.stop()
        self._server._server.server_close()


def start(port: int = 0) -> Server:
    """Serve on 127.0.0.1:`port` (0: a free one) in a thread of this process.

    Calls are not authenticated until `enforce(url, True)` or `seed_user`. Raises OSError when the
    port is taken; nothing is left running then.
    """
    from moto.server import ThreadedMotoServer

    _respect_inactive_keys()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    if port:
        _check_free(port)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return Server(server)


def _check_free(port: int) -> None:
    # moto binds in its thread, and a failure there would leave its caller waiting for ever.
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def _respect_inactive_keys() -> None:
    """Make moto refuse an Inactive access key, as AWS does; stock moto never looks at the status.

    Safe to repeat.
    """
    from moto.iam import access_control

    user_key: Any = access_control.IAMUserAccessKey
    if getattr(user_key, "respects_status", False):
        return
    original = user_key.__init__

    def init(
        self: Any, account_id: str, partition: str, access_key_id: str, headers: dict[str, str]
    ) -> None:
        original(self, account_id, partition, access_key_id, headers)
        for user in self.backend.list_users("/", None, None):
            for key in user.access_keys:
                if key.access_key_id == access_key_id and key.status != "Active":
                    raise access_control.CreateAccessKeyFailure(reason="InvalidId")

    user_key.__init__ = init
    user_key.respects_status = True


def enforce(url: str, on: bool) -> None:
    """Check keys, signatures and policies from the next call on, or check nothing."""
    _post(url + "/moto-api/reset-auth", b"0" if on else b"inf", {"Content-Type": "text/plain"})


def reset(url: str) -> None:
    """Forget every user, key and resource, and check nothing."""
    _post(url + "/moto-api/reset", b"", {})
    enforce(url, False)


def seed_user(url: str, user_name: str) -> tuple[str, str]:
    """Make the IAM user `user_name`, allowed everything, with one key, and turn enforcement on.

    Gives the key id and its secret. Raises OSError when the simulator refuses or is not there.
    """
    enforce(url, False)
    _iam(url, "CreateUser", UserName=user_name)
    _iam(
        url, "PutUserPolicy", UserName=user_name, PolicyName="everything", PolicyDocument=_ALLOW_ALL
    )
    answer = ET.fromstring(_iam(url, "CreateAccessKey", UserName=user_name))  # noqa: S314
    enforce(url, True)
    found = {element.tag.rpartition("}")[2]: element.text or "" for element in answer.iter()}
    return found["AccessKeyId"], found["SecretAccessKey"]


def _iam(url: str, action: str, **parameters: str) -> bytes:
    form = urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", **parameters})
    # moto tells the service by the credential scope; the signature is not looked at here.
    scope = "seed/20240101/us-east-1/iam/aws4_request"
    return _post(
        url + "/",
        form.encode(),
        {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, "
            "SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )


def _post(url: str, data: bytes, headers: dict[str, str]) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data=data, headers=headers, method="POST")  # noqa: S310
    with opener.open(request, timeout=_TIMEOUT_S) as answer:
        body: bytes = answer.read()
    return body


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the port is in `--port-file` once calls are answered."""
    parser = argparse.ArgumentParser(description="A local AWS for credguard's demo.")
    parser.add_argument("--port-file", required=True, help="written when ready: the port")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = start(options.port)
    try:
        temporary = f"{options.port_file}.{os.getpid()}"
        with open(temporary, "w", encoding="ascii") as file:
            file.write(f"{server.port}\n")
        os.replace(temporary, options.port_file)
        ended.wait()
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
