"""What its vendor published is no leak, under a vendor's rule or under a telling name."""

from pathlib import Path

import pytest

from credguard.scan.engine import Engine
from credguard.scan.model import LOW
from credguard.scan.published import published

# In halves: Google's key for automated tests of reCAPTCHA, and the account key of each Azurite.
RECAPTCHA = "6LeIxAcTAAAAAGG-" + "vFI1TnRWxMZNFuojJ4WifJWe"
AZURITE = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50u" + "SRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    from credguard.sources.database import load_engine

    return load_engine(str(rules_once))


@pytest.mark.parametrize(
    "text",
    [
        f"RECAPTCHA_PRIVATE_KEY = '{RECAPTCHA}'",
        f'"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURITE};"',
        f'account_key = "{AZURITE}"',
    ],
)
def test_it_does_not_block_and_a_neighbour_of_it_does(engine: Engine, text: str) -> None:
    found = engine.scan(text.encode(), b"settings.py")
    assert [each.confidence for each in found] == [LOW]
    other = text.replace("FI1Tn", "FI7Tn").replace("vdM02x", "vdM72x")
    assert max(each.confidence for each in engine.scan(other.encode(), b"settings.py")) > LOW


def test_only_the_whole_value_is_published() -> None:
    assert published(RECAPTCHA.encode())
    assert not published(RECAPTCHA[1:].encode())
