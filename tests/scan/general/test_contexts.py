"""Every common way to write a secret is found; lines around it change nothing."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from credguard.scan.engine import Engine
from credguard.scan.general.kinds import GENERAL_RULES, IDS
from credguard.scan.general.score import explain
from credguard.scan.model import MEDIUM
from tests.support import samples

# Text with @ for the secret, and the file it stands in.
PLACES = {
    "python": ('db_password = "@"', "a.py"),
    "python-single": ("password = '@'", "a.py"),
    "bytes-literal": ("SECRET_KEY = b'@'", "a.py"),
    "typed": ('password: str = "@"', "a.py"),
    "compare": ('if password == "@":', "a.py"),
    "keyword": ('connect(user="app", password="@")', "a.py"),
    "go": ('dbPassword := "@"', "a.go"),
    "go-struct": ('Config{User: "app", Password: "@"}', "a.go"),
    "go-raw": ("password := `@`", "a.go"),
    "java": ('private static final String PASSWORD = "@";', "A.java"),
    "csharp": ('const string password = "@";', "a.cs"),
    "csharp-verbatim": ('var password = @"@";', "a.cs"),
    "objc": ('[zip open:path password:@"@"];', "a.m"),
    "ruby-hash": (":password => '@',", "a.rb"),
    "ruby-symbol": ("password: '@',", "a.rb"),
    "php": ("$config['password'] = '@';", "a.php"),
    "php-array": ("'password' => '@',", "a.php"),
    "php-define": ("define('DB_PASSWORD', '@');", "a.php"),
    "js": ("const apiKey = '@';", "a.js"),
    "js-object": ("{ apiSecret: '@' }", "a.js"),
    "js-index": ("config['client_secret'] = '@'", "a.js"),
    "ts": ("private password: string = '@';", "a.ts"),
    "kotlin": ('val clientSecret: String = "@"', "a.kt"),
    "rust": ('let password = String::from("@");', "a.rs"),
    "swift": ('let apiSecret: String = "@"', "a.swift"),
    "builder": ('builder.withPassword("@")', "A.java"),
    "setter": ('client.SetAuthToken("@")', "a.go"),
    "second-argument": ('NewPasswordCredential("alice", "@")', "a.cs"),
    "property": ('System.setProperty("DB_PASSWORD", "@");', "A.java"),
    "json": ('{"password": "@"}', "a.json"),
    "json-escaped": ('body = "{\\"password\\": \\"@\\"}"', "a.go"),
    "yaml": ("password: @", "a.yml"),
    "yaml-quoted": ('password: "@"', "a.yml"),
    "yaml-nested": ("db:\n  user: app\n  password: @\n", "a.yaml"),
    "yaml-flow": ("{user: app, password: @}", "a.yml"),
    "yaml-list": ("      - MYSQL_ROOT_PASSWORD=@", "a.yml"),
    "ini": ("[db]\npassword = @", "a.ini"),
    "properties": ("spring.datasource.password=@", "a.properties"),
    "env": ("DB_PASSWORD=@", ".env"),
    "env-export": ("export DB_PASSWORD=@", "a.sh"),
    "toml": ('password = "@"', "a.toml"),
    "tfvars": ('db_password = "@"', "a.tfvars"),
    "dockerfile": ("ENV DB_PASSWORD=@", "Dockerfile"),
    "dockerfile-blank": ("ENV DB_PASSWORD @", "Dockerfile"),
    "commented": ("# password: @", "a.yml"),
    "commented-code": ('// ds.setPassword("@");', "A.java"),
    "markdown": ("    docker run -e MYSQL_ROOT_PASSWORD=@ mysql", "a.md"),
    "option": ("tool --db-password=@ run", "a.sh"),
    "option-blank": ("tool --password @ run", "a.sh"),
    "java-option": ("java -Djavax.net.ssl.trustStorePassword=@ Main", "a.sh"),
    "curl-user": ("curl -u admin:@ https://internal.net/", "a.sh"),
    "url": ("postgres://app:@@db.internal:5432/app", "a.py"),
    "url-nats": ("nats://app:@@10.0.0.1:4222", "a.md"),
    "jdbc": ('url = "jdbc:sqlserver://db;user=app;password=@;x=1"', "A.java"),
    "ado": ('"Server=db;User Id=app;Password=@;"', "a.cs"),
    "query": ('"https://db.internal/cb?state=1&access_token=@&x=1"', "a.py"),
    "xml": ("<password>@</password>", "a.xml"),
    "xml-add": ('<add key="DbPassword" value="@" />', "a.config"),
    "kubernetes-env": ("- name: DB_PASSWORD\n  value: @\n", "a.yml"),
    "bearer": ("Authorization: Bearer @", "a.http"),
    "bearer-code": ("req.Header.Set('Authorization', 'Bearer @')", "a.go"),
    "api-key-header": ('curl -H "X-Api-Key: @" https://api.internal.net', "a.sh"),
    "sql": ("CREATE USER app IDENTIFIED BY '@';", "a.sql"),
    "terraform-variable": (
        'variable "db_password" {\n  type    = string\n  default = "@"\n}\n',
        "a.tf",
    ),
    "terraform-output": (
        '{"outputs": {"db_password": {"sensitive": true, "value": "@"}}}',
        "a.tfstate",
    ),
    "cloudformation": (
        "Parameters:\n  DBPassword:\n    Type: String\n    NoEcho: true\n    Default: @\n",
        "a.yaml",
    ),
    "cloudformation-json": (
        '{"Parameters": {"DBPassword": {"Type": "String", "Default": "@"}}}',
        "a.json",
    ),
    "sql-insert": ("INSERT INTO users (name, password) VALUES ('bob', '@');", "a.sql"),
    "sql-insert-rows": (
        "INSERT INTO `u` (`id`, `password`) VALUES\n(1, concat('a', 'b')),\n(2, '@');",
        "a.sql",
    ),
    "sql-bare": ("ALTER USER app IDENTIFIED BY @;", "a.sql"),
    "sql-plugin": ("CREATE USER app IDENTIFIED WITH caching_sha2_password BY '@';", "a.sql"),
    "redis": ("port 6379\nrequirepass @\n", "redis.conf"),
    "redis-replica": ('masterauth "@"\n', "redis.conf"),
    "ldap": ("# bindpw @\n", "ldap.conf"),
    "powershell": ('$p = ConvertTo-SecureString "@" -AsPlainText -Force', "a.ps1"),
    "powershell-string": ("ConvertTo-SecureString -AsPlainText -Force -String '@'", "a.ps1"),
    "plist": ("<dict>\n\t<key>password</key>\n\t<string>@</string>\n</dict>", "a.plist"),
    "yaml-block": ("password: |\n  @\n", "a.yml"),
    "yaml-folded": ("db:\n  password: >-\n    @\n  user: x\n", "a.yml"),
    "yaml-anchor": ("password: &db @\n", "a.yml"),
    "yaml-tag": ('password: !!str "@"\n', "a.yml"),
    "make": ("DB_PASSWORD ?= @\n", "Makefile"),
    "wpa-supplicant": ('network={\n  ssid="home"\n  psk="@"\n}\n', "wpa_supplicant.conf"),
    "networkmanager": ("[wifi-security]\nkey-mgmt=wpa-psk\npsk=@\n", "home.nmconnection"),
    "auth-pair": ("requests.get(url, auth=('bob', '@'))", "a.py"),
    "auth-call": ("requests.get(url, auth=HTTPBasicAuth('bob', '@'))", "a.py"),
    "sshpass": ("sshpass -p @ ssh host", "a.sh"),
    "curl-no-user": ("curl -u ':@' https://internal.net/", "a.sh"),
    "authorization-token": ('curl -H "Authorization: Api-Token @" https://internal.net', "a.sh"),
    "kubernetes-secret": ("kind: Secret\nstringData:\n  conn: @\n", "a.yaml"),
    "kubernetes-data-first": ("data:\n\tconn: '@'\nkind: 'Secret'\n", "a.yaml"),
    "kubernetes-block": ("kind: Secret\ndata:\n  .dockercfg: |\n    @\n", "a.yaml"),
    "kubernetes-json": (
        '{\n  "kind": "Secret",\n  "data": {\n    "conn": "@"\n  }\n}',
        "a.json",
    ),
    "curl-quoted-password": ("curl --user kevin:'@' https://internal.net/", "a.sh"),
    "value-file": ("@\n", "run/secrets/db_password"),
    "value-file-text": ("@\n", "envdir/API_TOKEN.txt"),
    "html-escaped": ("password = &quot;@&quot;", "a.html"),
}
_ALPHABET = "ABDEFGHJKLMNPQRSTUVWXYZabdefghjkmnpqrstuvwxyz23456789"


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    from credguard.sources.database import load_engine

    return load_engine(str(rules_once))


def _values(engine: Engine, text: str, path: str) -> set[str]:
    found = engine.scan(text.encode(), path.encode())
    return {each.value.decode() for each in found if each.confidence >= MEDIUM}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_found_whole(engine: Engine, place: str) -> None:
    text, path = PLACES[place]
    hits = 0
    for seed in range(20):
        secret = samples.text(20, seed, _ALPHABET)
        # In "url" the sign after the secret is a real @.
        placed = text.replace("@@", secret + "\0").replace('@"@"', '\0"@"').replace("@", secret)
        hits += secret in _values(engine, placed.replace("\0", "@"), path)
    assert hits >= 19


@pytest.mark.parametrize("place", PLACES)
def test_lines_around_change_nothing(engine: Engine, place: str) -> None:
    text, path = PLACES[place]
    if "\n" in text:
        return
    secret = samples.text(20, 3, _ALPHABET)
    placed = text.replace("@@", secret + "\0").replace('@"@"', '\0"@"').replace("@", secret)
    placed = placed.replace("\0", "@")
    around = f"first = 1\n\n\n\n{placed}\n\n\n\nlast = 2\n"
    assert (secret in _values(engine, placed, path)) == (secret in _values(engine, around, path))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("password = get_password()", "a.py"), ("opts.Password = c.Password", "a.go"),
        ("password: string;", "a.ts"), ("secretName: my-app-tls", "a.yml"),
        ("password: ${DB_PASSWORD}", "a.yml"), ("password: {{ db_password }}", "a.yml"),
        ('password = os.environ["DB_PASSWORD"]', "a.py"), ("token = self._next()", "a.py"),
        ('"ChangePassword": "cognito-idp:ChangePassword"', "a.json"),
        ('password_label = "Enter your password"', "a.py"), ("PASSWORD=<password>", ".env"),
        ('apiKey: "YOUR_API_KEY"', "a.js"), ('PublicKeyToken=b77a5c561934e089"', "a.resx"),
        ("author: Guido van Rossum", "a.yml"), ('token_type = "access_token"', "a.py"),
        ('"password": null', "a.json"), ("password: !vault |", "a.yml"),
        ("postgres://user:${PASSWORD}@db/app", "a.yml"), ("https://user:%s@host/", "a.py"),
        ("secret = b'aaaaaaaaaaaaaaaa'", "a.py"), ('password = "********"', "a.py"),
        ("Authorization: Bearer <token>", "a.md"), ("passwords must be long", "a.md"),
        ('input_token = "NextToken"', "a.py"), ("password = getpass.getpass()", "a.py"),
        ('variable "db_password" {\n  default = null\n}', "a.tf"),
        ('variable "token_ttl" {\n  default = "3600"\n}', "a.tf"),
        ('output "password" {\n  value = "${random_password.main.result}"\n}', "a.tf"),
        ("  DBPasswordParameter:\n    Default: /prod/db/password\n", "a.yaml"),
        ('{"token": {"value": "#ff8800", "type": "color"}}', "a.json"),
        ("INSERT INTO users (name, password) VALUES (?, ?)", "a.py"),
        ("INSERT INTO users (name, password) VALUES ('%s', '%s')", "a.py"),
        ("INSERT INTO users (name, password) VALUES ('bob', NULL)", "a.sql"),
        ("INSERT INTO kinds (id, token_type) VALUES (1, 'bearer')", "a.sql"),
        ("CREATE USER app IDENTIFIED BY '${DB_PASSWORD}';", "a.sql"),
        ("Each user is identified by name and address.", "a.md"),
        ("# requirepass foobared\n", "redis.conf"), ('requirepass ""\n', "redis.conf"),
        ("bindpw is the password to bind with\n", "a.md"),
        ('ConvertTo-SecureString "$env:PW" -AsPlainText', "a.ps1"),
        ("<key>PasswordType</key><string>plain</string>", "a.plist"),
        ("password: |\n  {{ vault_password }}\n", "a.yml"), ("password: &pw ${PW}\n", "a.yml"),
        ("token: >\n  Used to authenticate against the API.\n", "a.yml"),
        ("DB_PASSWORD ?= $(shell pass db)\n", "Makefile"),
        ("requests.get(url, auth=(user, password))", "a.py"),
        ("sshpass -p $PASS ssh host", "a.sh"), ("curl -u :$PASS https://x.io/", "a.sh"),
        ("Authorization: Bot <token>", "a.md"), ("none\n", "db_password"),
        ("/run/secrets/db\n", "password_file"), ("${DB_PASSWORD}\n", "db_password"),
        ("see the wiki\n", "password.txt"), ("3.11.7\n", "token-version"),
        ("kind: Secret\ndata:\n  user: c29tZWJvZHkgZWxzZQ==\n  on: dHJ1ZQ==\n", "a.yaml"),
        ("kind: Secret\ndata:\n  conn: {{ .Values.conn | b64enc }}\n", "a.yaml"),
        ("kind: Secret\ndata:\n  a: x\n---\nkind: ConfigMap\ndata:\n  conn: J8kQ2mX9vT4wL7pZ\n",
         "a.yaml"),
        ("PASS: test_foo_bar\n", "test.log"), ("--- PASS: TestFoo2b (0.00s)\n", "out.txt"),
        ("PASS: gcc.dg/20001012-1.c (test for excess errors)\n", "gcc.sum"),
        ("# First pass: determine the longest name\n", "a.py"),
        ("# password = hashed with SHA256, then encoded\n", "a.conf"),
        ("The --password options of both programs", "a.md"), ("pwd: 3.0-3.12\n", "VERSIONS"),
        ('password = ":****"', "a.py"),
    ],
)  # fmt: skip
def test_what_only_looks_alike(engine: Engine, text: str, path: str) -> None:
    assert _values(engine, text, path) == set()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NextToken", False), ("nextContinuationToken", False), ("pageToken", False),
        ("ClientRequestToken", False), ("idempotency_token", False), ("accessToken", True),
        ("pageAccessToken", True), ("oauthRequestToken", True),
    ],
)  # fmt: skip
def test_a_token_that_names_a_place_in_a_list_is_none(
    engine: Engine, name: str, told: bool
) -> None:
    secret = samples.text(40, 9, _ALPHABET)
    assert bool(_values(engine, f'{{"{name}": "{secret}"}}', "a.json")) == told


@pytest.mark.parametrize("name", ["hashed_secret", "hashedPassword"])
def test_what_is_named_a_hash_is_no_secret(engine: Engine, name: str) -> None:
    """The first is in every baseline of detect-secrets, which is committed."""
    rows = [f'{{"{name}": "{hashlib.sha1(str(n).encode()).hexdigest()}"}}' for n in range(50)]
    assert _values(engine, ",\n".join(rows), ".secrets.baseline") == set()


def test_a_password_in_notes_is_no_verdict_of_a_test(engine: Engine) -> None:
    secret = samples.text(12, 4, _ALPHABET)
    assert _values(engine, f"USER: bob\nPASS: {secret}\n", "notes.txt") == {secret}


def test_every_row_of_an_insert_is_read(engine: Engine) -> None:
    secrets = [samples.text(14, seed, _ALPHABET) for seed in range(300)]
    rows = ",\n".join(f"({at}, 'u{at}', '{each}')" for at, each in enumerate(secrets))
    text = f"INSERT INTO users (id, name, password) VALUES {rows};"
    assert _values(engine, text, "dump.sql") == set(secrets)


def test_every_secret_of_a_long_list_is_read(engine: Engine) -> None:
    secrets = [samples.text(18, seed, _ALPHABET) for seed in range(300)]
    rest = "  kind: Secret\n  metadata:\n    note: " + "n" * 400 + "\n"
    items = "".join(f"- apiVersion: v1\n  data:\n    conn: {each}\n{rest}" for each in secrets)
    assert _values(engine, "items:\n" + items, "all.yaml") == set(secrets)


def test_a_byte_array_is_one_finding(engine: Engine) -> None:
    numbers = ", ".join(str(ord(each) * 2 % 256) for each in samples.text(32, 7))
    (found,) = engine.scan(f"authToken := []byte{{{numbers}}}\n".encode(), b"a.go")
    assert found.rule_id == "secret-bytes"


def test_the_members_of_a_list_are_found(engine: Engine) -> None:
    values = [samples.text(24, seed, _ALPHABET) for seed in range(3)]
    text = 'tokens = ["' + '", "'.join(values) + '"]'
    assert set(values) <= _values(engine, text, "a.py")


def test_a_finding_tells_its_signals(engine: Engine) -> None:
    text = f'password = "{samples.text(20, 5, _ALPHABET)}"'
    (found,) = engine.scan(text.encode(), b"a.py")
    said = explain(found.signals)
    assert "name:password" in found.signals
    assert said == sorted(said, key=lambda pair: (-abs(pair[1]), pair[0]))
    assert all(weight for _, weight in said)


def test_the_rules_are_told_apart() -> None:
    assert len(IDS) == len(GENERAL_RULES)
    assert {severity for _, _, severity in GENERAL_RULES} <= {"low", "medium", "high"}


_PIECES = st.sampled_from(
    [b"password", b"token", b"=", b":", b'"', b"'", b"\\", b"(", b"[", b"://", b"@", b"\n", b" ",
     b"Bearer ", b"-u a:", b"<secret>", b"</secret>", b"1,", b"&quot;", b"`", b"value", b"name: "]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@example([b"<secret>", b"&quot;", b"&quot;"], b"a.py")  # a value of nothing
@given(
    st.lists(_PIECES | st.binary(max_size=12), max_size=40), st.sampled_from([b"a.py", b"a.yml"])
)
def test_nothing_raises_and_masks_hide(engine: Engine, parts: list[bytes], path: bytes) -> None:
    data = b"".join(parts)
    for each in engine.scan(data, path):
        assert each.value in data
        shown = each.masked().replace("*", "")
        assert len(shown) <= 4
        assert len(shown) <= len(each.value) / 5 or not shown


def test_what_the_budget_leaves_out_is_counted(engine: Engine) -> None:
    lines = [f'k{seed}_password = "{samples.text(9, seed)}"' for seed in range(20_000)]
    found, probed = engine.examine("\n".join(lines).encode(), b"a.py")
    assert len(found) >= 1000
    assert sum(probed["general-unjudged"]) >= 4000
    few, probed = engine.examine("\n".join(lines[:500]).encode(), b"a.py")
    assert "general-unjudged" not in probed
    assert len(few) >= 400


def test_what_was_not_judged_is_a_problem_of_the_scan(engine: Engine) -> None:
    from credguard.scan.whole import scan_all

    lines = [f'k{seed}_password = "{samples.text(9, seed)}"' for seed in range(20_000)]
    scanned = scan_all(engine, "\n".join(lines).encode(), b"a.py")
    assert scanned.findings
    ((path, why),) = scanned.problems
    assert path == b"a.py"
    assert "not judged" in why
