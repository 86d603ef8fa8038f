#!/usr/bin/env python3
"""Calls every method of the PyPI package hydrus-api against a fresh server and looks at the answers.

  pip install hydrus-api==5.3.0
  diptych serve --data /tmp/clients --hydrus-listen 127.0.0.1:46010 --stash-listen 127.0.0.1:0 &
  hydrus_api_calls.py http://127.0.0.1:46010 "$(cat /tmp/clients/access_key)"

No part of `cargo test`. Some methods of the package cannot succeed with any server of today; they
are in HOPELESS with the reason, and the run fails if one of them succeeds or another one fails.
"""
import inspect
import io
import json
import os
import sys
import urllib.request

import hydrus_api
from hydrus_api import utils

MEDIA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "media")
MY_TAGS, MY_FILES = "6c6f63616c2074616773", "6c6f63616c2066696c6573"
COMBINED, FAVOURITES = "616c6c206c6f63616c206d65646961", "6661766f757269746573"
EXTRA = {"services": [
    {"service_key": "a2" * 32, "name": "second files", "type": 2},
    {"service_key": "a3" * 32, "name": "shared tags", "type": 0},
    {"service_key": "b5" * 32, "name": "drawn", "type": 7, "star_shape": "svg"}],
    "options": {"permission_request_dialog_open": True, "network_paused": True}}
HOPELESS = {
    "set_kings": "reads JSON from the empty answer",
    "call_popup_user_callable": "reads JSON from an empty answer; a popup of the API has none anyway",
    "cancel_popup": "reads JSON from the empty answer",
    "finish_popup": "reads JSON from the empty answer",
    "dismiss_popup": "reads JSON from the empty answer",
    "commit_pending": "there is nowhere to send it (422)",
    "get_render (download)": "sends the boolean as True, which is no JSON (400)",
    "utils.get_service_mapping": "takes every member of get_services for a list",
}


class Run:
    """Calls by name, and what came of them."""

    def __init__(self, client):
        self.client, self.called, self.faults = client, set(), []

    def __call__(self, name, *args, label=None, check=None, **kwargs):
        label = label or name
        self.called.add(name)
        try:
            function = getattr(utils, name[6:]) if name.startswith("utils.") else getattr(self.client, name)
            answer = function(*args, **kwargs)
            if check is not None and not check(answer):
                raise AssertionError("unexpected: %r" % (answer,))
        except Exception as error:  # whatever the package raises
            if label not in HOPELESS:
                text = getattr(getattr(error, "response", None), "text", "")
                self.faults.append("%s: %s %s %s" % (label, type(error).__name__, error, text[:300]))
            return None
        if label in HOPELESS:
            self.faults.append("%s succeeds: strike it off" % label)
        return answer


def path(name):
    return os.path.abspath(os.path.join(MEDIA, name))


def files(run):
    known = lambda number: lambda answer: answer["status"] == number
    first = run("add_file", path("a01_grad_640x480_q90.jpg"), check=known(1))["hash"]
    with open(path("a02_grad_640x480_q40.jpg"), "rb") as file:
        second = run("add_file", io.BytesIO(file.read()), label="add_file (bytes)", check=known(1))["hash"]
    both = [first, second]
    run("generate_hashes", path("a01_grad_640x480_q90.jpg"), check=lambda a: a["hash"] == first and a["perceptual_hashes"])
    run("delete_files", hashes=[first], reason="a test")
    run("undelete_files", hashes=[first])
    run("archive_files", hashes=both)
    run("unarchive_files", hashes=[first])
    run("clear_file_deletion_record", hashes=[first])
    run("migrate_files", hashes=[first], file_service_keys=["a2" * 32])
    ids = [row["file_id"] for row in run("get_file_metadata", hashes=both, only_return_identifiers=True)["metadata"]]
    run("get_file_metadata", file_ids=ids, include_notes=True, detailed_url_information=True, include_milliseconds=True,
        check=lambda a: [row["width"] for row in a["metadata"]] == [640, 640])
    run("get_file_hashes", [first], "md5", check=lambda a: len(a["hashes"][first]) == 32)
    run("get_file", file_id=ids[0], download=True, check=lambda a: len(a.content) == os.path.getsize(path("a01_grad_640x480_q90.jpg")))
    run("get_thumbnail", hash_=first, check=lambda a: a.headers["Content-Type"] == "image/jpeg")
    run("get_render", hash_=first, render_format=33, width=100, height=50, check=lambda a: a.content[8:12] == b"WEBP")
    run("get_render", hash_=first, download=True, label="get_render (download)")
    run("get_file_path", hash_=first, check=lambda a: os.path.isfile(a["path"]))
    run("get_thumbnail_path", file_id=ids[0], include_thumbnail_filetype=True, check=lambda a: a["filetype"] == "image/jpeg")
    run("get_local_file_storage_locations", check=lambda a: a["locations"])
    return both, ids


def tags_and_urls(run, both, ids):
    run("clean_tags", [" Hills ", "-x"], check=lambda a: a["tags"] == ["hills", "x"])
    run("add_tags", hashes=both, service_keys_to_tags={MY_TAGS: ["landscape"]})
    run("add_tags", file_ids=ids, label="add_tags (actions)", service_keys_to_actions_to_tags={
        MY_TAGS: {hydrus_api.TagAction.ADD: ["hills"]}, "a3" * 32: {hydrus_api.TagAction.PEND: ["meadow"]}})
    run("search_files", ["landscape", ["hills", "-x"]], file_sort_type=hydrus_api.FileSortType.FILE_SIZE, file_sort_asc=True,
        tag_service_key=MY_TAGS, return_hashes=True, check=lambda a: a["hashes"] == both[::-1] and a["file_ids"] == ids[::-1])
    run("search_tags", "land", tag_service_key=MY_TAGS, tag_display_type="display", check=lambda a: a["tags"] == [{"value": "landscape", "count": 2}])
    run("get_siblings_and_parents", ["hills"], check=lambda a: a["tags"]["hills"][MY_TAGS]["ideal_tag"] == "hills")
    run("set_favourite_tags", set_=["a", "b"], check=lambda a: a["favourite_tags"] == ["a", "b"])
    run("get_favourite_tags", check=lambda a: a["favourite_tags"] == ["a", "b"])
    run("set_rating", FAVOURITES, True, hashes=both)
    run("set_notes", {"name": "text"}, hash_=both[0], merge_cleverly=True, conflict_resolution=hydrus_api.NoteConflictResolution.RENAME)
    run("delete_notes", ["name"], file_id=ids[0])
    url = "https://birds.example/gallery?id=7"
    run("associate_url", hashes=[both[0]], urls_to_add=[url])
    run("get_url_files", url, doublecheck_file_system=True, check=lambda a: a["url_file_statuses"][0]["hash"] == both[0])
    run("get_url_info", url, check=lambda a: a["url_type"] == hydrus_api.URLType.UNKNOWN_URL)
    run("add_url", url, destination_page_name="birds", show_destination_page=True, filterable_tags=["x"],
        service_keys_to_additional_tags={MY_TAGS: ["y"]}, check=lambda a: a["normalised_url"] == url)
    run("increment_file_viewtime", hydrus_api.CanvasType.MEDIA_VIEWER, 2.5, hashes=both, views=1, timestamp=1641044491)
    run("set_file_viewtime", hydrus_api.CanvasType.PREVIEW_VIEWER, 2.5, 3, file_ids=ids, timestamp_ms=1641044491000)
    run("set_time", 1, timestamp=1641044491.5, hashes=both)
    run("set_time", 0, timestamp_ms=None, domain="birds.example", file_ids=ids, label="set_time (deletes)")


def relationships(run, both):
    first, second = both
    pair = {"hash_a": first, "hash_b": second, "relationship": 0, "do_default_content_merge": False}
    run("set_file_relationships", [pair])
    run("get_potentials_count", file_service_keys=[COMBINED], potentials_search_type=0, pixel_duplicates=1, max_hamming_distance=8, check=lambda a: a["potential_duplicates_count"] == 1)
    run("get_potential_pairs", file_service_keys=[COMBINED], max_num_pairs=5, max_hamming_distance=8, check=lambda a: len(a["potential_duplicate_pairs"]) == 1)
    run("get_random_potentials", file_service_keys=[COMBINED], max_hamming_distance=8, check=lambda a: sorted(a["random_potential_duplicate_hashes"]) == sorted(both))
    run("remove_potentials", hashes=[first])
    run("set_file_relationships", [dict(pair, relationship=4)], label="set_file_relationships (better)")
    run("set_kings", hashes=[second])
    run("get_file_relationships", hashes=[first], check=lambda a: a["file_relationships"][first]["king"] == second)


def pages_and_popups(run, both, ids):
    key = run("get_pages")["pages"]["pages"][0]["page_key"]
    run("get_page_info", key, simple=False, check=lambda a: a["page_info"]["page_key"] == key)
    run("add_files_to_page", key, file_ids=ids)
    run("focus_page", key)
    run("refresh_page", key)
    run("get_media_viewers", check=lambda a: a["media_viewers"] == [])
    job = run("add_popup", status_title="a job", is_cancellable=True, popup_gauge_1=(1, 5), api_data={"a": [1]}, files_label="files", hashes=both)
    job = job["job_status"]["key"]
    run("update_popup", job, status_text_1="going on", check=lambda a: a["job_status"]["nice_string"] == "a job\ngoing on")
    run("get_popups", only_in_view=False, check=lambda a: len(a["job_statuses"]) == 1)
    run("call_popup_user_callable", job)
    run("cancel_popup", job)
    run("finish_popup", job)
    run("dismiss_popup", job)


def everything_else(run):
    run("get_api_version", check=lambda a: a["version"] == 95)
    run("get_client_info")
    run("request_new_permissions", "a script", [3], check=lambda a: len(a["access_key"]) == 64)
    run("get_session_key", check=lambda a: len(a["session_key"]) == 64)
    run("verify_access_key", check=lambda a: a["permits_everything"])
    run("utils.verify_permissions", run.client, [0, 3], check=bool)
    run("utils.get_page_list", run.client, check=len)
    run("utils.get_service_mapping", run.client)
    run("utils.add_and_tag_files", run.client, [path("c01_portrait.png")], ["portrait"], [MY_TAGS], check=lambda a: a[0]["status"] == 1)
    run("get_service", service_name="my tags", check=lambda a: a["service"]["service_key"] == MY_TAGS)
    run("get_services", check=lambda a: MY_FILES in a["services"])
    run("get_service_rating_svg", service_key="b5" * 32, check=lambda a: b"<svg" in a.content)
    run("set_cookies", [["a", "b", "birds.example", "/", 4102444800]])
    run("get_cookies", "birds.example", check=lambda a: a["cookies"] == [["a", "b", "birds.example", "/", 4102444800]])
    run("set_headers", {"DNT": {"value": "1"}}, domain="birds.example")
    run("set_user_agent", "")
    run("get_pending_counts", check=lambda a: a["pending_counts"]["a3" * 32]["pending_tag_mappings"] == 2)
    run("commit_pending", "a3" * 32)
    run("forget_pending", "a3" * 32)
    run("get_mr_bones", tags=["landscape"], check=lambda a: a["boned_stats"]["num_inbox"] == 1)
    run("force_commit")
    run("get_client_options", check=lambda a: a["old_options"]["thumbnail_dimensions"] == [150, 125])
    run("lock_database")
    run("unlock_database")


def main():
    url, key = sys.argv[1:3]
    headers = {"Hydrus-Client-API-Access-Key": key, "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url + "/diptych/apply", json.dumps(EXTRA).encode(), headers))
    run = Run(hydrus_api.Client(key, url))
    both, ids = files(run)
    tags_and_urls(run, both, ids)
    relationships(run, both)
    pages_and_popups(run, both, ids)
    everything_else(run)
    methods = {name for name, _ in inspect.getmembers(hydrus_api.Client, inspect.isfunction) if not name.startswith("_")}
    run.faults += ["%s is not called" % name for name in sorted(methods - run.called)]
    print("%d methods called, %d faults" % (len(run.called), len(run.faults)))
    print("\n".join(run.faults))
    return 1 if run.faults else 0


if __name__ == "__main__":
    sys.exit(main())
