import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HEAD = "file\tnotable\texpected_snippet\n"


@pytest.fixture
def measure(tmp_path):
    """Runs the tool on files (name: content) with these lines of the manifest; gives its status and last line."""

    def run(files, *lines):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        (tmp_path / "MANIFEST.tsv").write_text(HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.parsing", "--data", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    return run


def test_each_file_is_found_read_refused_rightly_or_wrong(measure, make_inner_zip):
    files = {
        "a.md": b"# Big *Duck*\n\nwords",
        "b.json": b"[1]",
        "c.exe": b"MZ",
        "d.rtf": b"{\\rtf1 other words}",
        "e.pdf": b"words",
        "f.zip": make_inner_zip,
    }
    status, answer = measure(
        files,
        "a.md\theading\t# Big Duck",
        "b.json\tBROKEN: nothing in it\t(no text)",
        "c.exe\ta program\t(none)",
        "d.rtf\twords\tmissing words",
        "e.pdf\tordinary\twords",
        "f.zip\tHOSTILE\t(must stop)",
    )
    outcomes = {result["file"]: (result["outcome"], result["code"]) for result in answer["results"]}
    assert outcomes == {
        "a.md": ("found", ""),
        "b.json": ("read", ""),
        "c.exe": ("refused rightly", "unknown_type"),
        "d.rtf": ("wrong", ""),
        "e.pdf": ("wrong", "type_mismatch"),
        "f.zip": ("refused rightly", "nested_archive"),
    }
    assert status == 1
    assert (answer["files"], answer["found"], answer["wrong"]) == (6, 1, 2)
    assert all(0 < result["peak_mb"] < 500 for result in answer["results"])


def test_the_status_is_zero_when_nothing_is_wrong(measure):
    assert measure({"a.txt": b"quack"}, "a.txt\tplain\tquack (a remark)")[0] == 0


@pytest.fixture
def make_inner_zip(tmp_path):
    import zipfile

    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.zip", "x")
    return path.read_bytes()
