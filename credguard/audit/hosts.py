"""Machines start from current images, and are patched."""

from collections.abc import Iterator

from credguard.audit.facts import Facts, Instance, Region
from credguard.audit.known import known
from credguard.audit.model import (
    FAIL,
    PASS,
    Check,
    Limits,
    Said,
    days,
    in_regions,
    old,
    per,
)

_TIP = "updates"


def image(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Own images too; one that was taken away is taken for old."""

    def region(here: Region) -> Iterator[Said]:
        def of(instance: Instance) -> Said:
            name, used = instance.image, known(here.images).get(instance.image)
            said = ""
            if used is None:
                said = f"the image {name} of {instance.id} does not exist any more"
            elif used.deprecated is not None and used.deprecated <= facts.now:
                said = f"the image {name} of {instance.id} is deprecated"
            elif old(facts.now, used.created, limits.image_age):
                age = days(facts.now - used.created)
                said = f"the image {name} of {instance.id} is {age} old"
                said += f", the limit is {days(limits.image_age)}"
            if not said:
                text = f"the image {name} of {instance.id} is current"
                return Said(PASS, instance.arn, text, region=here.name)
            remedy = (
                "start a new instance from a current image and move over; of Amazon Linux it is:\n"
                f"run: aws ssm get-parameters --region {here.name} --names"
                " /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64\n"
                f"run: aws ec2 run-instances --region {here.name} --image-id IMAGE"
                " --instance-type TYPE --key-name KEY-PAIR --security-group-ids GROUP-ID"
                " --iam-instance-profile Name=PROFILE\n"
                "when it has moved over:\n"
                f"run: aws ec2 terminate-instances --region {here.name} --instance-ids"
                f" {instance.id}"
            )
            return Said(FAIL, instance.arn, said, remedy, here.name)

        return per(known(here.instances), lambda each: each.arn, of, here.name)

    return in_regions(facts, region)


def patched(facts: Facts, limits: Limits) -> Iterator[Said]:
    """By Systems Manager; of an instance that it does not know nobody can tell."""

    def region(here: Region) -> Iterator[Said]:
        def of(instance: Instance) -> Said:
            found = known(here.patches).get(instance.id)
            look = (
                f"run: aws ssm send-command --region {here.name} --document-name"
                " AWS-RunPatchBaseline --parameters Operation=Scan"
                f" --targets Key=InstanceIds,Values={instance.id}"
            )
            if found is None:
                remedy = (
                    "give its role the policy of Systems Manager, and see that the SSM agent"
                    " runs:\n"
                    "run: aws iam attach-role-policy --role-name ROLE --policy-arn"
                    f" arn:{facts.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore\n{look}"
                )
                said = f"whether {instance.id} is patched is not known to Systems Manager"
                return Said(FAIL, instance.arn, said, remedy, here.name)
            if old(facts.now, found.looked, limits.patch_age):
                said = f"{instance.id} was last looked at {days(facts.now - found.looked)} ago"
                return Said(FAIL, instance.arn, said, look, here.name)
            if found.missing:
                said = f"{instance.id} lacks {found.missing} patches"
                remedy = look.replace("Operation=Scan", "Operation=Install")
                return Said(FAIL, instance.arn, said, remedy, here.name)
            return Said(PASS, instance.arn, f"{instance.id} is patched", region=here.name)

        return per(known(here.instances), lambda each: each.arn, of, here.name)

    return in_regions(facts, region)


CHECKS = (
    Check(
        "image-age", "Instances start from current images", _TIP, "medium",
        "An old image brings back every hole that was closed since.",
        image, ("region.instances", "region.images", "region_names"),
        none="there is no instance",
        peer=("ec2_instance_with_outdated_ami", "ec2_instance_older_than_specific_days"),
    ),
    Check(
        "patches", "Instances are patched", _TIP, "high",
        "Holes that are known are tried first.",
        patched, ("region.instances", "region.patches", "region_names"),
        none="there is no instance", hub=("SSM.1", "SSM.2"),
        peer=("ssm_managed_compliant_patching", "ec2_instance_managed_by_ssm"),
    ),
)  # fmt: skip
