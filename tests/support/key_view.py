"""Keys as AWS's services see them while changes are still on their way."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from tests.support import wire
from tests.support.fault_table import Clock, Lag
from tests.support.simulator import Admin


@dataclass
class Seen:
    """What was seen of a key; `before`: its status before the first change that was seen."""

    user_name: str
    secret: str
    created: str
    before: str
    changes: list[tuple[float, str]] = field(default_factory=list)


class KeyView:
    """The keys whose changes passed by; any other key is as moto has it."""

    def __init__(self, admin: Admin, clock: Clock) -> None:
        self.lag = Lag()
        self._admin = admin
        self._clock = clock
        self._keys: dict[str, Seen] = {}

    def seen(self, key_id: str) -> Seen:
        return self._keys[key_id]

    def note(self, key_id: str, change: str) -> None:
        """The change ("created", "Active", "Inactive", "deleted") was executed now."""
        self.learn(key_id, before="absent")
        if key_id in self._keys:
            self._keys[key_id].changes.append((self._clock(), change))

    def state(self, key_id: str, view: str) -> str:
        """How `view` (a service, or "listing") sees the key: Active, Inactive, absent or unseen.

        Unseen: neither noted here nor known to moto's IAM; it may be a role's session.
        """
        real = self._admin.find(key_id)
        known = self._keys.get(key_id)
        if known is None:
            return "unseen" if real is None else str(real.status)
        state, late = known.before, False
        for at, change in known.changes:
            if self._clock() >= at + self.lag.of(change, view):
                state, late = change, False
            else:
                late = True
        if not late:
            return "absent" if real is None else str(real.status)
        return {"created": "Active", "deleted": "absent"}.get(state, state)

    def learn(self, key_id: str, before: str | None = None) -> None:
        """Keep what is needed of a key that may be gone later."""
        real = self._admin.find(key_id)
        if key_id not in self._keys and real is not None:
            created = real.create_date.strftime("%Y-%m-%dT%H:%M:%SZ")
            self._keys[key_id] = Seen(
                real.user_name, real.secret_access_key, created, before or str(real.status)
            )

    def as_listed(self, body: bytes, user_name: str) -> bytes:
        """ListAccessKeys' answer as it is while changes have not reached the list."""
        root = ET.fromstring(body)
        rows = next(each for each in root.iter() if wire.tag(each) == "AccessKeyMetadata")
        namespace = rows.tag.rpartition("AccessKeyMetadata")[0]
        listed = set()
        for row in list(rows):
            fields = {wire.tag(each): each for each in row}
            key_id = fields["AccessKeyId"].text or ""
            listed.add(key_id)
            state = self.state(key_id, "listing")
            if state == "absent":
                rows.remove(row)
            else:
                fields["Status"].text = state
        for key_id, known in list(self._keys.items()):
            state = self.state(key_id, "listing")
            if key_id in listed or known.user_name != user_name or state == "absent":
                continue
            row = ET.SubElement(rows, f"{namespace}member")
            values = (user_name, key_id, state, known.created)
            for name, value in zip(
                ("UserName", "AccessKeyId", "Status", "CreateDate"), values, strict=True
            ):
                ET.SubElement(row, namespace + name).text = value
        return ET.tostring(root)
