"""Where AWS keys live: every common way to write one is found, and what only looks alike is not."""

from pathlib import Path

import pytest

from credguard.scan.engine import Engine
from credguard.scan.model import MEDIUM
from tests.support import samples

SECRET = "@SECRET@"
PLACES = {
    "credentials": "[default]\naws_secret_access_key = @SECRET@",
    "credentials without spaces": "aws_secret_access_key=@SECRET@",
    "config with a tab": "aws_secret_access_key\t=\t@SECRET@",
    "upper case": "AWS_SECRET_ACCESS_KEY=@SECRET@",
    "export": "export AWS_SECRET_ACCESS_KEY='@SECRET@'",
    "fish": "set -gx AWS_SECRET_ACCESS_KEY @SECRET@",
    "csh": 'setenv AWS_SECRET_ACCESS_KEY "@SECRET@"',
    "cmd.exe": "set AWS_SECRET_ACCESS_KEY=@SECRET@\r",
    "setx": 'setx AWS_SECRET_ACCESS_KEY "@SECRET@"',
    "PowerShell": '$env:AWS_SECRET_ACCESS_KEY="@SECRET@"',
    "PowerShell cmdlet": "Set-AWSCredential -AccessKey x -SecretKey @SECRET@ -StoreAs default",
    "aws configure": "aws configure set aws_secret_access_key @SECRET@",
    "Dockerfile": "ENV AWS_SECRET_ACCESS_KEY=@SECRET@",
    "old Dockerfile": "ENV AWS_SECRET_ACCESS_KEY @SECRET@",
    "docker run": "docker run -e AWS_SECRET_ACCESS_KEY=@SECRET@ image",
    "compose list": "      - AWS_SECRET_ACCESS_KEY=@SECRET@",
    "compose map": "      AWS_SECRET_ACCESS_KEY: @SECRET@",
    "yaml quoted": 'aws_secret_access_key: "@SECRET@"',
    "kubernetes": "  - name: AWS_SECRET_ACCESS_KEY\n    value: @SECRET@",
    "ECS task": '{"name": "AWS_SECRET_ACCESS_KEY", "value": "@SECRET@"}',
    "ECS task over lines": '"name": "AWS_SECRET_ACCESS_KEY",\n          "value": "@SECRET@"',
    "json": '{"SecretAccessKey": "@SECRET@"}',
    "json camel": '"secretAccessKey":"@SECRET@"',
    "json in a string": '"{\\"SecretAccessKey\\": \\"@SECRET@\\"}"',
    "xml": "<SecretAccessKey>@SECRET@</SecretAccessKey>",
    "hadoop": "<name>fs.s3a.secret.key</name><value>@SECRET@</value>",
    "terraform": 'provider "aws" {\n  secret_key = "@SECRET@"\n}',
    "terraform state": '"secret": "@SECRET@",\n "ses_smtp_password_v4": "x"',
    "tfvars": 'aws_secret_key = "@SECRET@"',
    "ini": "secret_access_key = @SECRET@",
    "s3cfg": "secret_key = @SECRET@",
    "properties": "aws.secretKey=@SECRET@",
    "spring": "cloud.aws.credentials.secret-key=@SECRET@",
    "spark": "spark.hadoop.fs.s3a.secret.key @SECRET@",
    "boto": "boto3.client('s3', aws_secret_access_key='@SECRET@')",
    "ruby": "secret_access_key: '@SECRET@',",
    "ruby hash": ":secret_access_key => '@SECRET@'",
    "javascript": "AWS.config.update({secretAccessKey: '@SECRET@'})",
    "java": 'new BasicAWSCredentials("@ID@", "@SECRET@")',
    "go": 'credentials.NewStaticCredentials("@ID@", "@SECRET@", "")',
    "csv": "Access key ID,Secret access key\n@ID@,@SECRET@",
    "csv of a user": "me,,@ID@,@SECRET@,https://1.signin.aws.amazon.com/console",
    "tsv": "@ID@\t@SECRET@",
    "colon": "@ID@:@SECRET@",
    "lines": "@ID@\n@SECRET@",
    "labelled lines": "Access key ID: @ID@\nSecret access key: @SECRET@",
    "option": "--aws-secret-access-key @SECRET@",
    "sql": "CREDENTIALS 'aws_access_key_id=@ID@;aws_secret_access_key=@SECRET@'",
    "snowflake": "CREDENTIALS=(AWS_KEY_ID='@ID@' AWS_SECRET_KEY='@SECRET@')",
    "commented": "# aws_secret_access_key = @SECRET@",
    "typed": 'const AWS_SECRET_ACCESS_KEY: string = "@SECRET@"',
    "default": 'os.environ.get("AWS_SECRET_ACCESS_KEY", "@SECRET@")',
    "shell default": "${AWS_SECRET_ACCESS_KEY:-@SECRET@}",
    "php": "'secret' => env('AWS_SECRET_ACCESS_KEY', '@SECRET@'),",
}


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    from credguard.sources.database import load_engine

    return load_engine(str(rules_once))


def blocking(engine: Engine, text: str, path: bytes) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in engine.scan(text.encode(), path):
        if each.confidence >= MEDIUM:
            found.setdefault(each.rule_id, set()).add(each.value.decode())
    return found


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_key_is_found_whole(engine: Engine, place: str) -> None:
    for seed in range(12):
        secret = samples.aws_secret(seed)
        text = PLACES[place].replace("@SECRET@", secret).replace("@ID@", samples.aws_key_id(seed))
        for data in (text, f"before\n{text}\nafter\n"):
            found = blocking(engine, data, b"x.py")
            assert any(secret in values for values in found.values()), (place, found.keys())


@pytest.mark.parametrize("prefix", ["AKIA", "ASIA", "ABIA", "ACCA", "A3TX"])
@pytest.mark.parametrize(
    "place",
    ["{}", "key: {}", '"{}"', "<AccessKeyId>{}</AccessKeyId>", "aws_access_key_id={}", "({})",
     "Credential={}/20250101/us-east-1/s3/aws4_request", "s3://{}:x@bucket", "a/{}.txt", "{}=",
     "X-Amz-Credential={}%2F20250101", "user_{}", "{},", "- {}\n"],
)  # fmt: skip
def test_a_lone_access_key_id_blocks(engine: Engine, prefix: str, place: str) -> None:
    for seed in range(12):
        name = samples.aws_key_id(seed, prefix)
        found = blocking(engine, place.format(name), b"x.py")
        assert any(name in values for values in found.values()), (place, found)


@pytest.mark.parametrize(
    "text",
    ["AK" + "IA" + "IOSFODNN7EXAMPLE", "session_token: '" + samples.text(90) + "EXAMPLE1'",
     "password = '" + "(?:key|pwd)[a-z]{3}'", "token: '2016-09-24T16:18:07Z'",
     "'token': 'Jobs[-1].JobId'", "iam:PassedToService: 'ec2.amazonaws.com*'",
     "ChangeToken: 'abcd12f2-46da-4fdb-b8d5-fbd4c466928f'",
     "X@ID@", "@ID@A", "aws_secret_access_key = ${SECRET}",
     "aws_secret_access_key = <40 characters>", "AKIA" + "A" * 16, "AIDA" + "J2XQ4WERTYUIOPAS"],
)  # fmt: skip
def test_what_only_looks_alike(engine: Engine, text: str) -> None:
    assert blocking(engine, text.replace("@ID@", samples.aws_key_id()), b"x.py") == {}


@pytest.mark.parametrize(
    "text",
    [
        "aws_session_token = @TOKEN@",
        "export AWS_SESSION_TOKEN='@TOKEN@'",
        '"SessionToken": "@TOKEN@"',
        "AWS_SECURITY_TOKEN=@TOKEN@",
        "<SessionToken>@TOKEN@</SessionToken>",
        "X-Amz-Security-Token: @TOKEN@",
        "ENV AWS_SESSION_TOKEN @TOKEN@",
    ],
)
@pytest.mark.parametrize("length", [300, 352, 1000, 1400])
def test_a_session_token_is_found(engine: Engine, text: str, length: int) -> None:
    token = "IQoJ" + samples.text(length, 3) + "=="
    found = blocking(engine, text.replace("@TOKEN@", token), b"x.py")
    assert found == {"aws-session-token": {token}}


_DER = "MIIEpAIBAAKCAQEA"  # how an RSA key of 2048 bits begins


@pytest.mark.parametrize("width", [64, 70, 76, 1600])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\\\n", '\\n" +\n    "', "\n      ", "\n# "])
@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_in_any_wrapping(engine: Engine, width: int, end: str, kind: str) -> None:
    body = _DER + samples.text(1600, 5)
    lines = [body[at : at + width] for at in range(0, len(body), width)]
    marks = (f"-----{word} {kind}" + "PRIVATE KEY-----" for word in ("BEGIN", "END"))
    first, last = marks
    text = '"' + end.join([first, *lines, last]) + '"\n'
    assert blocking(engine, text, b"x.py") == {"private-key": {body[:40]}}


@pytest.mark.parametrize("headers", ["Version: GnuPG v2\nComment: of mine\n\n", "\n"])
def test_a_private_key_with_headers(engine: Engine, headers: str) -> None:
    body = "lQOY" + samples.text(64, 5)
    text = "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\n" + headers + body + "\n"
    assert blocking(engine, text, b"x.py") == {"private-key": {body[:40]}}


def test_a_private_key_under_a_passphrase(engine: Engine) -> None:
    body = samples.text(64, 5)
    headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC," + samples.text(32, 6) + "\n\n"
    text = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + headers + body + "\n"
    assert blocking(engine, text, b"x.py") == {"private-key-encrypted": {body[:40]}}


def test_a_block_whose_body_is_no_key_does_not_block(engine: Engine) -> None:
    text = "-----BEGIN " + "PRIVATE KEY-----\nx" + samples.text(63, 5) + "\n"
    assert blocking(engine, text, b"x.py") == {}


def test_a_header_in_prose_is_no_key(engine: Engine) -> None:
    text = "-----BEGIN " + "PRIVATE KEY-----<a very long text>-----END " + "PRIVATE KEY-----\n"
    text += '"Arn": "arn:aws:iam::123456789012:server-certificate/company/servercerts/ProdServer"'
    assert blocking(engine, text, b"x.json") == {}
