"""Judges requests by the ValidatingAdmissionPolicies that the chart renders, as the API server would.

The expressions are evaluated by another implementation of CEL than the API server's, which has no `replace` and `join`;
types are checked, and the whole is repeated, by the scenario `asks` on a cluster. Selectors and conditions beyond what
the chart's policies use are refused here, not passed over.
"""

from collections.abc import Callable

import cel

from chart.helm import objects

# Where objects of a kind are found: group, plural, and whether they have a namespace.
PLACES = {
    "Namespace": ("", "namespaces", False),
    "ServiceAccount": ("", "serviceaccounts", True),
    "Pod": ("", "pods", True),
    "Deployment": ("apps", "deployments", True),
    "StatefulSet": ("apps", "statefulsets", True),
    "DaemonSet": ("apps", "daemonsets", True),
    "ReplicaSet": ("apps", "replicasets", True),
    "Job": ("batch", "jobs", True),
    "CronJob": ("batch", "cronjobs", True),
}
# https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library and the extended strings library
LIBRARY: dict[str, Callable] = {
    "join": lambda parts, separator="": separator.join(parts),
    "replace": lambda text, old, new: text.replace(old, new),
}


def evaluate(expression: str, known: dict):
    """The value of an expression; one that cannot be evaluated fails the test, though the API server would pass over it."""
    return cel.evaluate(expression, cel.Context(variables=known, functions=LIBRARY))


class Policies:
    """The policies of a rendering, each with its binding."""

    def __init__(self, *arguments: str) -> None:
        found = objects(*arguments)
        self._policies = []
        for (kind, name), bound in found.items():
            if kind == "ValidatingAdmissionPolicyBinding":
                policy = found["ValidatingAdmissionPolicy", bound["spec"]["policyName"]]
                assert set(policy["spec"]) <= {"failurePolicy", "matchConstraints", "matchConditions", "variables", "validations"}, name
                assert set(policy["spec"]["matchConstraints"]) == {"resourceRules"}, name
                selector = bound["spec"].get("matchResources", {"namespaceSelector": {"matchExpressions": []}})
                assert set(selector) == {"namespaceSelector"} and set(selector["namespaceSelector"]) == {"matchExpressions"}, name
                self._policies.append((policy["spec"], bound["spec"]["validationActions"], selector["namespaceSelector"]["matchExpressions"]))

    def said(self, new: dict, old: dict | None = None, namespace: dict | None = None, subresource: str = "") -> list[str]:
        """The messages about a request that creates an object, or makes it out of an old one."""
        group, plural, namespaced = PLACES[new["kind"]]
        resource = f"{plural}/{subresource}" if subresource else plural
        operation = "UPDATE" if old else "CREATE"
        given = {"object": new, "oldObject": old, "namespaceObject": namespace if namespaced else None}
        messages: list[str] = []
        for policy, _, selector in self._policies:
            rules = policy["matchConstraints"]["resourceRules"]
            if selects(selector, namespace if namespaced else new) and any(group in rule["apiGroups"] and resource in rule["resources"] and operation in rule["operations"] for rule in rules):
                messages += judged(policy, given)
        return messages

    def actions(self) -> set[str]:
        """What the bindings do."""
        return {action for _, actions, _ in self._policies for action in actions}


def selects(expressions: list[dict], namespace: dict | None) -> bool:
    """Whether a selector takes a namespace by its labels."""
    labels = (namespace or {}).get("metadata", {}).get("labels", {})
    assert all(one["operator"] in ("In", "NotIn") for one in expressions), "no test knows the operator"
    return all((labels.get(one["key"]) in one["values"]) == (one["operator"] == "In") for one in expressions)


def judged(policy: dict, given: dict) -> list[str]:
    """The messages of the validations that do not hold."""
    if not all(evaluate(condition["expression"], given) for condition in policy.get("matchConditions", [])):
        return []
    variables: dict = {}
    for variable in policy.get("variables", []):
        variables[variable["name"]] = evaluate(variable["expression"], {**given, "variables": variables})
    known = {**given, "variables": variables}
    failed = [one for one in policy["validations"] if evaluate(one["expression"], known) is not True]
    return [evaluate(one["messageExpression"], known) if "messageExpression" in one else one["message"] for one in failed]
