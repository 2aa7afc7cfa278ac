"""The table of checks, in the order of the list of good habits."""

from credguard.audit import (
    account,
    buckets,
    hidden,
    hosts,
    kms,
    logs,
    network,
    passwords,
    policies,
    root,
    ssh,
    users,
)
from credguard.audit.model import Check

TIPS: dict[str, str] = {
    "root-mfa": "The root user has MFA and rests",
    "user-mfa": "Every user has MFA",
    "keys-monthly": "Access keys are replaced monthly",
    "passwords-quarterly": "Console passwords are changed quarterly",
    "password-policy": "A password policy",
    "least-privilege": "Split responsibility: least privilege",
    "automation-roles": "Split responsibility: roles for programs",
    "ssh-own-key": "One SSH key a person",
    "s3-private": "Buckets and disks are private",
    "kms-rotation": "KMS keys are rotated",
    "logs-protected": "Logs cannot be deleted",
    "billing-alarm": "A billing alarm",
    "no-secrets": "No secrets in the account's texts",
    "ports": "No needless open ports",
    "updates": "Current images and patches",
    "dated-audit": "A dated audit",
}
_ALL: tuple[Check, ...] = (
    *root.CHECKS,
    *users.CHECKS,
    *passwords.CHECKS,
    *policies.CHECKS,
    *ssh.CHECKS,
    *buckets.CHECKS,
    *kms.CHECKS,
    *logs.CHECKS,
    *account.CHECKS,
    *hidden.CHECKS,
    *network.CHECKS,
    *hosts.CHECKS,
)
_RANK = {tip: number for number, tip in enumerate(TIPS)}
CHECKS: tuple[Check, ...] = tuple(sorted(_ALL, key=lambda each: _RANK[each.tip]))
BY_ID: dict[str, Check] = {each.id: each for each in CHECKS}
