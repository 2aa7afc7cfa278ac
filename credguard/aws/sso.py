"""IAM Identity Center by botocore's own provider; the token cache is the AWS CLI's.

A token that ends is renewed and written back by that provider, as the AWS CLI does it. Nothing is
signed, so no other credentials of the person's are ever loaded.
"""

import os
from datetime import datetime
from typing import Any

import botocore.session
from botocore import exceptions as aws
from botocore.config import Config
from botocore.credentials import CredentialResolver, SSOProvider
from botocore.loaders import Loader
from botocore.tokens import SSOTokenProvider
from botocore.utils import JSONFileCache

from credguard import paths
from credguard.aws.clients import LIMITS
from credguard.aws.model import Credentials, Temporary
from credguard.aws.translate import translated
from credguard.errors import AwsError, ConfigError, InvalidKey, NotPermitted
from credguard.secret import Secret


def role_credentials(profile: str, partition: str) -> Temporary:
    """The session of the role that `profile` names in the Identity Center.

    Raises InvalidKey (not signed in, or no more: the hint says how), NotPermitted, ConfigError,
    NetworkDown.
    """
    session = _session(profile)
    held: dict[str, Any] = {}
    try:
        with translated("sso:GetRoleCredentials", f"profile {profile}"):
            try:
                provider = SSOProvider(
                    load_config=lambda: session.full_config,
                    client_creator=session.create_client,
                    profile_name=profile,
                    cache=held,
                    token_cache=_cache(),
                    token_provider=SSOTokenProvider(session, cache=_cache(), profile_name=profile),
                )
                loaded = provider.load()
                if loaded is None:
                    raise ConfigError(
                        f"profile {profile} is not one of IAM Identity Center",
                        hint=f"run: aws configure sso --profile {profile}",
                    )
                loaded.get_frozen_credentials()
            except (aws.SSOError, aws.TokenRetrievalError):
                raise _signed_out(profile) from None
            except KeyError:
                # The cache's files, as botocore tells one that is no JSON or lacks a field.
                raise InvalidKey(
                    f"the sign-in that the AWS CLI keeps for profile {profile} cannot be read",
                    hint=f"run: aws sso login --profile {profile}",
                ) from None
            except aws.InvalidConfigError:
                raise ConfigError(
                    f"the settings of profile {profile} for IAM Identity Center do not fit",
                    hint=f"run: aws configure sso --profile {profile}",
                ) from None
            (found,) = held.values()
            return _temporary(found["Credentials"], partition)
    except NotPermitted as exc:
        raise NotPermitted(
            f"IAM Identity Center does not give you the role of profile {profile}",
            hint="check sso_account_id and sso_role_name, or ask for the permission set",
        ) from exc
    except InvalidKey as exc:
        # By what the portal answers, or said above.
        raise (exc if "aws sso login" in exc.hint else _signed_out(profile)) from None


def _signed_out(profile: str) -> AwsError:
    return InvalidKey(
        f"profile {profile} is not signed in to IAM Identity Center",
        hint=f"run: aws sso login --profile {profile}",
    )


def _cache() -> Any:
    # Not botocore's constant, which is the home folder at import. Mode and place are the CLI's.
    return JSONFileCache(os.path.expanduser(os.path.join("~", ".aws", "sso", "cache")))


def _session(profile: str) -> botocore.session.Session:
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, profile, None),
            "config_file": (None, None, paths.aws_config_file(), None),
            "credentials_file": (None, None, paths.aws_credentials_file(), None),
        }
    )
    session.register_component(
        "data_loader",
        Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False),
    )
    session.register_component("credential_provider", CredentialResolver([]))
    session.set_default_client_config(Config(**LIMITS))
    return session


def _temporary(found: dict[str, Any], partition: str) -> Temporary:
    credentials = Credentials(
        found["AccessKeyId"],
        Secret(found["SecretAccessKey"]),
        Secret(found["SessionToken"]),
        partition,
    )
    return Temporary(credentials, datetime.fromisoformat(found["Expiration"]).timestamp())
