"""Signed nights with real keys: what was signed is recognised wherever it lies, and everything else is told apart."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import minisign
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

import s3_server
from enginebench.errors import UserError
from enginebench.records import Retention
from enginebench.store import Store, collect, prune, rows, signing, take_in
from stored import a_run, a_store, a_trial, finished

NIGHT = "2026-11-24"


@pytest.fixture(scope="module")
def keys():
    return minisign.KeyPair.generate()


@pytest.fixture
def store(tmp_path) -> Store:
    """Two trials of a night, one of another; nothing signed."""
    return a_store(
        tmp_path,
        a_trial("a", [a_run(0), a_run(1)]),
        a_trial("b", [a_run(0)], failure="the server ended"),
        a_trial("c", [a_run(0, day=25)], night="2026-11-25"),
    )


@pytest.fixture
def signed(store, keys) -> Store:
    signing.sign(store, NIGHT, keys.secret_key)
    return store


@pytest.fixture
def later(monkeypatch):
    now = time.time()
    return lambda seconds: monkeypatch.setattr(collect.time, "time", lambda: now + seconds)


def folder(store: Store, trial: str) -> Path:
    return store.local / f"night={NIGHT}" / f"trial={trial}"


def tampered_result(store: Store) -> None:
    path = folder(store, "a") / "result.json"
    path.write_text(path.read_text().replace('"duration_ns": 3000000000', '"duration_ns": 2000000000'))


def tampered_table(store: Store) -> None:
    path = folder(store, "a") / "requests.parquet"
    table = pq.read_table(path, partitioning=None)
    faster = pa.array([value - 1 for value in table["end_ns"].to_pylist()], pa.int64())
    pq.write_table(table.set_column(table.schema.get_field_index("end_ns"), table.schema.field("end_ns"), faster), path)


def tampered_order_of_rows(store: Store) -> None:
    path = folder(store, "a") / "requests.parquet"
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.take(list(reversed(range(len(table))))), path)


def broken_table(store: Store) -> None:
    (folder(store, "a") / "requests.parquet").write_bytes(b"PAR1 no more PAR1")


def tampered_log(store: Store) -> None:
    (folder(store, "a") / "server.log").write_text("ready at once\n")


def missing_table(store: Store) -> None:
    (folder(store, "a") / "telemetry.parquet").unlink()


def added_file(store: Store) -> None:
    (folder(store, "a") / "note.txt").write_text("believe me\n")


TAMPERED = [
    (tampered_result, "result.json is not what was signed"),
    (tampered_table, "the table `requests` is not what was signed"),
    (tampered_order_of_rows, "the table `requests` is not what was signed"),
    (broken_table, "cannot be read: "),
    (tampered_log, "server.log is not what was signed"),
    (missing_table, "the table `telemetry` is missing"),
    (added_file, "note.txt was not signed"),
]


def test_what_was_signed_is_recognised_before_and_after_compaction_and_once_folders_are_gone(signed, keys, later):
    assert signing.verify(signed, NIGHT, keys.public_key) == ()
    signed.compact()
    assert signing.verify(Store(signed.url), NIGHT, keys.public_key) == ()
    later(86460)
    assert signed.collect()
    assert not list(signed.local.glob("night=*"))
    assert signing.verify(Store(signed.url), NIGHT, keys.public_key) == ()


def test_signing_compacted_trials_signs_the_same(store, keys):
    before = signing.sign(store, NIGHT, keys.secret_key)
    store.compact()
    assert signing.sign(store, NIGHT, keys.secret_key) == before
    assert [one.trial for one in before.trials] == ["a", "b"]
    assert {"result.json", "job.json", "server.log"} == set(before.trials[0].files)
    assert {"requests", "requests-chunk_times", "telemetry"} == set(before.trials[0].tables)


@pytest.mark.parametrize(("tamper", "words"), TAMPERED, ids=lambda one: getattr(one, "__name__", ""))
def test_every_change_is_told(signed, keys, tamper, words):
    tamper(signed)
    (line,) = signing.verify(Store(signed.url), NIGHT, keys.public_key)
    assert line.startswith("trial a: ")
    assert words in line


def test_a_change_that_was_compacted_is_told_too(signed, keys):
    tampered_table(signed)
    signed.compact()
    assert signing.verify(signed, NIGHT, keys.public_key) == ("trial a: the table `requests` is not what was signed",)


def test_a_missing_and_an_extra_trial_are_told(signed, keys, tmp_path):
    signed.ingest(finished(tmp_path / "d", a_trial("d", [a_run(0)])))
    shutil.rmtree(folder(signed, "b"))
    assert signing.verify(Store(signed.url), NIGHT, keys.public_key) == (
        "trial b: was signed, and is missing",
        "trial d: was not signed",
    )
    signing.sign(signed, NIGHT, keys.secret_key)
    assert signing.verify(signed, NIGHT, keys.public_key) == ()


def test_another_key_another_text_another_night_and_no_signature_are_refused(signed, keys):
    with pytest.raises(UserError, match=r"signatures/2026-11-24\.json: incompatible key identifiers; name the key"):
        signing.verify(signed, NIGHT, minisign.KeyPair.generate().public_key)
    with pytest.raises(UserError, match=r"2026-11-25\.json: the night is not signed"):
        signing.verify(signed, "2026-11-25", keys.public_key)
    path = signed.local / "signatures" / f"{NIGHT}.json"
    for end in ("", ".minisig"):
        shutil.copy(f"{path}{end}", signed.local / "signatures" / f"2026-11-25.json{end}")
    with pytest.raises(UserError, match="is the signature of night 2026-11-24"):
        signing.verify(signed, "2026-11-25", keys.public_key)
    mine = path.with_name(f"{NIGHT}.json.minisig")
    before = mine.read_text()
    mine.write_text(before.replace("timestamp:", "timestamp:1"))
    with pytest.raises(UserError, match="signature verification failed"):
        signing.verify(signed, NIGHT, keys.public_key)
    mine.write_text("nothing\n")
    with pytest.raises(UserError, match="invalid number of lines"):
        signing.verify(signed, NIGHT, keys.public_key)
    mine.write_text(before)
    path.write_text(path.read_text().replace('"trial": "b"', '"trial": "x"'))
    with pytest.raises(UserError, match="signature verification failed"):
        signing.verify(signed, NIGHT, keys.public_key)


def test_what_retention_dropped_may_be_missing_and_nothing_else(signed, keys):
    policy = Retention(chunk_times_days=1, telemetry_days=1, logs_days=1)
    assert len(prune.prune(signed, policy, today=date(2026, 12, 24))) == 3
    assert signing.verify(signed, NIGHT, keys.public_key) == ()
    view = signed.view()
    assert view.table(NIGHT, "a", "requests")["event_ns"].null_count == 4
    found = signing.digests.of_view(view, NIGHT, "a")
    (doc,) = [one for one in signing.signed_night(signed.place, NIGHT, keys.public_key).trials if one.trial == "a"]
    assert signing.digests.differences(doc, found) == (
        "server.log is missing",
        "the table `requests` is not what was signed",
        "the table `telemetry` is missing",
    )


# Another store taken in


def test_all_trials_of_another_store_come_over_once_and_its_corrections_with_them(store, tmp_path):
    store.compact()
    store.ingest(finished(tmp_path / "d", a_trial("d", [a_run(0)])))
    made = store.invalidate("a", reason="too hot", author="Ada")
    store.withdraw(made.id, reason="it was not", author="Ada")
    store.invalidate("b", reason="too cold", author="Ada")
    other = Store(tmp_path / "other")
    done = take_in(other, store)
    assert (done.taken, done.there, done.refused, done.corrections) == (("a", "b", "d", "c"), 0, (), 3)
    assert list(other.results()) == list(store.results())
    assert other.runs().equals(store.runs())
    assert other.corrections() == store.corrections()
    assert other.requests("a").equals(store.requests("a"))
    again = take_in(Store(other.url), store)
    assert (again.taken, again.there, again.refused, again.corrections) == ((), 4, (), 0)


def test_another_trial_of_the_same_id_is_refused_and_the_others_come(store, tmp_path):
    other = a_store(tmp_path / "x", a_trial("a", [a_run(5)]))
    done = take_in(other, store)
    assert (done.taken, done.there) == (("b", "c"), 0)
    (line,) = done.refused
    assert line.startswith(f"trial a of night {NIGHT}: ")
    assert "trial a is stored with other content" in line


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize(("tamper", "words"), TAMPERED, ids=lambda one: getattr(one, "__name__", ""))
def test_with_a_key_what_is_not_as_signed_stays_out_and_the_rest_comes(
    signed, keys, tmp_path, tamper, words, compacted
):
    if compacted and tamper is not broken_table:
        tamper(signed)
        signed.compact()
    else:
        tamper(signed)
    other = Store(tmp_path / "other")
    done = take_in(other, Store(signed.url), keys.public_key)
    assert done.taken == ("b",)
    refused = {line.split()[1]: line for line in done.refused}
    assert refused.keys() == {"a", "c"}
    assert words in refused["a"]
    assert "the night is not signed" in refused["c"]
    assert [result.trial for result in other.results()] == ["b"]


def test_with_a_key_missing_and_extra_trials_and_corrections_are_told(signed, keys, tmp_path):
    signed.invalidate("a", reason="too hot", author="Ada")
    signed.ingest(finished(tmp_path / "d", a_trial("d", [a_run(0)])))
    shutil.rmtree(folder(signed, "b"))
    other = Store(tmp_path / "other")
    done = take_in(other, Store(signed.url), keys.public_key)
    assert done.taken == ("a",)
    assert [line.partition(": ")[0].split()[1] for line in done.refused] == ["d", "c", "b"]
    assert "d: was not signed" in done.refused[0]
    assert done.refused[2] == f"trial b of night {NIGHT}: was signed, and is missing"
    assert (done.corrections, done.corrections_left) == (0, 1)
    assert set(other.runs()["invalid"]) == {""}


def test_with_another_key_nothing_comes(signed, tmp_path):
    other = Store(tmp_path / "other")
    done = take_in(other, signed, minisign.KeyPair.generate().public_key)
    assert (done.taken, len(done.refused)) == ((), 3)
    assert not other.local.exists()


def test_a_name_that_leads_out_of_the_folder_is_refused(store, tmp_path, monkeypatch):
    of_files = rows.of_files

    def evil(view, night, trials):
        made = of_files(view, night, trials)
        (table,) = [pa.concat_tables(made.tables())]
        names = ["../../../evil" if name == "server.log" else name for name in table["name"].to_pylist()]
        changed = table.set_column(2, table.schema.field("name"), [names])
        return rows.Rows(schema=made.schema, tables=lambda: iter([changed]))

    monkeypatch.setattr(rows, "of_files", evil)
    store.compact()
    monkeypatch.undo()
    done = take_in(Store(tmp_path / "deep" / "other"), store)
    assert done.taken == ()
    assert all("has a file `../../../evil`" in line for line in done.refused)


def test_over_an_object_store(tmp_path, keys, monkeypatch):
    with s3_server.serving() as client:
        for name, value in client.items():
            monkeypatch.setenv(name, value)
        # One made for another test's server would be taken again.
        s3fs.S3FileSystem.clear_instance_cache()
        store = Store("s3://bench/signed")
        store.ingest(finished(tmp_path / "t", a_trial("t", [a_run(0)])))
        signing.sign(store, NIGHT, keys.secret_key)
        store.compact()
        assert signing.verify(Store(store.url), NIGHT, keys.public_key) == ()
        other = Store(tmp_path / "other")
        assert take_in(other, Store(store.url), keys.public_key).taken == ("t",)


# Commands


def command(store, *words, given=None):
    argv = [sys.executable, "-m", "enginebench", "results", *words, "--store", str(store)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, input=given)


def test_the_commands_with_a_key_that_has_a_password(store, keys, tmp_path):
    secret, public = tmp_path / "night.key", tmp_path / "night.pub"
    pair = minisign.KeyPair.generate()
    public.write_bytes(bytes(pair.public_key) + b"\n")
    pair.secret_key.encrypt("two words", opslimit=32768, memlimit=16_777_216)
    secret.write_bytes(bytes(pair.secret_key) + b"\n")
    wrong = command(store.url, "sign", NIGHT, "--key", str(secret), given="one word\n")
    assert (wrong.returncode, wrong.stderr) == (2, f"{secret}: wrong password for that key; give its password\n")
    assert not (store.local / "signatures").exists()
    done = command(store.url, "sign", NIGHT, "--key", str(secret), given="two words\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"signed 2 trials of night {NIGHT} in {store.url}/signatures" in done.stdout
    for key in (str(public), public.read_text().splitlines()[1]):
        done = command(store.url, "verify", NIGHT, "--key", key)
        assert (done.returncode, done.stdout) == (0, f"night {NIGHT} is what was signed\n")
    tampered_log(store)
    done = command(store.url, "verify", NIGHT, "--key", str(public))
    assert (done.returncode, done.stdout) == (1, "trial a: server.log is not what was signed\n")
    done = command(tmp_path / "other", "ingest", store.url, "--verify", str(public))
    assert (done.returncode, done.stderr.count("\n")) == (1, 2)
    assert done.stdout == "1 trials taken in, as signed, 0 were there already, 2 refused\n"
    done = command(tmp_path / "third", "ingest", store.url)
    assert (done.returncode, done.stdout) == (0, "3 trials taken in, 0 were there already, 0 refused\n")


def test_mistakes_are_one_sentence(store, tmp_path):
    (tmp_path / "no.key").write_text("no key\n")
    for words, said in (
        (("sign", NIGHT, "--key", str(tmp_path / "none")), "none: cannot be read: No such file"),
        (("sign", NIGHT, "--key", str(tmp_path / "no.key")), "no.key: invalid number of lines; name a secret key"),
        (("verify", NIGHT, "--key", "RWabc"), "RWabc: invalid base64 encoding; name a public key file"),
        (("ingest", str(folder(store, "a")), "--verify", "RWabc"), "holds no signed night; name the store"),
    ):
        done = command(store.url, *words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert said in done.stderr
    key = tmp_path / "good.key"
    key.write_bytes(bytes(minisign.KeyPair.generate().secret_key) + b"\n")
    done = command(store.url, "sign", "2020-01-01", "--key", str(key))
    assert (done.returncode, done.stderr) == (
        2,
        f"{store.url}: no trial of a night `2020-01-01`; see `enginebench results list`\n",
    )


def test_without_the_package_it_says_what_to_install(signed, monkeypatch):
    monkeypatch.setitem(sys.modules, "minisign", None)
    with pytest.raises(UserError, match=r"signing: needs py-minisign; pip install 'enginebench\[signing\]'"):
        signing.public_key("RW")


@pytest.mark.skipif(not shutil.which("minisign"), reason="minisign itself is not installed")
def test_minisign_itself_verifies_what_we_sign(signed, keys, tmp_path):
    public = tmp_path / "night.pub"
    public.write_bytes(bytes(keys.public_key) + b"\n")
    path = signed.local / "signatures" / f"{NIGHT}.json"
    argv = ["minisign", "-V", "-m", str(path), "-p", str(public)]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0
    path.write_text(json.dumps({}))
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 1


def test_a_signature_does_not_depend_on_how_a_table_is_written(signed, keys):
    path = folder(signed, "a") / "requests.parquet"
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table, path, compression="gzip", row_group_size=1, use_dictionary=False)
    assert signing.verify(signed, NIGHT, keys.public_key) == ()
