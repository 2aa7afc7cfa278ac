"""Passwords that stand by place alone, in calls and in commands."""

import random
from pathlib import Path

import pytest

from credguard.scan.engine import Engine
from credguard.scan.model import MEDIUM
from tests.support import samples

PLACES = {
    "login": ("client.login('alice', '@')", "a.py"),
    "login-plain": ('login("alice", "@")', "a.js"),
    "login-awaited": ("await page.login('alice@corp.io', '@');", "a.ts"),
    "login-more": ("smtp.login('me', '@', timeout=3)", "a.py"),
    "ruby": ("http.basic_auth 'alice', '@'\n", "a.rb"),
    "jdbc": ('DriverManager.getConnection("jdbc:x", "alice", "@");', "a.java"),
    "mysqli": ('$c = mysqli_connect($host, "alice", "@", "db");', "a.php"),
    "pdo": ("new PDO('mysql:host=x;dbname=y', 'alice', '@');", "a.php"),
    "docker": ("echo '@' | docker login -u me --password-stdin", "a.sh"),
    "docker-bare": ("echo @ | docker login --password-stdin", "a.yml"),
    "chpasswd": ('echo "root:@" | chpasswd', "a.sh"),
    "chpasswd-root": ("RUN echo 'root:@' | sudo chpasswd", "Dockerfile"),
    "sudo": ("echo @ | sudo -S apt update", "a.sh"),
    "printf": ("printf '@\\n' | sudo -k -S true", "a.sh"),
    "powershell": ("$p = '@' | ConvertTo-SecureString -AsPlainText -Force", "a.ps1"),
    "7z": ("7z a -p@ a.7z files", "a.sh"),
    "zip": ("zip -r -P @ a.zip files", "a.sh"),
    "unzip": ("unzip -P '@' a.zip", "a.sh"),
    "openssl": ("openssl enc -aes-256-cbc -k @ -in a", "a.sh"),
    "smbclient": ("smbclient //h/s -U bob%@", "a.sh"),
    "lftp": ("lftp -u me,@ ftp.corp.io", "a.sh"),
    "net use": ("net use x: \\\\srv\\s /user:bob @", "a.bat"),
    "htpasswd": ("htpasswd -b -c /etc/nginx/.htpasswd admin @", "a.sh"),
    "htpasswd-shown": ("htpasswd -nbB admin '@'", "a.sh"),
    "cookie": ("Cookie: lang=en; sessionid=@\r\n", "a.http"),
    "set-cookie": ("Set-Cookie: connect.sid=@; HttpOnly", "a.txt"),
    "cookie-in-code": ('headers = {"Cookie": "PHPSESSID=@"}', "a.py"),
    "redis-acl": ("user app on >@ ~* +@all\n".replace("+@", "+%"), "users.acl"),
}
NONE = [
    ("client.login(user, password)", "a.py"), ("client.login('alice', password)", "a.py"),
    ("client.login('alice', '${PW}')", "a.js"), ('login("page", "/index.html")', "a.js"),
    ("t('Login', 'Please log in')", "a.js"), ("login('Sign in', 'or create an account')", "a.js"),
    ("basic_auth 'admin', ENV['PW']", "a.rb"), ("getConnection(url, user, password)", "a.java"),
    ('mysqli_connect("localhost", "root", "")', "a.php"), ("new PDO($dsn, $user, $pass)", "a.php"),
    ("echo $PW | docker login --password-stdin", "a.sh"),
    ('echo "$PW" | sudo -S true', "a.sh"), ("echo \"root:${PW}\" | chpasswd", "a.sh"),
    ("cat pw.txt | docker login --password-stdin", "a.sh"),
    ("echo please log in | sudo -S true", "a.sh"), ("$s | ConvertTo-SecureString", "a.ps1"),
    ("unzip -p a.zip file.txt", "a.sh"), ("7z x a.7z -pass", "a.md"), ("7z a -p a.7z", "a.sh"),
    ("openssl enc -kfile key.txt -in a", "a.sh"), ("zip -r a.zip -x '*.P'", "a.sh"),
    ("htpasswd -c .htpasswd admin", "a.sh"), ("htpasswd -nb admin $PW", "a.sh"),
    ("net use x: \\\\srv\\s /user:bob *", "a.bat"), ("the user is on top > see below", "a.md"),
    ("Cookie: sessionid=xxxxxxxxxxxxxxxxxxxxxxxx", "a.http"),
    ("Set-Cookie: lang=en; theme=dark-blue-and-green", "a.http"),
    ("cookie: the session=whatever", "a.md"),
    ("user app on nopass ~* +%all", "users.acl"),
]  # fmt: skip
_ALPHABET = "ABDEFGHJKLMNPQRSTUVWXYZabdefghjkmnpqrstuvwxyz23456789"


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    from credguard.sources.database import load_engine

    return load_engine(str(rules_once))


def values(engine: Engine, text: str, path: str) -> set[str]:
    found = engine.scan(text.encode(), path.encode())
    return {each.value.decode() for each in found if each.confidence >= MEDIUM}


@pytest.mark.parametrize("place", PLACES)
def test_a_password_is_found_whole(engine: Engine, place: str) -> None:
    text, path = PLACES[place]
    hits = 0
    for seed in range(20):
        secret = samples.text(16, seed, _ALPHABET)
        placed = text.replace("@corp", "\0").replace("@", secret).replace("\0", "@corp")
        hits += values(engine, f"first = 1\n{placed}\nlast = 2\n", path) == {secret}
    assert hits >= 19


@pytest.mark.parametrize(("text", "path"), NONE)
def test_what_only_looks_alike(engine: Engine, text: str, path: str) -> None:
    assert values(engine, text, path) == set()


HASHES = {
    "htpasswd bcrypt": ("dev:$2y$10$", 53, ""),
    "htpasswd md5": ("dev:$apr1$abCD12ef$", 22, ""),
    "htpasswd sha1": ("dev:{SHA}", 27, "="),
    "ldap": ("userPassword: {SSHA}", 32, ""),
    "debian's shadow": ("root:$y$j9T$" + "aB3" * 7 + "/$", 43, ":19000:0:99999:7:::"),
    "labels of compose": ("- dev:$$apr1$$abCD12ef$$", 22, ""),
}


@pytest.mark.parametrize("way", HASHES)
def test_hashes_of_passwords_are_found(engine: Engine, way: str) -> None:
    before, size, after = HASHES[way]
    text = f"# users\n{before}{samples.text(size)}{after}\n"
    found = engine.scan(text.encode(), b"users")
    assert [(each.rule_id, each.line) for each in found] == [("password-hash", 2)]


@pytest.mark.parametrize(
    ("before", "number", "path"),
    [
        ("var secretKey = []byte{", "%d", "a.go"), ("secret_key = [", "%d", "a.py"),
        ("static const uint8_t aes_key[32] = {", "0x%02x", "a.c"),
        ("private final byte[] apiSecret = new byte[] {", "%d", "A.java"),
    ],
)  # fmt: skip
def test_an_array_has_the_name_that_its_declaration_gives(
    engine: Engine, before: str, number: str, path: str
) -> None:
    numbers = ", ".join(number % each for each in random.Random(4).randbytes(32))
    found = engine.scan(f"{before}{numbers}}}".encode(), path.encode())
    assert [each.rule_id for each in found] == ["secret-bytes"]


@pytest.mark.parametrize("before", ["elif token in [", "case_of_secret_keys = {"])
def test_rising_numbers_are_a_set(engine: Engine, before: str) -> None:
    numbers = ", ".join(str(each * 3 + 15) for each in range(40))
    assert engine.scan(f"{before}{numbers}]".encode(), b"a.py") == []
