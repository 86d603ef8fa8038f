#!/usr/bin/env python3
"""Turns raw recordings of a live client into the compact replay format of conformance/recorded/.

  convert_recordings.py --from DIR --samples DIR --to conformance/recorded [--rename FILE]

DIR holds NN-area.jsonl files, one exchange per line. What changes, none of it in meaning:
  * a member that says the default is left out (see conformance/README.md, "recorded exchanges");
  * the SHA-256 of a sample is written `$sha:NAME` (samples.json lists the names);
  * a large piece that occurs often is written once in shared.json and named `$shared:NAME`;
  * steps that change nothing and are not judged are dropped;
  * FILE, a JSON object of text to text, renames words everywhere (longest first).
Standard library only.
"""
import argparse
import collections
import glob
import hashlib
import json
import os
import re

KEY = "Hydrus-Client-API-Access-Key"
ERROR_KEYS = ["error", "exception_type", "hydrus_version", "status_code", "version"]
HEX64 = re.compile(r"[0-9a-f]{64}")
SHARED_BYTES_MIN = 300
SHARED_COUNT_MIN = 3


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def walk(value, text):
    """The value with every string, keys included, passed through `text`."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return [walk(item, text) for item in value]
    if isinstance(value, dict):
        return {text(key): walk(item, text) for key, item in value.items()}
    return value


def read_samples(folder):
    """Short name -> (file name, sha256); the short name ends at the first `_` or `.`."""
    samples = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        short = re.split(r"[_.]", name)[0]
        if short in samples:
            short = name
        samples[short] = (name, digest)
    return samples


def shorten_hashes(samples):
    names = {}
    for short, (_, digest) in samples.items():
        names.setdefault(digest, short)

    def text(value):
        for prefix in ("", "$id:", "$path:"):
            rest = value[len(prefix):]
            if value.startswith(prefix) and HEX64.fullmatch(rest) and rest in names:
                return "$sha:" + names[rest] if not prefix else prefix + "$sha:" + names[rest]
        return value

    return text


def request_of(raw, files):
    out = {}
    method = raw["method"]
    out[method] = raw["path"]
    headers = dict(raw.get("headers", {}))
    key = headers.get(KEY)
    if key is not None and re.fullmatch(r"([0-9a-f]{2})\1{31}", key):
        out["key"] = key[:2]
        del headers[KEY]
    if "query" in raw and "raw_query" not in raw:
        out["query"] = raw["query"]
    if "raw_query" in raw:
        out["raw_query"] = raw["raw_query"]
    if "body_json" in raw:
        cbor = raw.get("body_encoding") == "cbor"
        out["cbor" if cbor else "json"] = raw["body_json"]
        if not cbor:
            if headers.get("Content-Type") == "application/json":
                del headers["Content-Type"]
            else:
                # No default to fall back on: the record says what it sends, even when nothing.
                headers.setdefault("Content-Type", None)
    elif "body_file" in raw:
        out["file"] = files[raw["body_file"]]
        if headers.get("Content-Type") == "application/octet-stream":
            del headers["Content-Type"]
        else:
            headers.setdefault("Content-Type", None)
    elif "body_text" in raw:
        out["text"] = raw["body_text"]
    elif "body_hex" in raw:
        out["hex"] = raw["body_hex"] if re.fullmatch("[0-9a-f]*", raw["body_hex"]) else ""
    if headers:
        out["headers"] = headers
    return out


def expect_of(raw):
    out = dict(raw)
    if out.get("type") == "application/json":
        del out["type"]
    elif "type" not in out:
        out["type"] = "any"
    if out.get("status") == 200:
        del out["status"]
    elif "status" not in out:
        out["status"] = None
    body = out.get("json")
    if out["class"] == "exact" and "json" in out:
        tail = {"version": 95, "hydrus_version": "$int"}
        if isinstance(body, dict) and all(body.get(key) == tail[key] for key in tail):
            out["json"] = {key: value for key, value in body.items() if key not in tail}
        else:
            out["bare"] = True
    if out["class"] == "error":
        body = dict(body or {})
        if body.get("keys") == ERROR_KEYS:
            del body["keys"]
        else:
            body.setdefault("keys", [])
        if body.get("status_code") == raw.get("status"):
            del body["status_code"]
        else:
            body.setdefault("status_code", None)
        out["json"] = body
    if out["class"] == "ack" and out == {"class": "ack", "type": "any", "empty": True}:
        return "ack"
    return out


def record_of(raw, files):
    """The compact record, or None for a step that neither changes nor claims anything."""
    expect = raw.get("expect")
    if expect and expect["class"] == "skip" and "instead" not in expect:
        expect = None
    if raw.get("control_only") or (raw["ro"] and expect is None and not raw.get("bind_path")):
        return None
    out = {"id": raw["id"]}
    if "request" in raw:
        out.update(request_of(raw["request"], files))
    for step in ("apply", "fs", "sleep", "restart", "bind_path"):
        if step in raw:
            out[step] = raw[step]
    if "fs" in out and "sample" in out["fs"]:
        out["fs"] = dict(out["fs"], sample=files[out["fs"]["sample"]])
    if raw.get("note"):
        out["note"] = raw["note"]
    if expect is None:
        if "request" in raw or "apply" in raw:
            out["expect"] = None
    elif "apply" not in raw:
        out["expect"] = expect_of(expect)
    return out


def share(records):
    """Names the large pieces that occur often and replaces them, the largest first."""
    counts, names, shared = collections.Counter(), {}, {}

    def count(value, under):
        if isinstance(value, (dict, list)):
            text = dump(value)
            if len(text) >= SHARED_BYTES_MIN:
                counts[text] += 1
                names.setdefault(text, under)
                for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                    count(item, key if isinstance(key, str) else under)

    for record in records:
        for part in ("json", "apply", "query"):
            if part in record:
                count(record[part], part)
        if isinstance(record.get("expect"), dict) and "json" in record["expect"]:
            count(record["expect"]["json"], "answer")
    numbers, labels = collections.Counter(), {}

    def replace(value):
        if not isinstance(value, (dict, list)):
            return value
        text = dump(value)
        if len(text) >= SHARED_BYTES_MIN and counts[text] >= SHARED_COUNT_MIN:
            if text not in labels:
                under = re.sub(r"[^a-z_]", "", names[text]) or "piece"
                numbers[under] += 1
                labels[text] = "%s-%d" % (under, numbers[under])
                shared[labels[text]] = inner(value)
            return "$shared:" + labels[text]
        return inner(value)

    def inner(value):
        if isinstance(value, dict):
            return {key: replace(item) for key, item in value.items()}
        return [replace(item) for item in value]

    for record in records:
        for part in ("json", "apply", "query"):
            if part in record:
                record[part] = replace(record[part])
        if isinstance(record.get("expect"), dict) and "json" in record["expect"]:
            record["expect"]["json"] = replace(record["expect"]["json"])
    return shared


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--samples", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--rename")
    options = parser.parse_args()
    words = {}
    if options.rename:
        with open(options.rename, encoding="utf-8") as file:
            words = json.load(file)

    def rename(value):
        for word in sorted(words, key=len, reverse=True):
            value = value.replace(word, words[word])
        return value

    samples = read_samples(options.samples)
    files = {name: short for short, (name, _) in samples.items()}
    shorten = shorten_hashes(samples)
    by_file, everything = {}, []
    for path in sorted(glob.glob(os.path.join(options.source, "[0-9]*.jsonl"))):
        name = os.path.basename(path)
        area = re.fullmatch(r"\d+-(.*)\.jsonl", name).group(1)
        with open(path, encoding="utf-8") as file:
            for line in file:
                raw = json.loads(line)
                assert raw["area"] == area or "request" not in raw, raw["id"]
                record = record_of(raw, files)
                if record is None:
                    continue
                record = walk(walk(record, rename), shorten)
                by_file.setdefault(name, []).append(record)
                everything.append(record)
    shared = share(everything)
    os.makedirs(options.to, exist_ok=True)
    for name, records in by_file.items():
        with open(os.path.join(options.to, name), "w", encoding="utf-8") as file:
            for record in records:
                file.write(dump(record) + "\n")
    with open(os.path.join(options.to, "shared.json"), "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(dump(k) + ":" + dump(v) for k, v in shared.items()) + "\n}\n")
    with open(os.path.join(options.to, "samples.json"), "w", encoding="utf-8") as file:
        rows = (dump(k) + ":" + dump(list(v)) for k, v in samples.items())
        file.write("{\n" + ",\n".join(rows) + "\n}\n")
    print("%d records in %d files, %d shared pieces" % (len(everything), len(by_file), len(shared)))


if __name__ == "__main__":
    main()
