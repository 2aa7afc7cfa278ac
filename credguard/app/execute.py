"""Use case: the whole environment of a command or a sub-shell that has a profile's credentials."""

from credguard.app import environment as variables
from credguard.app.context import Context
from credguard.app.mfa import Ask
from credguard.secret import Secret


def environment(
    ctx: Context,
    profile: str,
    wanted: list[str],
    *,
    how: str = "exec",
    by_name: bool = False,
    code: Secret | None = None,
    ask: Ask | None = None,
) -> dict[str, str]:
    """This process's environment with the credentials of `profile` and the `wanted` secrets.

    `wanted`: "ENV=NAME" each. `by_name`: AWS_PROFILE instead of credentials, so that AWS tools
    fetch and refresh them. Nothing of ours is left open, so that the command may replace this
    process. Raises CredguardError (nested, malformed), UnknownProfile, NeedsCode, VaultError.
    """
    variables.refuse_nested()
    named = variables.parse_secrets(wanted)
    found = {**variables.inherited(), **(variables.of_secrets(ctx, named) if named else {})}
    if by_name:
        # The region is the profile's too, or the one given in the environment.
        variables.check_line(profile)
        found["AWS_PROFILE"] = profile
    else:
        found |= variables.of_profile(ctx, profile, how, code, ask)
        if "AWS_REGION" not in found and "AWS_DEFAULT_REGION" not in found:
            found |= variables.of_region(profile)
    ctx.close()
    return {**found, variables.GUARD: profile, variables.PROMPT: profile}
