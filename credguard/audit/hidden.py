"""No secret stands where everybody who may look at the account reads it."""

from collections.abc import Callable, Iterator
from shlex import quote

from credguard.audit.facts import Facts, Hidden, Holding, Instance, Region
from credguard.audit.known import Fact, known
from credguard.audit.model import (
    FAIL,
    PASS,
    Check,
    Judge,
    Limits,
    Said,
    in_regions,
    per,
)

_TIP = "no-secrets"
_MOVE = (
    "replace the secret, for it was read by whoever may look; keep the new one in Secrets Manager,"
    " and let the program fetch it"
)


def _shown(found: tuple[Hidden, ...]) -> str:
    parts = [f"{each.title} ({each.masked}) in {each.place}" for each in found[:3]]
    return ", ".join(parts) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def user_data(facts: Facts, limits: Limits) -> Iterator[Said]:
    """What an instance is told at its start; every program on it can read that, too."""

    def region(here: Region) -> Iterator[Said]:
        def of(instance: Instance) -> Said:
            found = known(instance.hidden)
            if not found:
                said = f"no secret is in the user data of {instance.id}"
                return Said(PASS, instance.arn, said, region=here.name)
            remedy = (
                f"{_MOVE}\nstop the instance, then:\n"
                f"run: aws ec2 stop-instances --region {here.name} --instance-ids {instance.id}\n"
                f"run: aws ec2 modify-instance-attribute --region {here.name}"
                f" --instance-id {instance.id} --user-data Value="
            )
            said = f"user data of {instance.id}: {_shown(found)}"
            return Said(FAIL, instance.arn, said, remedy, here.name)

        return per(known(here.instances), lambda each: each.arn, of, here.name)

    return in_regions(facts, region)


def _holdings(
    of: Callable[[Region], Fact[tuple[Holding, ...]]],
    kind: str,
    remedy: Callable[[str, str], str],
) -> Judge:
    def judge(facts: Facts, limits: Limits) -> Iterator[Said]:
        def region(here: Region) -> Iterator[Said]:
            def one(each: Holding) -> Said:
                if not (found := known(each.hidden)):
                    said = f"no secret is in {kind} {each.name}"
                    return Said(PASS, each.arn, said, region=here.name)
                said = f"{kind} {each.name}: {_shown(found)}"
                what = f"{_MOVE}\n{remedy(each.name, here.name)}"
                return Said(FAIL, each.arn, said, what, here.name)

            return per(known(of(here)), lambda each: each.arn, one, here.name)

        return in_regions(facts, region)

    return judge


def _template(name: str, region: str) -> str:
    where = f"--region {region} --launch-template-name {quote(name)}"
    return (
        f"run: aws ec2 create-launch-template-version {where} --source-version '$Default'"
        " --launch-template-data UserData=\n"
        f"run: aws ec2 modify-launch-template {where} --default-version NUMBER-OF-THE-NEW-ONE\n"
        "then the old version, which anybody who may look still reads:\n"
        f"run: aws ec2 delete-launch-template-versions {where} --versions OLD-NUMBER"
    )


def _function(name: str, region: str) -> str:
    where = f"--region {region} --function-name {quote(name)}"
    return (
        "take it out of the variables, in a file that you delete:\n"
        f"run: aws lambda get-function-configuration {where} --query Environment > variables.json\n"
        f"run: aws lambda update-function-configuration {where}"
        " --environment file://variables.json"
    )


def _parameter(name: str, region: str) -> str:
    where = f"--region {region} --name {quote(name)}"
    return (
        "keep the new one in a parameter of another type, from a file that you delete:\n"
        f"run: aws ssm delete-parameter {where}\n"
        f"run: aws ssm put-parameter {where} --type SecureString --value file://FILE"
    )


CHECKS = (
    Check(
        "secret-user-data", "No secret is in user data", _TIP, "high",
        "It is read by every program on the machine and by whoever may describe instances.",
        user_data, ("region.instances", "instance.hidden", "region_names"),
        none="there is no instance", peer=("ec2_instance_secrets_user_data",),
    ),
    Check(
        "secret-template", "No secret is in a launch template", _TIP, "high",
        "It goes into the user data of every machine that is started from it.",
        _holdings(lambda here: here.templates, "launch template", _template),
        ("region.templates", "region_names"), none="there is no launch template",
        peer=("ec2_launch_template_no_secrets",),
    ),
    Check(
        "secret-function", "No secret is in a function's environment", _TIP, "high",
        "Whoever may list functions reads their variables.",
        _holdings(lambda here: here.functions, "function", _function),
        ("region.functions", "region_names"), none="there is no function",
        peer=("awslambda_function_no_secrets_in_variables",),
    ),
    Check(
        "secret-parameter", "No secret is in a plain SSM parameter", _TIP, "high",
        "A parameter of type String is kept and shown in plain text.",
        _holdings(lambda here: here.parameters, "parameter", _parameter),
        ("region.parameters", "region_names"), none="there is no plain parameter",
        peer=("ssm_document_secrets",),
    ),
)  # fmt: skip
