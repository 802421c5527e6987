"""The public names: what ``import aats`` promises."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import aats
from aats import errors


@pytest.mark.parametrize("name", aats.__all__)
def test_each_public_name_is_there_and_is_the_one_of_its_module(name: str) -> None:
    value = getattr(aats, name)
    assert value is getattr(importlib.import_module(aats._WHERE[name]), name)
    assert name in dir(aats)


def test_the_table_of_public_names_is_complete() -> None:
    assert set(aats._WHERE) == set(aats.__all__) and list(aats.__all__) == sorted(aats.__all__)
    assert {name for name in errors.__all__ if name.endswith("Error")} - set(aats.__all__) == {"ParseError"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'aats' has no attribute 'Traderservice'"):
        _ = aats.Traderservice


def test_what_needs_no_c_core_is_imported_without_one() -> None:
    code = "import sys; sys.modules['aats._core'] = None; import aats, aats.base.const, aats.base.order, aats.errors; print(aats.Order.__name__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "Order\n"


def test_without_the_c_core_the_text_says_how_to_build_it() -> None:
    code = "import sys; sys.modules['aats._core'] = None; import aats; aats.TradeService"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "aats is not built" in done.stderr and "pip install ." in done.stderr
