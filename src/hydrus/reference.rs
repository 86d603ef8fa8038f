//! What the reference page tells beyond the route table: the statuses of each endpoint, other
//! spellings of parameters, and where this server differs from the client it follows.
//!
//! `docs/hydrus-api.md` is generated from here and from [`ROUTES`](super::routes::ROUTES). Each
//! difference names the conformance case that keeps it, and each case under `conformance/hydrus/`
//! that was decided by us is named here; both are tested.

use super::endpoint::{Access, Endpoint};
use super::params::names;
use crate::http::Method;

/// An older or other spelling of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    pub name: &'static str,
    pub stands_for: &'static str,
}

const fn alias(name: &'static str, stands_for: &'static str) -> Alias {
    Alias { name, stands_for }
}

/// Every such spelling. It counts where the parameter it stands for is one of the endpoint, too.
pub const ALIASES: &[Alias] = &[
    alias("file_service_name", "file_service_key"),
    alias("tag_service_name", "tag_service_key"),
    alias("service_names_to_tags", "service_keys_to_tags"),
    alias("service_names_to_tags", "service_keys_to_additional_tags"),
    alias("service_names_to_actions_to_tags", "service_keys_to_actions_to_tags"),
    alias("service_names_to_additional_tags", "service_keys_to_additional_tags"),
    alias("pair_rows", "relationships"),
];

/// Something that is done otherwise than the client of API version 95 does it.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The endpoints it concerns; none where it concerns all.
    pub endpoints: &'static [&'static str],
    /// What the client does.
    pub client: &'static str,
    /// What is done here.
    pub here: &'static str,
    pub why: &'static str,
    /// The case that keeps it: a path below `conformance/hydrus` without extension.
    pub case: &'static str,
}

/// Every difference.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        endpoints: &["/api_version"],
        client: "tells its versions alone",
        here: "the header `X-Diptych-Version` tells what answers; the versions are those of the \
               client that is followed",
        why: "somebody may want to know",
        case: "access/api_version/says_who_answers",
    },
    Difference {
        endpoints: &["/get_services"],
        client: "answers 404 to `/add_tags/get_tag_services`, which only the document of 2019 has",
        here: "the same",
        why: "`/get_services` holds the same facts",
        case: "access/get_services/the_oldest_form_is_gone",
    },
    Difference {
        endpoints: &["/get_files/search_files", "/get_service"],
        client: "knows services by their present names only",
        here: "`all my files`, `all local files` and `local tags` are still understood",
        why: "scripts still send the names that clients had for years",
        case: "get_files/search_files/older_names_of_services",
    },
    Difference {
        endpoints: &["/add_urls/get_url_info"],
        client: "says `can_parse` of sites for which the user has a parser",
        here: "`can_parse` is false, with the reason",
        why: "parsers of that client are not read",
        case: "add_urls/get_url_info/a_watched_thread",
    },
    Difference {
        endpoints: &["/add_urls/add_url"],
        client: "puts the name of the URL class into `human_result_text`, its document the address",
        here: "the name of the URL class",
        why: "a recording goes before a document",
        case: "add_urls/add_url/names_the_url_class",
    },
    Difference {
        endpoints: &["/edit_times/set_time"],
        client: "refuses a `timestamp` in quotes, as the examples of its document have it",
        here: "refused as well",
        why: "a text is no number",
        case: "edit_times/set_time/texts_are_no_times",
    },
    Difference {
        endpoints: &[
            "/get_files/file",
            "/get_files/render",
            "/get_files/file_path",
            "/get_files/thumbnail_path",
        ],
        client: "invents a file for a `file_id` that does not exist",
        here: "404, and nothing is made; a thumbnail is the general icon",
        why: "reading must not write",
        case: "get_files/file/an_unknown_id_is_not_found",
    },
    Difference {
        endpoints: &["/get_files/file", "/get_files/thumbnail"],
        client: "counts `bytes=-N` wrongly, hangs where a range begins beyond the end, fails (500) on \
                 letters",
        here: "as RFC 9110 has it; 416 for what cannot be satisfied",
        why: "players seek in files",
        case: "get_files/file/ranges",
    },
    Difference {
        endpoints: &["/get_files/file", "/get_files/thumbnail"],
        client: "is not known to send entity tags",
        here: "sends one, and answers 304 to who holds the file already",
        why: "so that it need not be fetched again",
        case: "get_files/file/entity_tags",
    },
    Difference {
        endpoints: &["/get_files/search_files"],
        client: "lists a file several times when sorted by views and it has several rows of them",
        here: "once, by the sum of its rows",
        why: "a file matches once",
        case: "get_files/search_files/each_file_once_by_views",
    },
    Difference {
        endpoints: &["/get_files/search_files"],
        client: "gives no order for the sorts 3, 9 and 13",
        here: "by file type, by the number of tags, and files with sound first",
        why: "so the document says",
        case: "get_files/search_files/sorts_by_type_tags_and_sound",
    },
    Difference {
        endpoints: &["/get_files/search_files"],
        client: "lowers the case of addresses in predicates, and finds none with capitals",
        here: "addresses keep their case",
        why: "the case of a path means something",
        case: "get_files/search_files/addresses_keep_their_case",
    },
    Difference {
        endpoints: &["/get_files/search_files"],
        client: "ignores the operator of `system:rating for NAME >= 3/5`",
        here: "`>=` means at least",
        why: "so it reads",
        case: "get_files/search_files/ratings_at_least",
    },
    Difference {
        endpoints: &["/get_files/search_files", "/manage_file_relationships/get_potentials_count"],
        client: "fails (500) on files deleted from all known files",
        here: "400",
        why: "bad input is not a fault of the server",
        case: "get_files/search_files/nothing_is_deleted_from_all_known_files",
    },
    Difference {
        endpoints: &["/manage_file_relationships/get_file_relationships"],
        client: "computes `king_is_on_file_domain` and `king_is_local` from the file that was asked for",
        here: "from the king",
        why: "so they are called",
        case: "manage_file_relationships/get_file_relationships/the_flags_are_of_the_king",
    },
    Difference {
        endpoints: &["/manage_file_relationships/get_potential_pairs"],
        client: "takes 3 for the random order, fails (500) on the 4 of its document and on others",
        here: "both are random, others 400",
        why: "clients follow either",
        case: "manage_file_relationships/get_potential_pairs/random_has_two_numbers",
    },
    Difference {
        endpoints: &["/manage_file_relationships/set_file_relationships"],
        client: "accepts `pair_rows` and does nothing",
        here: "the rows are decisions",
        why: "old scripts mean what they send",
        case: "manage_file_relationships/set_file_relationships/rows_of_the_old_form",
    },
    Difference {
        endpoints: &["/manage_pages/get_page_info"],
        client: "shows watchers at work on sites that it can parse",
        here: "a watcher has the same members and says that it ignores the address",
        why: "parsers of that client are not read",
        case: "manage_pages/get_page_info/a_watcher_of_an_unknown_site",
    },
    Difference {
        endpoints: &["/manage_pages/new_page"],
        client: "fails (500) on petitions of a service that is no repository",
        here: "400",
        why: "bad input is not a fault of the server",
        case: "manage_pages/new_page/petitions_of_a_repository_only",
    },
];

/// Statuses that do not follow from access and parameters: paths, status, when.
const STATUSES: &[(&[&str], u16, &str)] = &[
    (&["/request_new_permissions"], 409, "nobody has opened the registration"),
    (&["/get_service", "/get_service_rating_svg"], 404, "no such service, or no picture of it"),
    (&["/add_files/delete_files"], 409, "the delete lock protects one of the files"),
    (
        &[
            "/get_files/file",
            "/get_files/render",
            "/get_files/file_path",
            "/get_files/thumbnail_path",
        ],
        404,
        "the file is not here",
    ),
    (
        &["/get_files/file", "/get_files/thumbnail", "/get_files/render"],
        206,
        "a part was asked for",
    ),
    (
        &["/get_files/file", "/get_files/thumbnail", "/get_files/render"],
        416,
        "a part that there is not",
    ),
    (
        &["/edit_times/increment_file_viewtime", "/edit_times/set_file_viewtime"],
        403,
        "key unknown, permission missing, or viewing statistics are off",
    ),
    (&["/edit_ratings/set_rating"], 404, "no such file id or rating service"),
    (
        &[
            "/manage_pages/get_page_info",
            "/manage_pages/add_files",
            "/manage_pages/focus_page",
            "/manage_pages/refresh_page",
            "/manage_pages/new_page",
        ],
        404,
        "no such page or file id",
    ),
    (&["/manage_services/commit_pending"], 409, "it is being sent already"),
    (&["/manage_services/commit_pending"], 422, "there is nowhere to send it"),
    (&["/manage_database/lock_off"], 400, "the library is not locked"),
];

/// The statuses that an endpoint answers by itself, with when, in order. Not among them: 404 for the
/// other of GET and POST, 413, 426, 500 and 507, which may meet any request.
#[must_use]
pub fn statuses(endpoint: &Endpoint) -> Vec<(u16, &'static str)> {
    let has = |name: &str| endpoint.params().any(|param| param.name == name);
    let is_post = endpoint.method == Method::Post;
    let mut rows = vec![(200, "done")];
    for (paths, status, when) in STATUSES {
        if paths.contains(&endpoint.path) {
            rows.push((*status, *when));
        }
    }
    let mut add = |status: u16, when: &'static str| {
        if rows.iter().all(|(other, _)| *other != status) {
            rows.push((status, when));
        }
    };
    if is_post || endpoint.params().next().is_some() || endpoint.access != Access::Open {
        add(400, "an argument is missing, of another type, or cannot be");
    }
    if endpoint.access != Access::Open {
        add(401, "no key");
        add(403, "key unknown, or permission missing");
        add(419, "session unknown or expired");
    }
    let by_name = endpoint.params().any(|param| {
        ALIASES.iter().any(|alias| alias.name == param.name && alias.name.contains("service_name"))
    });
    match (has("file_ids"), by_name) {
        (true, true) => add(404, "no such file id, or no service of that name"),
        (true, false) => add(404, "no such file id"),
        (false, true) => add(404, "no service of that name"),
        (false, false) => {}
    }
    if !endpoint.while_locked {
        add(503, "the library is locked");
    }
    rows.sort_unstable();
    rows
}

/// What a parameter of this name stands for in an endpoint, if it is another spelling.
#[must_use]
pub fn stands_for(endpoint: &Endpoint, name: &str) -> Option<&'static str> {
    let has = |wanted: &str| endpoint.params().any(|param| param.name == wanted);
    let mut of_name = ALIASES.iter().filter(|alias| alias.name == name);
    of_name.find(|alias| has(alias.stands_for)).map(|alias| alias.stands_for)
}

/// Where the arguments of an endpoint stand, in words.
#[must_use]
pub fn place(endpoint: &Endpoint, name: &str) -> &'static str {
    match (endpoint.method == Method::Post, names::kind(name)) {
        (true, _) => "body",
        (false, Some(names::Kind::Json | names::Kind::HexList)) => "query, JSON",
        (false, _) => "query",
    }
}

#[cfg(test)]
mod tests;
