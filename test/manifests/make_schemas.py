"""Writes strict JSON schemas for kubeconform from Kubernetes' OpenAPI document and from CRDs. Usage: make_schemas.py FOLDER SWAGGER CRD..."""
import json
import pathlib
import sys

import yaml

INT_OR_STRING = {"oneOf": [{"type": "string"}, {"type": "integer"}]}


def strict(schema, definitions, inside=()):
    """The schema with references resolved and unknown fields refused; what refers to itself is not followed further."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name.endswith("IntOrString"):
            return INT_OR_STRING
        if name.endswith("Quantity"):
            return {"oneOf": [{"type": "string"}, {"type": "number"}]}
        return {} if name in inside else strict(definitions[name], definitions, (*inside, name))
    if schema.get("x-kubernetes-int-or-string"):
        return INT_OR_STRING
    result = {key: value for key, value in schema.items() if key in ("type", "enum", "required", "pattern", "minimum", "maximum")}
    if "properties" in schema:
        result["properties"] = {name: strict(each, definitions, inside) for name, each in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    elif "additionalProperties" in schema:
        result["additionalProperties"] = strict(schema["additionalProperties"], definitions, inside)
    if "items" in schema:
        result["items"] = strict(schema["items"], definitions, inside)
    return result


def write(folder, group, version, kind, schema):
    suffix = "-".join(filter(None, (group.split(".")[0], version)))
    schema["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": schema["properties"].get("metadata") or {"type": "object"}}
    if not schema["properties"]["metadata"].get("properties"):
        schema["properties"]["metadata"] = {"type": "object"}
    (folder / f"{kind.lower()}-{suffix}.json").write_text(json.dumps(schema))


def main(folder, swagger, *crds):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    definitions = json.loads(pathlib.Path(swagger).read_text())["definitions"]
    for definition in definitions.values():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            if "metadata" in definition.get("properties", {}) and not kind["kind"].endswith("List"):
                write(folder, kind["group"], kind["version"], kind["kind"], strict(definition, definitions))
    for crd in crds:
        spec = yaml.safe_load(pathlib.Path(crd).read_text())["spec"]
        for version in spec["versions"]:
            write(folder, spec["group"], version["name"], spec["names"]["kind"], strict(version["schema"]["openAPIV3Schema"], {}))


if __name__ == "__main__":
    main(*sys.argv[1:])
