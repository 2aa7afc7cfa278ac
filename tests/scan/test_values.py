"""Values that no generator gives out are told from random ones; random ones are never lost."""

import string
from pathlib import Path

import pytest

from credguard.scan.checksums import sureness
from credguard.scan.engine import Engine
from credguard.scan.model import LOW, MEDIUM
from credguard.scan.values import broken, cut_short, doubled, made_up, mistyped
from tests.support import samples

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    from credguard.sources.database import load_engine

    return load_engine(str(rules_once))


def text(alphabet: str, size: int, seed: int) -> str:
    return samples.text(size, seed, alphabet)


@pytest.mark.parametrize("size", [20, 24, 32, 36, 40, 43, 64, 128])
@pytest.mark.parametrize("alphabet", [ALNUM, HEX, HEX.upper(), ALNUM + "-_", ALNUM + "+/"])
def test_random_tokens_are_neither_mistyped_nor_made_up(alphabet: str, size: int) -> None:
    for seed in range(300):
        value = text(alphabet, size, seed).encode()
        assert not mistyped(value), value
        assert not made_up(value), value


@pytest.mark.parametrize("sign", "?!@^&#$,*")
def test_one_foreign_sign_in_a_token_is_a_mistake(sign: str) -> None:
    value = text(ALNUM, 30, 1)
    torn = value[:17] + sign + value[17:]
    assert mistyped(torn.encode())
    assert mistyped(f"8695114230:{torn}".encode())
    assert not mistyped(f"8695114230:{value}".encode())


def test_a_password_full_of_signs_is_none() -> None:
    assert not mistyped(text(ALNUM[:30] + "!#&*?@^$", 24, 2).encode())


def test_hex_with_a_foreign_letter_or_one_capital_is_mistyped_but_not_behind_a_mark() -> None:
    value = text(HEX[10:] + "0123", 32, 3)
    assert mistyped((value[:20] + "q" + value[21:]).encode())
    assert mistyped((value[:20] + "F" + value[21:]).encode())
    assert not mistyped(f"AC{value}".encode())
    assert not mistyped(f"SM{value}".encode())


def test_a_key_that_lacks_one_character_is_cut() -> None:
    for size in (31, 39, 63, 127):
        assert cut_short(text(ALNUM, size, size).encode())
        assert not cut_short(text(ALNUM, size + 1, size).encode())


def test_letters_four_times_each_are_a_finger_on_a_key() -> None:
    value = text(ALNUM, 20, 4)
    assert doubled(f"{value}{'A' * 4}{'B' * 4}{value}".encode())
    assert not doubled(f"{value}{'A' * 9}{value}".encode())


def test_the_alphabet_in_order_is_made_up_whatever_stands_between() -> None:
    letters, digits = string.ascii_letters[:10], string.digits
    assert made_up("".join(map("".join, zip(letters, digits, strict=True))).encode())
    assert made_up(f"x{digits[1:]}0y".encode())
    assert not made_up(b"abcdef")


@pytest.mark.parametrize("mark", ["xoxp-", "npm_", "hvs.", "xai-", "GOCSPX-"])
def test_a_vendors_mark_on_another_form_is_low(engine: Engine, mark: str) -> None:
    value = mark + text(ALNUM, 17, 5)
    assert broken(value.encode())
    found = engine.scan(f'token = "{value}"'.encode(), b"a.py")
    assert all(each.confidence == LOW for each in found)


def test_values_of_services_that_are_cut_short_are_low() -> None:
    assert sureness(text(ALNUM, 39, 6).encode(), ("random",), MEDIUM) == LOW
    assert sureness(text(ALNUM, 40, 6).encode(), ("random",), MEDIUM) == MEDIUM


def confidences(engine: Engine, line: str) -> set[int]:
    return {each.confidence for each in engine.scan(line.encode(), b"a.yml")}


@pytest.mark.parametrize(
    ("real", "forged"),
    [
        ("client_secret: {}", "client_secret: {}?{}"),
        ("api_token: {}", "api_token: {}..."),
        ("aws_secret_access_key: {}{}", "aws_secret_access_key: {}x{}yz"),
    ],
)
def test_forged_values_are_low_and_real_ones_are_not(
    engine: Engine, real: str, forged: str
) -> None:
    for seed in range(5):
        first, second = text(ALNUM, 20, seed), text(ALNUM, 20, seed + 50)
        assert max(confidences(engine, real.format(first, second))) >= MEDIUM
        assert max(confidences(engine, forged.format(first, second)), default=LOW) == LOW


def test_a_service_is_named_from_the_start_of_a_word(engine: Engine) -> None:
    value = text(HEX, 32, 7)
    for name in ("bitmex_key", "myBitmexKey", "BITMEX", "x-bitmex-token"):
        assert engine.scan(f'"{name}": "{value}"'.encode(), b"a.json"), name
    for name in ("CustomDBEngineVersion", "FleetMetric", "ReservationFleet", "Transfer::WebApp"):
        assert not engine.scan(f'"{name}": "{value}"'.encode(), b"a.json"), name


def test_a_services_identifier_is_no_key(engine: Engine) -> None:
    value = text(ALNUM, 32, 8)
    for name, told in (
        ("ONESIGNAL_APP_ID", False),
        ("oneSignalId", False),
        ("ONESIGNAL_KEY", True),
    ):
        found = engine.scan(f"{name} = '{value}'".encode(), b"x.py")
        assert bool([each for each in found if each.rule_id == "service-key"]) == told, name


def test_a_services_value_does_not_go_on_behind_a_comma(engine: Engine) -> None:
    first, second = text(ALNUM, 32, 8), text(ALNUM, 12, 9)
    assert "service-key" in {
        each.rule_id for each in engine.scan(f"bitmex {first}, x".encode(), b"a.txt")
    }
    found = engine.scan(f"bitmex {first},{second}".encode(), b"a.txt")
    assert "service-key" not in {each.rule_id for each in found}


@pytest.mark.parametrize(
    "line",
    [
        'invalid_token = "{}"',
        'nonMatchingToken := "{}"',
        "credentials_id: {}",
        "password = 0x{}",
        "echo 'password = '.$p['{}'];",
    ],
)
def test_names_and_forms_that_say_it_is_none_are_low(engine: Engine, line: str) -> None:
    for seed in range(5):
        assert max(confidences(engine, line.format(text(HEX, 16, seed))), default=LOW) == LOW


def test_each_of_those_lines_is_found_without_the_word(engine: Engine) -> None:
    for line in ('token = "{}"', 'matchingToken := "{}"', "password = {}"):
        assert max(confidences(engine, line.format(text(HEX, 16, 1)))) >= MEDIUM
