import json
import os
from pathlib import Path

from PIL import Image

from autotag.inference.process.keyword_server import answer, serve_keywords


def test_it_reads_writes_and_refuses(tmp_path: Path) -> None:
    path, copy = tmp_path / "picture.png", tmp_path / "copy.png"
    Image.new("RGB", (8, 8), "red").save(path)
    ask = {"path": str(path), "target": None, "keywords": []}
    assert answer(ask) == {"keywords": ()}
    assert answer(ask | {"target": str(copy), "keywords": ["one"]}) == {"written": True}
    assert answer(ask | {"path": str(copy)}) == {"keywords": ("one",)}
    path.write_bytes(b"GIF89a")
    assert "JPEG" in answer(ask | {"target": str(copy), "keywords": ["one"]})["error"]
    assert "cannot be written" in answer(ask | {"target": str(tmp_path / "no" / "copy")})["error"]


def test_it_answers_line_by_line(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    line = json.dumps({"path": str(tmp_path / "missing"), "target": None, "keywords": []}).encode()
    serve_keywords([line, line], writing)
    with os.fdopen(reading, "rb") as answers:
        assert [json.loads(one) for one in answers] == [{"ready": True}, {"keywords": []}, {"keywords": []}]
