"""`aws SERVICE OPERATION ...` as the AWS CLI reads it, for the lines that a report tells to type.

Of the CLI's own ways only those that such lines need: shorthand, file://, --query, --output text,
$(...) and > FILE, and what it makes easier in a few operations.
"""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name
from botocore.model import OperationModel

_SERVICES = {"s3api": "s3", "configservice": "config"}
_OWN = {"region", "query", "output"}
_session = botocore.session.get_session()
Call = Callable[[str, str, str, dict[str, Any]], Any]


class NotTaken(Exception):
    """The CLI would not take the line."""


class Line:
    """A line, read: `service`, `operation` (an OperationModel), `arguments`, `options` of its own.

    `file`: where its output goes, "": to the terminal. `inner`: a line in $(...), "": none.
    """

    def __init__(self, text: str, *, files: Path | None = None, given: str = "IDS") -> None:
        """`files`: the folder of files that it names; None: they are not looked at.

        `given`: what the inner line said.
        """
        self._files = files
        found = re.search(r"\$\((.*)\)", text)
        self.inner = found[1] if found else ""
        words = shlex.split(text.replace(found[0], given) if found else text)
        self.file = ""
        if ">" in words:
            words, self.file = words[: words.index(">")], words[words.index(">") + 1]
        program, service, name, *rest = words
        assert program == "aws", text
        self.service = _SERVICES.get(service, service)
        model = _session.get_service_model(self.service)
        names = {xform_name(each, "-"): each for each in model.operation_names}
        if name not in names:
            raise NotTaken(f"{service} has no {name}")
        self.operation: OperationModel = model.operation_model(names[name])
        self.options: dict[str, str] = {}
        self.arguments: dict[str, Any] = {}
        for option, values in _given(rest):
            self._take(option, values)
        if name == "run-instances":
            self.arguments.update(MinCount=1, MaxCount=1)

    def _take(self, option: str, values: list[str]) -> None:
        if option in _OWN or (
            self.operation.name == "CreateVirtualMFADevice"
            and option in ("outfile", "bootstrap-method")
        ):
            self.options[option] = " ".join(values)
            return
        if self.operation.name == "CreateNetworkAclEntry" and option in ("ingress", "egress"):
            self.arguments["Egress"] = option == "egress"
            return
        shape = self.operation.input_shape
        members = {xform_name(each, "-"): each for each in shape.members} if shape else {}
        if option not in members:
            raise NotTaken(f"{self.operation.name} has no --{option}")
        member = members[option]
        self.arguments[member] = self._value(shape.members[member], values)

    def _value(self, shape: Any, words: list[str]) -> Any:
        kind = shape.type_name
        words = [self._read(each) for each in words]
        if kind == "boolean":
            return not words or words == ["true"]
        if kind == "list" and not (len(words) == 1 and words[0].startswith("[")):
            return [self._value(shape.member, [each]) for each in words]
        (word,) = words
        if kind in ("list", "structure", "map"):
            return json.loads(word) if word[:1] in ("[", "{") else self._short(shape, word)
        return {"integer": int, "long": int, "blob": str.encode}.get(kind, str)(word)

    def _read(self, word: str) -> str:
        if not word.startswith("file://"):
            return word
        if self._files is None:
            return "{}"
        return (self._files / word.removeprefix("file://")).read_text()

    def _short(self, shape: Any, word: str) -> dict[str, Any]:
        """Such as `Key=owner,Value=ada`."""
        found: dict[str, Any] = {}
        for part in word.split(","):
            name, equals, value = part.partition("=")
            if not equals:
                raise NotTaken(f"{word}: {part} is no name=value")
            if shape.type_name == "map":
                member = shape.value
            elif name in shape.members:
                member = shape.members[name]
            else:
                raise NotTaken(f"{shape.name} has no {name}")
            found[name] = self._value(member, [value])
        return found


def _given(words: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--"):
            found.append((word.removeprefix("--"), []))
        elif found:
            found[-1][1].append(word)
        else:
            raise NotTaken(f"{word} belongs to no option")
    return found


def run(text: str, client: Callable[..., Any], folder: Path) -> str:
    """Do what the line says; gives what the terminal shows. Files are those of `folder`.

    `client`: (service, region) -> a client. Raises ClientError, NotTaken.
    """
    inner = Line(text, files=folder).inner
    line = Line(text, files=folder, given=run(inner, client, folder).strip() if inner else "")
    where = [line.options["region"]] if "region" in line.options else []
    made = client(line.service, *where)
    answer = getattr(made, xform_name(line.operation.name))(**line.arguments)
    answer.pop("ResponseMetadata", None)
    if query := line.options.get("query"):
        answer = jmespath.search(query, answer)
    if line.options.get("output") == "text":
        shown = "\t".join(map(str, answer)) if isinstance(answer, list) else str(answer)
    else:
        shown = json.dumps(answer, indent=4, default=str)
    if line.file:
        (folder / line.file).write_text(shown)
        return ""
    return shown
