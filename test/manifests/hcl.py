"""Evaluates enough of Terraform's language to see what a module would create, without a provider, an account or a network.

References to what only AWS can know become strings such as "${aws_launch_template.node.id}"; data sources are given by the caller.
scripts/check-manifests.sh compares the result with a real `tofu` or `terraform`.
"""
import base64
import functools
import json
import math
import operator

import hcl2
import yaml
from hcl2.rules.strings import process_escape_sequences


class Unknown(str):
    """A value known only after apply; every attribute and element of it is unknown too."""

    def __new__(cls, reference):
        return super().__new__(cls, "${%s}" % reference)

    def part(self, suffix):
        return Unknown(self[2:-1] + suffix)


class Block:
    """One block: its labels, and lazily its attributes and inner blocks."""

    def __init__(self, rule):
        self.kind, *self.labels = (_text(label) for label in rule.labels)
        self.attributes, self.blocks = {}, []
        for child in rule.body.children:
            if child.lark_name() == "attribute":
                self.attributes[_text(child.identifier)] = child.expression
            elif child.lark_name() == "block":
                self.blocks.append(Block(child))

    def expand(self, module, names):
        """The block as a dict; inner blocks are lists, dynamic ones unrolled."""
        result = {name: module.evaluate(rule, names) for name, rule in self.attributes.items()}
        for block in self.blocks:
            if block.kind == "dynamic":
                content = next(inner for inner in block.blocks if inner.kind == "content")
                for key, value in _pairs(module.evaluate(block.attributes["for_each"], names)):
                    iterator = {block.labels[0]: {"key": key, "value": value}}
                    result.setdefault(block.labels[0], []).append(content.expand(module, {**names, **iterator}))
            elif block.kind in ("precondition", "lifecycle", "validation"):
                result.setdefault(block.kind, []).append(block)
            else:
                result.setdefault(block.kind, []).append(block.expand(module, names))
        return result


class Module:
    def __init__(self, files, folder, variables=None, data=None):
        """`files`: path -> text of the repository; `data`: "type.name" -> what the data source would answer."""
        self.files, self.folder, self.data = files, folder, data or {}
        self.top = []
        for path, text in files.items():
            if path.endswith(".tf") and path.rpartition("/")[0] == folder:
                self.top += [Block(rule) for rule in _parse(text) if rule.lark_name() == "block"]
        self.locals = {name: rule for block in self.top if block.kind == "locals" for name, rule in block.attributes.items()}
        self.declared = {block.labels[0]: block for block in self.top if block.kind == "variable"}
        self.variables = dict(variables or {})
        tfvars = files.get(f"{folder}/terraform.tfvars")
        if tfvars:
            for rule in _parse(tfvars):
                if rule.lark_name() == "attribute":
                    self.variables.setdefault(_text(rule.identifier), self.evaluate(rule.expression, {}))
        undeclared = self.variables.keys() - self.declared.keys()
        if undeclared:
            raise KeyError(f"{folder}: no such variable: {sorted(undeclared)}")

    def block(self, kind, *labels):
        return next(block for block in self.top if block.kind == kind and tuple(block.labels) == labels)

    def expand(self, kind, *labels):
        """Every instance of a resource, data source or module call: key (None without for_each) -> dict."""
        block = self.block(kind, *labels)
        if "for_each" in block.attributes:
            each = _pairs(self.evaluate(block.attributes["for_each"], {}))
            return {key: block.expand(self, {"each": {"key": key, "value": value}}) for key, value in each}
        count = self.evaluate(block.attributes["count"], {}) if "count" in block.attributes else 1
        return {None if "count" not in block.attributes else index: block.expand(self, {}) for index in range(count)}

    def call(self, name):
        """The modules called by the block `module NAME`: key -> Module."""
        called = {}
        for key, arguments in self.expand("module", name).items():
            source = f"{self.folder}/{arguments.pop('source').removeprefix('./')}"
            for meta in ("for_each", "count", "depends_on", "providers"):
                arguments.pop(meta, None)
            called[key] = Module(self.files, source, arguments, self.data)
        return called

    def local(self, name):
        return self.evaluate(self.locals[name], {})

    def variable(self, name):
        return self.variables[name] if name in self.variables else self.evaluate(self.declared[name].attributes["default"], {})

    def evaluate(self, rule, names):
        return getattr(self, "_" + rule.lark_name())(rule, names)

    def _expr_term(self, rule, names):
        return self.evaluate(rule.expression, names)

    def _literal_value(self, rule, names):
        return {"true": True, "false": False, "null": None}[str(rule.token.value)]

    def _int_lit(self, rule, names):
        return int(rule.token.value)

    def _float_lit(self, rule, names):
        return float(rule.token.value)

    def _identifier(self, rule, names):
        name = _text(rule)
        if name in names:
            return names[name]
        known = {"var": _Lazy(self.variable), "local": _Lazy(self.local), "path": {"module": self.folder}, "data": _Lazy(self._data_of_type)}
        return known.get(name, Unknown(name))

    def _data_of_type(self, kind):
        return _Lazy(lambda name: self.data.get(f"{kind}.{name}", Unknown(f"data.{kind}.{name}")))

    def _string(self, rule, names):
        return "".join(self._part(part.content, names) for part in rule.string_parts)

    def _part(self, content, names):
        if content.lark_name() == "interpolation":
            value = self.evaluate(content.expression, names)
            return str(value).lower() if isinstance(value, bool) else str(value)
        return process_escape_sequences(str(content.value)).replace("$${", "${")

    def _tuple(self, rule, names):
        return [self.evaluate(element, names) for element in rule.elements]

    def _object(self, rule, names):
        return {self._key(element.key, names): self.evaluate(element.expression, names) for element in rule.elements}

    def _key(self, key, names):
        if key.lark_name() == "object_elem_key_expr":
            return self.evaluate(key.expression, names)
        return _text(key.value) if key.value.lark_name() == "identifier" else self.evaluate(key.value, names)

    def _for_tuple_expr(self, rule, names):
        return [self.evaluate(rule.value_expr, scope) for scope in self._iterate(rule, names)]

    def _for_object_expr(self, rule, names):
        return {self.evaluate(rule.key_expr, scope): self.evaluate(rule.value_expr, scope) for scope in self._iterate(rule, names)}

    def _iterate(self, rule, names):
        intro = rule.for_intro
        for key, value in _pairs(self.evaluate(intro.iterable, names)):
            scope = {**names, _text(intro.first_iterator): value}
            if intro.second_iterator:
                scope = {**names, _text(intro.first_iterator): key, _text(intro.second_iterator): value}
            if rule.condition is None or self.evaluate(rule.condition.condition_expr, scope):
                yield scope

    def _conditional(self, rule, names):
        return self.evaluate(rule.if_true if self.evaluate(rule.condition, names) else rule.if_false, names)

    def _binary_op(self, rule, names):
        sign = str(rule.binary_term.binary_operator.token.value).strip()
        left, right = rule.expr_term, rule.binary_term.expr_term
        if sign in ("&&", "||"):
            first = self.evaluate(left, names)
            return self.evaluate(right, names) if first == (sign == "&&") else first
        return _OPERATORS[sign](self.evaluate(left, names), self.evaluate(right, names))

    def _unary_op(self, rule, names):
        value = self.evaluate(rule.expr_term, names)
        return not value if rule.operator == "!" else -value

    def _get_attr_expr_term(self, rule, names):
        return _element(self.evaluate(rule.expr_term, names), _text(rule.get_attr.identifier))

    def _index_expr_term(self, rule, names):
        base, index = rule.children
        return _element(self.evaluate(base, names), self.evaluate(index.index_expression, names))

    def _full_splat_expr_term(self, rule, names):
        elements = self.evaluate(rule.expr_term, names)
        for access in rule.attr_splat.get_attrs:
            elements = [_element(element, _text(access.identifier)) for element in elements]
        return elements

    def _function_call(self, rule, names):
        name = _text(rule.identifiers[0])
        arguments = rule.arguments.arguments if rule.arguments else []
        if name == "try":
            for argument in arguments:
                try:
                    return self.evaluate(argument, names)
                except (KeyError, IndexError, TypeError):
                    continue
        return _FUNCTIONS[name](*(self.evaluate(argument, names) for argument in arguments))


@functools.lru_cache(maxsize=None)
def _parse(text):
    return hcl2.parses(text).body.children


class _Lazy:
    def __init__(self, get):
        self.get = get


def _element(value, key):
    if isinstance(value, _Lazy):
        return value.get(key)
    if isinstance(value, Unknown):
        return value.part(f".{key}" if isinstance(key, str) else f"[{key}]")
    return value[key]


def _pairs(value):
    """What `for` and `for_each` walk over: maps in the order of their keys, sets as key = value."""
    if isinstance(value, dict):
        return sorted(value.items())
    if isinstance(value, (set, frozenset)):
        return [(element, element) for element in sorted(value)]
    return list(enumerate(value))


def _text(rule):
    """An identifier or a plain string as written."""
    if rule.lark_name() == "identifier":
        return str(rule.token.value)
    return "".join(str(part.content.value) for part in rule.string_parts)


def _merge(*maps):
    return {key: value for each in maps for key, value in each.items()}


def _one(elements):
    if len(elements) > 1:
        raise ValueError("one() of several")
    return elements[0] if elements else None


_OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}

_FUNCTIONS = {
    "base64encode": lambda text: base64.b64encode(text.encode()).decode(),
    "ceil": math.ceil,
    "concat": lambda *lists: [element for each in lists for element in each],
    "contains": lambda collection, element: element in collection,
    "distinct": lambda elements: list(dict.fromkeys(elements)),
    "floor": math.floor,
    "join": lambda separator, parts: separator.join(map(str, parts)),
    "jsonencode": json.dumps,
    "keys": sorted,
    "length": len,
    "lookup": lambda mapping, key, default=None: mapping.get(key, default),
    "merge": _merge,
    "nonsensitive": lambda value: value,
    "one": _one,
    "tolist": list,
    "toset": set,
    "trimprefix": lambda text, prefix: text.removeprefix(prefix),
    "values": lambda mapping: [value for _, value in sorted(mapping.items())],
    "yamlencode": lambda value: yaml.safe_dump(value, sort_keys=True),
}
