"""The catalogue of seeded defects: each names what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.scenario.catalogue import known, read_catalogue
from tests.support.paths import REFERENCE_CONTRACT as REFERENCE

TEXT = REFERENCE.read_text(encoding="utf-8")


def test_the_catalogue_names_what_exists():
    defects = read_catalogue(read_contract(REFERENCE), REFERENCE)
    assert len(defects) >= 7
    assert len({defect.name for defect in defects}) == len(defects)
    for defect in defects:
        assert (REFERENCE.parents[1] / defect.scenario).is_file()
    known(defects, [defect.name for defect in defects])


def test_an_unknown_defect_is_refused_with_the_nearest():
    defects = read_catalogue(read_contract(REFERENCE), REFERENCE)
    with pytest.raises(UsageError, match=r"'no-fense' is no defect of this service; did you mean `no-fence`\?"):
        known(defects, ["no-fense"])


def test_a_contract_without_or_with_a_bad_catalogue(tmp_path: Path):
    path = tmp_path / "contract.yaml"
    start, _, _ = TEXT.partition("\ndefects:")
    path.write_text(start + "\n", encoding="utf-8")
    assert read_catalogue(read_contract(path), path) == []
    path.write_text(start + "\ndefects: {catalogue: c.yaml}\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_text("defects:\n  - {name: A B, title: t}\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_catalogue(read_contract(path), path)
    assert f"{tmp_path}/c.yaml:2: defects.0.name: " in str(caught.value)
    assert f"{tmp_path}/c.yaml:2: defects.0.check: is missing and has no default" in str(caught.value)


def test_a_check_is_known_by_its_former_name_and_an_unknown_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text(TEXT.partition("\ndefects:")[0] + "\ndefects: {catalogue: c.yaml}\n", encoding="utf-8")
    line = "  - {name: %s, title: t, what: w, seen_in: s, scenario: kill.yaml, check: %s}\n"
    (tmp_path / "c.yaml").write_text("defects:\n" + line % ("a", "rate_limit") + line % ("b", "cart"))
    assert [defect.check for defect in read_catalogue(read_contract(path), path)] == ["limit", "cart"]
    (tmp_path / "c.yaml").write_text("defects:\n" + line % ("a", "carts"))
    with pytest.raises(UsageError, match=r"c.yaml:2: defects.0.check: 'carts' is no check; did you mean `cart`\?"):
        read_catalogue(read_contract(path), path)
