"""What thousands of databases and applications of the tests would each compile anew is compiled once for a process.

A test has an engine and an application of its own. Most of their time went into compiling the same SQL and the same
routes again; the product compiles each of them once, as one process has one engine and one application.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

STATEMENTS = 5_000


@pytest.fixture(scope="session", autouse=True)
def compiled_statements() -> Iterator[None]:
    """Let engines of one kind share what they compiled: SQLAlchemy tells them apart by their dialects."""
    cache = LRUCache[Any, Any](STATEMENTS)

    def is_alike(dialect: DefaultDialect, other: object) -> bool:
        return (
            type(dialect) is type(other) and dialect.server_version_info == other.server_version_info  # type: ignore[attr-defined]
        )

    with pytest.MonkeyPatch.context() as patch:
        # `create_engine` reads the signature of `Engine.__init__`, which has to stay as it is.
        shared = property(lambda _engine: cache, lambda _engine, _own: None)
        patch.setattr(Engine, "_compiled_cache", shared, raising=False)
        patch.setattr(DefaultDialect, "__eq__", is_alike)
        patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_rules() -> Iterator[None]:
    """Let applications share the patterns and builders of their routes.

    Where a rule has defaults, converters have their say, and it is compiled each time.
    """
    compile_rule = Rule.compile
    compiled: dict[object, Rule] = {}

    def compile_once(rule: Rule) -> None:
        assert rule.map is not None
        if rule.defaults:
            compile_rule(rule)
            return
        place = (rule.subdomain, rule.host, rule.map.host_matching, rule.merge_slashes)
        key = (rule.rule, *place, frozenset(rule.map.converters.items()))
        known = compiled.get(key)
        if known is None:
            compile_rule(rule)
            compiled[key] = rule
            return
        rule._parts, rule._trace, rule._converters = list(known._parts), known._trace, known._converters
        rule.arguments |= known.arguments
        rule._build = known._build.__func__.__get__(rule, None)  # type: ignore[attr-defined]
        rule._build_unknown = known._build_unknown.__func__.__get__(rule, None)  # type: ignore[attr-defined]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "compile", compile_once)
        yield
