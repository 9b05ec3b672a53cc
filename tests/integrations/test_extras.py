"""Who has not installed a framework is told how."""

from __future__ import annotations

import importlib
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("langgraph", "langgraph.store.base", "langgraph"),
        ("langchain", "langchain_core.callbacks", "langchain"),
        ("llamaindex", "llama_index.core.base.llms.types", "llamaindex"),
        ("openai_agents", "agents", "openai-agents"),
    ],
)
def test_an_extra_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for loaded in (module, "namespaces"):
        monkeypatch.delitem(sys.modules, f"engram.integrations.{loaded}", raising=False)
    with pytest.raises(ImportError, match=rf"pip install 'engram-memory-engine\[{extra}\]'"):
        importlib.import_module(f"engram.integrations.{module}")
