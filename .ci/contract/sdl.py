"""The shape of a GraphQL schema as plain values, in the form in which the contract is kept."""
from graphql import (
    build_client_schema,
    build_schema,
    print_ast,
    print_schema,
)
from graphql.language import parse

BUILTIN_DIRECTIVES = {"skip", "include", "deprecated", "specifiedBy", "oneOf"}


def _applied(node):
    """Directives on a node of the document, without those that are about wording."""
    found = []
    for directive in getattr(node, "directives", None) or ():
        name = directive.name.value
        if name == "deprecated":
            continue
        entry = {"name": name}
        if directive.arguments:
            entry["args"] = {a.name.value: print_ast(a.value) for a in directive.arguments}
        found.append(entry)
    return found


def _value(node):
    entry = {"type": print_ast(node.type)}
    default = getattr(node, "default_value", None)
    if default is not None:
        entry["default"] = print_ast(default)
    arguments = getattr(node, "arguments", None)
    if arguments:
        entry["args"] = {a.name.value: _value(a) for a in arguments}
    directives = _applied(node)
    if directives:
        entry["directives"] = directives
    return entry


KINDS = {
    "object_type_definition": "object",
    "interface_type_definition": "interface",
    "input_object_type_definition": "input",
    "enum_type_definition": "enum",
    "scalar_type_definition": "scalar",
    "union_type_definition": "union",
}


def render_sdl(text):
    """A schema in the Schema Definition Language."""
    build_schema(text)  # refuses what is no schema
    schema = {"schema": {"query": "Query", "mutation": "Mutation", "subscription": "Subscription"},
              "types": {}, "directives": {}}
    for node in parse(text).definitions:
        if node.kind == "schema_definition":
            schema["schema"] = {o.operation.value: o.type.name.value for o in node.operation_types}
        elif node.kind == "directive_definition":
            name = node.name.value
            if name not in BUILTIN_DIRECTIVES:
                schema["directives"][name] = {
                    "args": {a.name.value: _value(a) for a in node.arguments},
                    "locations": sorted(location.value for location in node.locations),
                    "repeatable": node.repeatable,
                }
        elif node.kind in KINDS:
            entry = {"kind": KINDS[node.kind]}
            if node.kind == "enum_type_definition":
                entry["values"] = {v.name.value: {} for v in node.values}
            elif node.kind == "union_type_definition":
                entry["members"] = [t.name.value for t in node.types]
            elif node.kind != "scalar_type_definition":
                entry["fields"] = {f.name.value: _value(f) for f in node.fields}
                implements = [i.name.value for i in getattr(node, "interfaces", ())]
                if implements:
                    entry["implements"] = implements
            directives = _applied(node)
            if directives:
                entry["directives"] = directives
            schema["types"][node.name.value] = entry
    return schema


def render_introspection(result):
    """A schema as an answer to the introspection query has it."""
    return render_sdl(print_schema(build_client_schema(result.get("data", result))))
