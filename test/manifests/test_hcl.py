"""The evaluator on small pieces; the whole is compared with a real `tofu` by scripts/check-manifests.sh."""
import pytest
from hcl import Module

CASES = [
    ("1 + 2 * 3 - 4 / 2 >= 5 && !false", True),
    ('"${1 + 1}-${true}-$${x}\\n"', "2-true-${x}\n"),
    ('[for key, value in { b = 2, a = 1 } : "${key}${value}"]', ["a1", "b2"]),
    ("{ for value in [1, 2, 3] : \"k${value}\" => value if value != 2 }", {"k1": 1, "k3": 3}),
    ('merge({ a = 1, "b/c" = 2 }, { a = 3 })', {"a": 3, "b/c": 2}),
    ('{ ("x${1}") = 1 }', {"x1": 1}),
    ("[{ a = 1 }, { a = 2 }][*].a", [1, 2]),
    ('try({ a = 1 }.b, "none")', "none"),
    ("aws_thing.name[0].id", "${aws_thing.name[0].id}"),
    ("false ? missing() : 1", 1),
]


@pytest.mark.parametrize("expression, expected", CASES)
def test_expression(expression, expected):
    assert Module({"m/main.tf": f"locals {{\n  value = {expression}\n}}\n"}, "m").local("value") == expected


def test_dynamic_blocks_unroll():
    text = 'resource "a" "b" {\n  dynamic "tag" {\n    for_each = { x = 1, y = 2 }\n\n    content {\n      key   = tag.key\n      value = tag.value\n    }\n  }\n}\n'
    assert Module({"m/main.tf": text}, "m").expand("resource", "a", "b")[None]["tag"] == [{"key": "x", "value": 1}, {"key": "y", "value": 2}]
