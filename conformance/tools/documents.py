#!/usr/bin/env python3
"""Writes conformance/documents.toml: every heading and example of the documents we follow.

  documents.py --seeds DIR        lists the documents anew (their text stays outside)
  documents.py                    only joins the entries with the cases that name them

A case names entries in its header, several separated by `;`:

  # document: hydrus-developer-api: GET /api_version; GET /api_version 1

An entry that no case names keeps its `pending` reason. Standard library only.
"""
import argparse
import hashlib
import os
import re
import tomllib

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENTS = [
    ("hydrus-developer-api", "client API 67"),
    ("hydrus-client-api-2019", "client API 7, 2019"),
    ("stash-docs-api", "documentation site, API page"),
    ("stash-wiki-2022", "wiki page of 2022-09-16"),
    ("stash-client-scene-operations", "scene operations of a Python client"),
]


def digest(text):
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


def sections(text, pattern):
    """(heading, body) for each match of a pattern with one group."""
    found = list(re.finditer(pattern, text, re.M))
    for number, match in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        yield match.group(1), text[match.end():end]


def fenced(body):
    return re.findall(r"```(.*?)```", body, re.S)


def hydrus(text):
    rows, seen = [], set()
    heads = r"#{2,4} (\*\*(?:GET|POST) `/[a-z_/]+`\*\*|\*\*[a-z_ ]+\*\* \{|[A-Z][A-Za-z/ ]+?(?= \{ id|\sSend `|\s[A-Z][a-z]* [a-z]|\s###|\s_))"
    for heading, body in sections(text, heads):
        name = re.sub(r"[*`{]", "", heading).strip()
        if name in seen:
            continue
        seen.add(name)
        rows.append((name, fenced(body)))
    return rows


def old_hydrus(text):
    return [(name, []) for name, _ in sections(text, r"^((?:GET|POST) /\S+)$")]


def markdown(text):
    return [(name.strip(), fenced(body)) for name, body in sections(text, r"^## (.*)$")]


def wiki(text):
    heads = "Scan for new files|Authentication|Generate content|Get Studios|Scrape perfomer attributes from \\w+|Get list of perfomer names that match a name or alias from \\w+|Get System Status"
    rows = []
    for name, body in sections(text, "^(%s)$" % heads):
        rows.append((name, re.findall(r"^(?:\{\n.*?\n\}|curl .*)$", body, re.S | re.M)))
    # One example a line: `curl` lines are matched greedily above where they stand together.
    return [(name, [line for text in found for line in split_curl(text)]) for name, found in rows]


def split_curl(text):
    if text.startswith("{"):
        cut = re.match(r"\{\n.*?\n\}", text, re.S).group(0)
        return [cut] + split_curl(text[len(cut):].strip()) if text[len(cut):].strip() else [cut]
    return [line for line in text.splitlines() if line.startswith("curl ")]


def client(text):
    rows = []
    for name, body in sections(text, r"^([a-z_]+) async$"):
        examples = body.split("Examples:", 1)[1] if "Examples:" in body else ""
        parts = re.split(r"^([A-Z][^\n]*:)$", examples, flags=re.M)
        rows.append((name, [parts[i] + parts[i + 1] for i in range(1, len(parts) - 1, 2)]))
    return rows


READERS = dict(zip([name for name, _ in DOCUMENTS], [hydrus, old_hydrus, markdown, wiki, client]))


def from_seeds(folder):
    documents = []
    for name, revision in DOCUMENTS:
        with open(os.path.join(folder, name + ".txt"), "rb") as file:
            raw = file.read()
        entries = {}
        for heading, examples in READERS[name](raw.decode()):
            # Headings that end with a site's name go without it.
            heading = re.sub(r" from [A-Z]\w+$", "", heading)
            entries[heading] = {}
            for number, example in enumerate(examples, 1):
                entries["%s %d" % (heading, number)] = {"sha256": digest(example)}
        documents.append({"name": name, "revision": revision, "sha256": hashlib.sha256(raw).hexdigest(), "entries": entries})
    return documents


def claims():
    """(document, entry) -> case, from the headers of the cases."""
    found = {}
    for door in ("hydrus", "stash"):
        for folder, _, names in os.walk(os.path.join(HERE, door)):
            for name in sorted(name for name in names if name.endswith(".http")):
                path = os.path.join(folder, name)
                case = os.path.relpath(path, HERE)[: -len(".http")]
                with open(path, encoding="utf-8") as file:
                    for line in file:
                        if not line.startswith("#"):
                            break
                        match = re.match(r"# document: ([a-z0-9-]+): (.*)", line)
                        for entry in match.group(2).split(";") if match else []:
                            found.setdefault((match.group(1), entry.strip()), case)
    return found


def pending(entry):
    """The reason of an entry that nobody gave another one."""
    if re.match(r"(GET|POST) /", entry):
        return "no case of its own yet; the recorded session plays the endpoint"
    return "no case yet"


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds")
    options = parser.parse_args()
    path = os.path.join(HERE, "documents.toml")
    old = {}
    if os.path.exists(path):
        with open(path, "rb") as file:
            old = {document["name"]: document for document in tomllib.load(file).get("document", [])}
    documents = from_seeds(options.seeds) if options.seeds else list(old.values())
    cases = claims()
    lines = ["# Written by tools/documents.py. What the documents we follow contain, and the case that keeps each", "# part true; `pending` says why there is none yet. Facts only: the texts are not ours to copy."]
    for document in documents:
        name, entries = document["name"], document["entries"]
        examples = sum(1 for entry in entries.values() if "sha256" in entry)
        lines += ["", "[[document]]", "name = " + quoted(name), "revision = " + quoted(document["revision"]), "sha256 = " + quoted(document["sha256"])]
        lines += ["headings = %d" % (len(entries) - examples), "examples = %d" % examples, "[document.entries]"]
        for entry, row in entries.items():
            was = old.get(name, {}).get("entries", {}).get(entry, {})
            case = cases.pop((name, entry), None)
            place = "case = " + quoted(case) if case else "pending = " + quoted(was.get("pending") or pending(entry))
            mark = ", sha256 = " + quoted(row["sha256"]) if "sha256" in row else ""
            lines.append("%s = { %s%s }" % (quoted(entry), place, mark))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    for (name, entry), case in sorted(cases.items()):
        print("%s names %s: %s, which is not in documents.toml" % (case, name, entry))


if __name__ == "__main__":
    main()
