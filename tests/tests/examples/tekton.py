"""Checks resources of Tekton against the schemas in Tekton's own definitions: DEFINITIONS FILE

A member that a schema does not name is wrong here: a cluster would drop it without a word.
"""

import sys

import jsonschema
from ruamel.yaml import YAML


def closed(node):
    """Returns the schema, with nothing allowed beside what it names."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {name: closed(value) for name, value in node.items()}
    if isinstance(node.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        node.setdefault("additionalProperties", False)
    return node


def schema(definitions, kind):
    """Returns the schema of a kind of tekton.dev/v1; none if there is none."""
    for known in ("task", "pipeline", "taskrun", "pipelinerun"):
        with open(f"{definitions}/300-{known}.yaml", encoding="utf-8") as file:
            definition = YAML(typ="safe").load(file)
        if definition["spec"]["names"]["kind"] == kind:
            version = next(one for one in definition["spec"]["versions"] if one["name"] == "v1")
            of_kind = closed(version["schema"]["openAPIV3Schema"])
            # What all resources have is not Tekton's.
            of_kind["properties"]["metadata"] = {"type": "object", "required": ["name"]}
            of_kind["required"] = ["apiVersion", "kind", "metadata", "spec"]
            return of_kind
    return None


def problems(definitions, document):
    """Yields what is wrong with a resource."""
    if document.get("apiVersion") != "tekton.dev/v1":
        yield f"expected tekton.dev/v1, found {document.get('apiVersion')}"
    of_kind = schema(definitions, document.get("kind"))
    if of_kind is None:
        yield f"{document.get('kind')} is no kind of Tekton's"
        return
    for error in jsonschema.Draft202012Validator(of_kind).iter_errors(document):
        yield f"{document['kind']} {error.json_path}: {error.message}"


def main(definitions, path):
    with open(path, encoding="utf-8") as file:
        documents = list(YAML(typ="safe").load_all(file))
    found = [problem for document in documents for problem in problems(definitions, document)]
    for problem in found:
        print(problem)
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
