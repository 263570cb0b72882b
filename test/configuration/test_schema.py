"""docs/queues.schema.json tells editors what the parser takes: the same examples pass, and the same mistakes do not."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((REPOSITORY / "docs/queues.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def cases():
    """(title, file) of each case in problems.txt, without those that only the parser can find wrong."""
    text = (Path(__file__).parent / "problems.txt").read_text()
    for case in re.split(r"^== ", text, flags=re.M)[1:]:
        title, rest = case.split("\n", 1)
        if not title.startswith("(parser only)"):
            yield pytest.param(re.split(r"^=> ", rest, flags=re.M)[0], id=title)


def examples():
    yield from sorted((Path(__file__).parent / "valid").glob("*.yaml"))
    yield REPOSITORY / "docs/queues.example.yaml"
    yield REPOSITORY / "manifests/server/components/configuration/queues.yaml"


def problems(text):
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", list(cases()))
def test_a_mistake_is_found(text):
    assert problems(text)


@pytest.mark.parametrize("file", list(examples()), ids=lambda file: file.name)
def test_an_example_passes(file):
    assert problems(file.read_text()) == []


@pytest.mark.parametrize("document", ["configuration.md", "queues.md"])
def test_the_documentation_shows_what_passes(document):
    text = (REPOSITORY / "docs" / document).read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, flags=re.M | re.S)
    blocks += [f"queues: [{queue}]" for queue in re.findall(r"`(\{name: .*?\})`", text)]
    assert blocks
    for block in blocks:
        assert problems(block) == [], block


@pytest.mark.parametrize("file", sorted((REPOSITORY / "hpa-examples/frameworks").iterdir()), ids=lambda file: file.name)
def test_an_example_of_a_framework_says_how_the_queue_that_its_hpa_asks_for_is_configured(file):
    [queue] = re.findall(r"^# The server's configuration has, in its queues: (\{.*\})$", file.read_text(), flags=re.M)
    assert problems(f"queues: [{queue}]") == []
    [hpa] = [one for one in yaml.safe_load_all(file.read_text()) if one["kind"] == "HorizontalPodAutoscaler"]
    [metric] = hpa["spec"]["metrics"]
    assert metric["external"]["metric"] == {
        "name": "redis_queue_length", "selector": {"matchLabels": {"queue": yaml.safe_load(queue)["name"]}}}
    assert f"(../hpa-examples/frameworks/{file.name})" in (REPOSITORY / "docs/queues.md").read_text()


def test_nearly_every_mistake_is_found_by_the_schema_too():
    """Marking a case "(parser only)" must stay the exception."""
    text = (Path(__file__).parent / "problems.txt").read_text()
    assert len(list(cases())) > 2 * len(re.findall(r"^== \(parser only\)", text, flags=re.M))
