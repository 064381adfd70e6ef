from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nablaviz.data import etags, transfer
from nablaviz.data.dataset import DataError
from nablaviz.data.published import Published, Registry, download

MIB = 1 << 20
CONTENT = bytes(i * 37 % 251 for i in range(3001)) * 1000  # 3 MB: three chunks, no period of a power of 2


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def multipart_etag(data: bytes, size: int) -> str:
    cut = [data[i : i + size] for i in range(0, len(data), size)]
    return f"{md5(b''.join(hashlib.md5(c).digest() for c in cut))}-{len(cut)}"


@dataclass
class Store:
    """What the server holds and how it misbehaves: one fault per GET, then none."""

    content: bytes = CONTENT
    etag: str | None = md5(CONTENT)
    faults: list[str] = field(default_factory=list)
    delay: float = 0.0
    "Seconds between pieces of 64 kB."
    log: list[tuple[str, str | None, int]] = field(default_factory=list)
    "Method, Range and status of each request."
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, store: Store, *args) -> None:
        self.store = store
        super().__init__(*args)

    def log_message(self, *args) -> None:
        pass

    def reply(self, status: int, length: int, etag: str | None, extra: dict[str, str] | None = None) -> None:
        self.store.log.append((self.command, self.headers.get("Range"), status))
        self.send_response(status)
        headers = {"Content-Length": str(length), "Connection": "close", **(extra or {})}
        if etag is not None:
            headers["ETag"] = etag if etag.startswith("W/") else f'"{etag}"'
        for item in headers.items():
            self.send_header(*item)
        self.end_headers()

    def do_HEAD(self) -> None:
        if self.path != "/set/a.db":
            return self.reply(404, 0, None)
        return self.reply(200, len(self.store.content), self.store.etag)

    def do_GET(self) -> None:
        store = self.store
        fault = store.faults.pop(0) if store.faults else ""
        if fault.isdecimal():
            return self.reply(int(fault), 0, None)
        content, etag, first = store.content, store.etag, 0
        if fault == "etag":
            etag = md5(b"another version")
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and fault != "norange" and self.headers.get("If-Range") in (None, f'"{etag}"'):
            first = int(asked[1])
        body = bytearray(content[first:])
        if fault == "corrupt":
            body[len(body) // 2] ^= 1
        if fault == "short":  # claims to be whole, and is not
            body = body[: len(body) // 2]
        range_ = f"bytes {first + (fault == 'shift')}-{len(content) - 1}/{len(content)}"
        self.reply(206 if first else 200, len(body), etag, {"Content-Range": range_} if first else None)
        if fault == "drop":
            body = body[: len(body) // 2]
        for i in range(0, len(body), 1 << 16):
            self.wfile.write(body[i : i + (1 << 16)])
            time.sleep(store.delay)
        return None


@pytest.fixture(scope="module")
def server():
    store = Store()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, store)) as http:
        http.daemon_threads = True
        store.url = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield store
        http.shutdown()


@pytest.fixture
def store(server: Store) -> Store:
    return reset(server)


def reset(server: Store) -> Store:
    server.__init__(url=server.url)
    return server


def registry_of(store: Store, etag: str | None = "server's") -> Registry:
    etag = store.etag if etag == "server's" else etag
    return Registry(store.url, (Published("set/a", "set/a.db", etag, "a test"),))


def fetch(store: Store, folder: Path, registry: Registry | None = None, **options) -> Path:
    registry = registry or registry_of(store)
    return download("set/a", folder, registry=registry, progress=False, wait=0.001, **options)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_downloads_and_does_not_ask_again(store, tmp_path):
    path = fetch(store, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "a.db"
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["a.db"]
    requests = len(store.log)
    assert fetch(store, path.parent) == path
    assert len(store.log) == requests


def test_resumes_after_a_dropped_connection(store, tmp_path):
    store.faults = ["drop", "drop", "503"]
    assert fetch(store, tmp_path).read_bytes() == CONTENT
    gets = [(range_, status) for method, range_, status in store.log if method == "GET"]
    assert gets[0] == (None, 200)
    half, more = len(CONTENT) // 2, len(CONTENT) // 2 + (len(CONTENT) - len(CONTENT) // 2) // 2
    assert gets[1] == (f"bytes={half}-", 206)
    assert gets[2:] == [(f"bytes={more}-", 503), (f"bytes={more}-", 206)]


def test_a_server_that_ignores_ranges_sends_it_all_again(store, tmp_path):
    store.faults = ["drop", "norange"]
    assert fetch(store, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_never_resumes_without_a_strong_etag(store, tmp_path, etag):
    registry = registry_of(store)
    store.etag, store.faults = etag, ["drop"]
    assert fetch(store, tmp_path, registry).read_bytes() == CONTENT
    assert {range_ for _, range_, _ in store.log} == {None}


@pytest.mark.parametrize("fault", ["corrupt", "etag", "short", "shift", "404", "403"])
def test_a_wrong_answer_never_gets_the_final_name(store, tmp_path, fault):
    store.faults = ["drop", fault] if fault == "shift" else [fault]
    with pytest.raises((DataError, transfer.TransferError), match=r"a\.db"):
        fetch(store, tmp_path)
    assert "a.db" not in names(tmp_path)
    assert fetch(store, tmp_path).read_bytes() == CONTENT


def test_gives_up_on_a_server_that_stays_down(store, tmp_path):
    store.faults = ["500"] * transfer.TRIES
    with pytest.raises(transfer.TransferError, match=rf"500 .*\({transfer.TRIES} tries\)"):
        fetch(store, tmp_path)
    assert store.faults == []
    with pytest.raises(transfer.TransferError, match="127.0.0.1:9/set/a.db.*refused"):
        fetch(store, tmp_path, base_url="http://127.0.0.1:9")


def test_tries_count_only_without_progress(store, tmp_path):
    store.faults = ["drop"] * (2 * transfer.TRIES)
    assert fetch(store, tmp_path).read_bytes() == CONTENT


def test_a_missing_file_says_so_at_once(store, tmp_path):
    registry = Registry(store.url, (Published("set/a", "set/b.db", None, ""),))
    with pytest.raises(transfer.TransferError, match=r"set/b\.db: the server says 404"):
        fetch(store, tmp_path, registry)
    assert len(store.log) == 1


def test_a_new_version_on_the_server(store, tmp_path):
    registry = registry_of(store)
    store.faults = ["drop", "403"]
    with pytest.raises(transfer.TransferError):
        fetch(store, tmp_path)
    (part,) = names(tmp_path)
    store.content = CONTENT[::-1]
    store.etag = md5(store.content)
    with pytest.raises(DataError, match=f"changed.*{store.etag}.*{registry.files[0].etag}.*--unverified"):
        fetch(store, tmp_path, registry)
    assert names(tmp_path) == [part]
    assert fetch(store, tmp_path, registry, strict=False).read_bytes() == store.content
    assert names(tmp_path) == ["a.db"]


def test_a_file_in_the_way_is_not_touched(store, tmp_path):
    (tmp_path / "a.db").write_text("mine")
    with pytest.raises(DataError, match=r"a\.db: 4 bytes, the published file has 3001000; move it away"):
        fetch(store, tmp_path)
    assert (tmp_path / "a.db").read_text() == "mine"


def test_multipart_etag_is_recomputed(store, tmp_path):
    store.etag = multipart_etag(CONTENT, MIB)
    assert store.etag.endswith("-3")
    assert fetch(store, tmp_path).read_bytes() == CONTENT


def test_multipart_etag_of_unusual_parts_needs_a_decision(store, tmp_path):
    store.etag = multipart_etag(CONTENT, MIB + 1000)
    with pytest.raises(DataError, match="unusual parts.*--unverified"):
        fetch(store, tmp_path)
    (part,) = names(tmp_path)
    assert part.endswith(".part")
    gets = len(store.log)
    assert fetch(store, tmp_path, strict=False).read_bytes() == CONTENT
    assert [method for method, *_ in store.log[gets:]] == ["HEAD"]


def test_nothing_to_verify_by_needs_a_decision(store, tmp_path):
    store.etag = "some-text"
    with pytest.raises(DataError, match="nothing to verify"):
        fetch(store, tmp_path, registry_of(store, None))
    assert fetch(store, tmp_path, registry_of(store, None), strict=False).read_bytes() == CONTENT


def test_registry_without_the_number_of_parts(store, tmp_path):
    store.etag = multipart_etag(CONTENT, MIB)
    assert fetch(store, tmp_path, registry_of(store, store.etag[:32])).read_bytes() == CONTENT


def test_a_full_disk_is_noticed_before(store, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(OSError, match=r"needs 0\.00 GB") as caught:
        fetch(store, tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert [method for method, *_ in store.log] == ["HEAD"]


def test_two_downloads_at_once_do_not_mix(store, tmp_path):
    store.faults = ["drop", "403"]
    with pytest.raises(transfer.TransferError):
        fetch(store, tmp_path)
    (part,) = tmp_path.iterdir()
    with part.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(transfer.TransferError, match="another process"):
            fetch(store, tmp_path)
    assert fetch(store, tmp_path).read_bytes() == CONTENT


@given(st.lists(st.sampled_from("drop norange corrupt etag short shift 404 500".split()), max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_the_final_file_is_right(server, tmp_path_factory, faults):
    store = reset(server)
    store.faults = list(faults)
    folder = tmp_path_factory.mktemp("any")
    for _ in range(len(faults) + 1):
        try:
            path = fetch(store, folder)
        except (DataError, transfer.TransferError):
            assert not (folder / "a.db").exists()
        else:
            assert path.read_bytes() == CONTENT
            break
    else:
        raise AssertionError(f"did not arrive in {len(faults) + 1} calls")


def command(store: Store, folder: Path, *options: str) -> list[str]:
    registry = folder.parent / "registry.json"
    row = {"name": "set/a", "path": "set/a.db", "etag": store.etag, "content": "a test"}
    registry.write_text(json.dumps({"base_url": store.url, "files": [row]}))
    name = [sys.executable, "-m", "nablaviz", "download", "set/a"]
    return [*name, "--to", str(folder), "--registry", str(registry), *options]


def test_killed_and_run_again(store, tmp_path):
    folder = tmp_path / "to"
    store.delay = 0.02  # a second in all
    process = subprocess.Popen(command(store, folder), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (folder.exists() and any(p.stat().st_size >= MIB for p in folder.iterdir())):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (part,) = folder.iterdir()
    have = part.stat().st_size
    assert part.suffix == ".part"
    assert have < len(CONTENT)
    store.delay = 0.0
    done = subprocess.run(command(store, folder, "--json"), capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result == {"name": "set/a", "path": str(folder / "a.db"), "size": len(CONTENT)}
    assert (folder / "a.db").read_bytes() == CONTENT
    assert store.log[-1] == ("GET", f"bytes={have}-", 206)


def test_registry_is_nabladfts():
    registry = Registry.load()
    files = {entry.name: entry for entry in registry}
    assert len(files) == len(registry.files) == len({entry.file for entry in registry})
    assert registry.find("train_2k.db").name == "hamiltonian/train_2k"
    # Sizes that nablaDFT states: 51 MB, 14 GB (GiB), 1.9 GB (GiB).
    for name, stated in {
        "energy/train_2k": 51e6,
        "hamiltonian/train_2k": 14 * 2**30,
        "summary": 1.9 * 2**30,
    }.items():
        assert files[name].approximate_size == pytest.approx(stated, rel=0.08)
    assert files["hamiltonian/train_full"].approximate_size is None
    for split in "structures scaffolds 2k_conformers 5k_conformers 10k_conformers 100k_conformers".split():
        assert files[f"energy/test_{split}"].etag
        assert files[f"hamiltonian/test_{split}"].etag


def test_unknown_name_has_the_nearest():
    with pytest.raises(ValueError, match="'energy/train2k'; nearest: energy/train_2k, "):
        Registry.load().find("energy/train2k")


@pytest.mark.parametrize(
    "path", ["../a.db", "/etc/a.db", "a/../../b.db", "..", "", "a//b", "a\\b", ".hidden", "a\nb", "set/a.db/"]
)
def test_paths_stay_in_the_folder(path):
    with pytest.raises(ValueError, match="plain names"):
        Published("a", path, None, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"base_url": "file:///etc", "files": []}',
        '{"base_url": "http://a", "files": [{"name": "a"}]}',
        '{"base_url": "http://a", "files": [{"name": "a", "path": "a.db", "etag": null, "content": null}]}',
    ],
)
def test_a_bad_registry_is_named(tmp_path, text):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"mine\.json: not a registry"):
        Registry.load(path)


def test_etag_of_a_bad_form_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'xyz'"):
        Published("a", "a.db", "xyz", "")
    with pytest.raises(ValueError, match="'xyz'"):
        etags.matches(tmp_path, "xyz")


@given(st.integers(0, 40_000), st.integers(1, 40))
def test_part_sizes_give_that_many_parts(size, count):
    size *= 4099
    for part in etags.part_sizes(size, count):
        assert -(-size // part) == count or (size == 0 and count == 1)


@given(size=st.integers(1, 100 * MIB), megabytes=st.sampled_from([5, 8, 16, 64]))
def test_usual_part_sizes_are_tried_first(size, megabytes):
    count = -(-size // (megabytes * MIB))
    tried = etags.part_sizes(size, count)
    assert count == 1 or megabytes * MIB in tried
    if megabytes == 8 and count > 1:
        assert tried[0] == 8 * MIB


@given(data=st.binary(min_size=1, max_size=5000), part=st.integers(1, 6000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_etags_of_any_parts(tmp_path, monkeypatch, data, part):
    (tmp_path / "f").write_bytes(data)
    with monkeypatch.context() as patch:
        patch.setattr(etags, "part_sizes", lambda size, count: [part])
        assert etags.matches(tmp_path / "f", multipart_etag(data, part))
        assert not etags.matches(tmp_path / "f", multipart_etag(data + b"x", part))
    assert etags.matches(tmp_path / "f", md5(data))
    assert not etags.matches(tmp_path / "f", md5(data + b"x"))
