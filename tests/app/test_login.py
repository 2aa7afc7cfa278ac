"""The console's sign-in URL, with STS and the federation endpoint over HTTP."""

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import keys, login
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.errors import (
    AwsError,
    ConfigError,
    CredguardError,
    NetworkDown,
    NotPermitted,
    Unsupported,
)
from credguard.secret import Secret
from credguard.store import handouts, profiles
from credguard.vault.base import key_item
from credguard.vault.memory import MemoryVault
from tests.support import samples
from tests.support.faults import FaultProxy
from tests.support.portals import SignIn
from tests.support.simulator import ACCOUNT, Simulator

ONE, TWO = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("one", "two"))


@pytest.fixture
def ctx(faults: FaultProxy, simulator: Simulator) -> Context:
    context = Context()
    vault = MemoryVault()
    context.__dict__["vault"] = vault
    for name in ("one", "two"):
        simulator.iam().add_role(name)
    vault.put(key_item("aws", simulator.account, simulator.key_id), simulator.secret)
    key = keys.prove(simulator.key_id, simulator.secret, None, "import")
    profiles.add_profile(context.db, "work", key, 1.0, consent=True)
    return context


def configure(text: str) -> None:
    file = Path(paths.aws_config_file())
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def roles(*more: str) -> None:
    configure(
        "\n".join(
            [
                f"[profile one]\nrole_arn = {ONE}\nsource_profile = work", *more,
                f"[profile two]\nrole_arn = {TWO}\nsource_profile = one\n",
            ]
        )
    )  # fmt: skip


def sign_in(
    ctx: Context,
    profile: str,
    codes: Codes | None = None,
    destination: str | None = None,
    duration_s: int | None = None,
) -> login.SignIn:
    return login.sign_in(
        ctx, profile, codes, destination=destination, duration_s=duration_s, tell=sys.stderr.write
    )


def query(url: Secret) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url.reveal()).query))


def test_a_role_signs_in_by_its_own_session(
    ctx: Context, faults: FaultProxy, console: SignIn
) -> None:
    roles("region = eu-west-1")
    made = sign_in(ctx, "one", duration_s=28800)
    (form,) = console.forms
    session = json.loads(form["Session"])
    assert set(session) == {"sessionId", "sessionKey", "sessionToken"}
    assert session["sessionId"].startswith("AS" + "IA")
    assert (form["Action"], form["SessionDuration"]) == ("getSigninToken", "28800")
    assert made.url.reveal().startswith(console.url + "/federation?")
    assert query(made.url) == {
        "Action": "login",
        "SigninToken": console.token,
        "Destination": "https://console.aws.amazon.com/console/home?region=eu-west-1",
    }
    assert faults.count("GetFederationToken") == 0
    assert console.token not in repr(made)
    (row,) = handouts.recent(ctx.db)
    assert (row.profile, row.how) == ("one", "login")


def test_a_long_term_key_signs_in_by_a_federation_token(
    ctx: Context, faults: FaultProxy, console: SignIn
) -> None:
    sign_in(ctx, "work", duration_s=3600)
    (call,) = faults.requests("GetFederationToken")
    assert (call.parameters["Name"], call.parameters["DurationSeconds"]) == ("dev", "3600")
    (statement,) = json.loads(call.parameters["Policy"])["Statement"]
    assert statement == {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert "SessionDuration" not in console.forms[0]
    sign_in(ctx, "work")
    assert faults.requests("GetFederationToken")[1].parameters["DurationSeconds"] == "43200"


def test_a_profile_with_mfa_needs_no_code_and_says_what_that_means(
    ctx: Context, faults: FaultProxy, console: SignIn
) -> None:
    configure("[profile work]\nmfa_serial = x\n")
    assert "MFA" in sign_in(ctx, "work").note
    assert faults.count("GetSessionToken") == 0


def test_a_chained_role_has_no_duration_of_its_own(ctx: Context, console: SignIn) -> None:
    roles()
    assert "--duration is not used" in sign_in(ctx, "two", duration_s=7200).note
    assert sign_in(ctx, "two").note == ""
    assert [form.get("SessionDuration") for form in console.forms] == [None, None]


@pytest.mark.parametrize(
    ("destination", "taken"),
    [
        ("https://console.aws.amazon.com/s3/home", True),
        ("https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:", True),
        ("http://console.aws.amazon.com/", False),
        ("https://console.aws.amazon.com.evil.example/", False),
        ("https://evilconsole.aws.amazon.com/", False),
        ("https://console.amazonaws.cn/", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_pages_of_the_console(
    ctx: Context, faults: FaultProxy, console: SignIn, destination: str, taken: bool
) -> None:
    roles()
    if taken:
        assert query(sign_in(ctx, "one", destination=destination).url)["Destination"] == destination
        return
    with pytest.raises(ConfigError, match="not a page"):
        sign_in(ctx, "one", destination=destination)
    assert faults.count("AssumeRole") == 0


@pytest.mark.parametrize("seconds", [0, 899, 43201])
def test_a_duration_out_of_range(ctx: Context, console: SignIn, seconds: int) -> None:
    with pytest.raises(ConfigError, match="15 minutes to 12 hours"):
        sign_in(ctx, "work", duration_s=seconds)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((400, b"<html>"), NotPermitted),
        ((403, b""), NotPermitted),
        ((500, b""), NetworkDown),
        ((302, b""), NetworkDown),
        ((200, b"<html>log in to the hotel</html>"), AwsError),
        ((200, b"[]"), AwsError),
        ((200, b'{"SigninToken": 3}'), AwsError),
        ((200, b'{"SigninToken": ""}'), AwsError),
        ((200, b'"' + b"x" * 70000), AwsError),
    ],
)
def test_an_endpoint_that_refuses_or_talks_nonsense(
    ctx: Context, console: SignIn, answer: tuple[int, bytes], kind: type[CredguardError]
) -> None:
    roles()
    console.answer = answer
    with pytest.raises(kind, match=r"127\.0\.0\.1") as caught:
        sign_in(ctx, "one")
    assert type(caught.value) is kind
    assert caught.value.hint
    assert json.loads(console.forms[0]["Session"])["sessionKey"] not in repr(caught.value)
    assert handouts.recent(ctx.db) == []


def test_no_endpoint(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    roles()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SIGNIN", "http://127.0.0.1:9")
    with pytest.raises(NetworkDown):
        sign_in(ctx, "one")


@pytest.mark.parametrize(
    ("partition", "signin", "page"),
    [
        ("aws", "signin.aws.amazon.com", "console.aws.amazon.com"),
        ("aws-cn", "signin.amazonaws.cn", "console.amazonaws.cn"),
        ("aws-us-gov", "signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_endpoint(
    partition: str, signin: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from credguard.aws import federation
    from credguard.aws.model import Credentials, main_region

    start = federation.console(partition, None)
    assert start == f"https://{page}/console/home?region={main_region(partition)}"
    creds = Credentials(samples.aws_key_id(), Secret("x"), Secret("y"), partition)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        asked: list[bytes] = []

        def refuse() -> None:
            connection, _ = proxy.accept()
            with connection:
                asked.append(connection.recv(4096))

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(NetworkDown, match=signin):
            federation.sign_in_url(creds, partition, start, None)
        thread.join()
    assert asked[0].startswith(f"CONNECT {signin}:443 ".encode())


def test_a_partition_without_a_known_endpoint(ctx: Context, faults: FaultProxy) -> None:
    configure(
        "[profile iso]\nrole_arn = arn:aws-iso:iam::123456789012:role/x\nsource_profile = work\n"
    )
    with pytest.raises(Unsupported, match="aws-iso"):
        sign_in(ctx, "iso")
    assert faults.count("AssumeRole") == 0


# The command, as a process of its own

BROWSER = """
import sys, urllib.request
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *a):
        return None
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
def get(url):
    try:
        return opener.open(url, timeout=10).headers.get("Location")
    except urllib.error.HTTPError as e:
        return e.headers.get("Location") or e.code
base = sys.argv[1].rpartition("/")[0]
with open(sys.argv[0] + ".out", "w") as f:
    print(sys.argv[1], get(base + "/guess"), get(sys.argv[1]), get(sys.argv[1]), file=f)
"""


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(
    ctx: Context, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(samples.text(20) + "\n")
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))
    config.set_value("vault.backend", "file")
    item = key_item("aws", simulator.account, simulator.key_id)
    Context().vault.put(item, simulator.secret)

    def run(*words: str, browser: str = "", given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "credguard", "login", *words],
            env={**os.environ, "BROWSER": browser},
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_stdout_prints_the_url_and_nothing_else(command: Command, console: SignIn) -> None:
    done = command("--stdout", "work")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(console.url + "/federation?Action=login&")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_role_with_mfa_takes_its_code_from_standard_input(
    command: Command, console: SignIn, faults: FaultProxy
) -> None:
    device = faults.add_mfa_device("dev")
    roles(f"mfa_serial = {device.serial}")
    done = command("--stdout", "one")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--code-stdin" in done.stderr
    done = command("--stdout", "--code-stdin", "one", given=device.code() + "\n")
    assert done.returncode == 0, done.stderr
    assert console.token in done.stdout


def test_the_browser_gets_the_url_once_and_not_in_its_command_line(
    command: Command, console: SignIn, tmp_path: Path
) -> None:
    script = tmp_path / "browser.py"
    script.write_text(BROWSER)
    browser = f"{sys.executable} {script} %s"
    done = command("work", browser=browser)
    assert done.returncode == 0, done.stderr
    assert console.token not in done.stdout + done.stderr
    address, guessed, url, again = Path(f"{script}.out").read_text().split()
    assert console.token not in address
    assert address.startswith("http://127.0.0.1:")
    assert (guessed, again) == ("404", "404")
    assert url.startswith(console.url + "/federation?")
    assert console.token in url


def test_without_a_browser_it_says_so_before_anything_is_asked(
    command: Command, console: SignIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = command("work")
    assert done.returncode == 2
    assert "--stdout" in done.stderr
    assert console.forms == []
