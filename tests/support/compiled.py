"""The compiled rules, made once a run: a fresh home would compile them in every test."""

import os
import shutil
from pathlib import Path

import pytest

from credguard import paths
from credguard.sources.database import load_engine


@pytest.fixture(scope="session")
def rules_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rules")
    load_engine(str(folder))
    return folder


@pytest.fixture
def compiled_rules(rules_once: Path, poisoned: Path) -> None:
    """The home of this test has them."""
    os.makedirs(paths.cache_dir(), mode=0o700, exist_ok=True)
    for file in rules_once.iterdir():
        shutil.copy2(file, paths.cache_dir())
