"""Judges `stsidecar inject` by another parser of YAML: everything is read, and nothing but ours is changed.

Owns how kubectl reads YAML, said in PyYAML's terms, what may be added to a pod, which bytes of a text have to stay, and
what of a document holds containers. None of it is derived from the program's own tables.
"""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml


class Loader(yaml.CSafeLoader):
    """YAML as kubectl reads it: 1.1, without dates and sexagesimal numbers, with numbers such as 1e3; no key twice."""

    yaml_implicit_resolvers: dict = {}

    def construct_mapping(self, node, deep=False):
        """As the parent, without keys that are there twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        if len(keys) != len({repr(key) for key in keys}):
            raise yaml.constructor.ConstructorError(None, None, "a key is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


for tag, pattern, first in (
    ("bool", r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("int", r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", "<<", "<"),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), [*first.replace("\0", ""), *([""] if "\0" in first else [])])


def read(text: str) -> list[Any]:
    """Every document of a stream that is not empty; raises `yaml.YAMLError` or `ValueError`."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        try:
            return list(json_values(text))
        except ValueError:
            pass  # YAML that begins like JSON
    return [document for document in yaml.load_all(text, Loader=Loader) if document is not None]


def json_values(text: str) -> Iterator[Any]:
    """JSON, or JSON behind JSON."""
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = json.JSONDecoder().raw_decode(text, at)
        yield value


def same(one: Any, other: Any) -> bool:
    """Equal, where true is not 1."""
    return not any(differences(one, other, ""))


def differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """What was added, and what is otherwise ('changed'), with its JSON pointer."""
    if before is None and isinstance(after, (dict, list)):
        before = type(after)()
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() - after.keys():
            yield "changed", f"{path}/{key}", None
        for key, value in after.items():
            inner = f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key in before:
                yield from differences(before[key], value, inner)
            elif isinstance(value, (dict, list)) and value and not path.endswith("]"):
                yield from differences(type(value)(), value, inner)
            else:
                yield "added", inner, value
    elif isinstance(before, list) and isinstance(after, list):
        yield from items(before, after, path)
    elif type(before) is not type(after) or before != after:
        yield "changed", path, after


def items(before: list, after: list, path: str) -> Iterator[tuple[str, str, Any]]:
    """The same of two lists: what was there is still there, in its order."""
    if len(before) == len(after):
        for at, (one, other) in enumerate(zip(before, after)):
            yield from differences(one, other, f"{path}/{at}")
        return

    def is_it(one: Any, other: Any) -> bool:
        if isinstance(one, dict) and isinstance(other, dict) and "name" in one and "name" in other:
            return one["name"] == other["name"]
        return same(one, other)

    rest = list(before)
    for at, value in enumerate(after):
        if rest and is_it(rest[0], value):
            yield from differences(rest.pop(0), value, f"{path}/{at}")
        else:
            yield "added", f"{path}/{at}", value
    if rest:
        yield "changed", path, None


# What may be added: where, and the names of what is added there.
OURS = (
    (r"/metadata/annotations/(stsidecar\.dev~1[a-z-]+|kubectl\.kubernetes\.io~1default-container)", None),
    (r"/metadata/annotations/cluster-autoscaler\.kubernetes\.io~1safe-to-evict-local-volumes", None),
    (r"/metadata/labels/stsidecar\.dev~1[a-z-]+", None),
    (r"/spec/initContainers/\d+", "stsidecar"),
    (r"/spec/volumes/\d+", r"stsidecar-[a-z]+"),
    (r"/spec/(init)?[cC]ontainers/\d+/env/\d+", r"AWS_[A-Z0-9_]+|NO_PROXY|no_proxy"),
    (r"/spec/(init)?[cC]ontainers/\d+/volumeMounts/\d+", r"stsidecar-[a-z]+"),
    (r"/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/.*", None),
    (r"/spec/imagePullSecrets/\d+", r".*"),
)


def foreign_changes(before: list[Any], after: list[Any]) -> list[str]:
    """Whatever differs between two streams and is not ours."""

    def is_ours(how: str, path: str, value: Any) -> bool:
        for place, name in OURS:
            if re.search(rf"{place}\Z", path):
                if name is None:
                    return how == "added" or path.endswith("safe-to-evict-local-volumes")
                return how == "added" and isinstance(value, dict) and bool(re.fullmatch(name, str(value.get("name"))))
        return False

    return [f"{how} {path}" for how, path, value in differences(before, after, "") if not is_ours(how, path, value)]


def objects(document: Any) -> Iterator[dict]:
    """An object, or those of a List."""
    if isinstance(document, dict) and str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from objects(item)
    elif isinstance(document, dict):
        yield document


def holds_containers(value: Any) -> bool:
    """Whether anything in it has the form of a list of containers."""
    if isinstance(value, list):
        return any(map(holds_containers, value))
    if not isinstance(value, dict):
        return False
    listed = value.get("containers")
    if isinstance(listed, list) and any(isinstance(item, dict) and "image" in item and "name" in item for item in listed):
        return True
    return any(map(holds_containers, value.values()))


def sidecars(value: Any) -> int:
    """How many native sidecars of ours are in it."""
    if isinstance(value, list):
        return sum(map(sidecars, value))
    if not isinstance(value, dict):
        return 0
    own = [item for item in value.get("initContainers") or [] if isinstance(item, dict) and item.get("name") == "stsidecar"]
    return len(own) + sum(map(sidecars, value.values()))


def name(object: dict) -> str:
    """As the program names an object."""
    metadata = object.get("metadata") or {}
    own = metadata.get("name") or metadata.get("generateName") or "without a name"
    return f"{object.get('kind')} {metadata.get('namespace') or 'default'}/{own}"


def comments(text: str) -> list[str]:
    """The comments of a stream in their order: what is between the tokens and not blank."""
    found, at = [], 0
    for token in [*yaml.scan(text, Loader=yaml.CSafeLoader), None]:
        gap = text[at : token.start_mark.index if token else len(text)]
        found += re.findall(r"(?m)(?<!\S)#.*?(?=\r?$)", gap)
        at = max(at, token.end_mark.index if token else 0)
    return found


@dataclass
class Kept:
    """What of a text is still there after an injection."""

    comments: int = 0
    lost_comments: list[str] = field(default_factory=list)
    # Lines that are the same, and lines into which something was put: flow style, empty brackets, no line end.
    lines: int = 0
    widened: list[str] = field(default_factory=list)
    # Lines that are neither.
    lost_lines: list[str] = field(default_factory=list)


def kept(before: str, after: str) -> Kept:
    """Takes what was added out again, line by line and then token by token: every byte of `before` has to be left."""
    result = Kept()
    if not before.lstrip("\ufeff").lstrip().startswith("{"):
        own = comments(before.removeprefix("\ufeff"))
        rest = iter(comments(after.removeprefix("\ufeff")))
        result.lost_comments = [comment for comment in own if not any(comment == other for other in rest)]
        result.comments = len(own)
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for how, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if how == "equal":
            result.lines += i2 - i1
        elif how != "insert":
            lines = old[i1:i2]
            is_there = is_widened("".join(lines), "".join(new[j1:j2]))
            (result.widened if is_there else result.lost_lines).extend(lines)
    return result


def is_widened(before: str, after: str) -> bool:
    """Whether one text is the other with something put in; a value that was nothing may have made room."""
    nothing = re.compile(r"[ ]+(\{\s*\}|\[\s*\]|null|~)(?=\s*(#|$))", re.MULTILINE)
    token = re.compile(r"\r?\n|[ \t]+|[\w./:@$-]+|.", re.DOTALL)
    rest = iter(token.findall(after))
    return all(any(part == other for other in rest) for part in token.findall(nothing.sub("", before)))
