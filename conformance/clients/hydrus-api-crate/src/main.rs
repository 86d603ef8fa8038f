//! Calls every method of the crate `hydrus-api` 0.10.2 against a fresh server and looks at the answers.
//!
//! ```text
//! diptych serve --data /tmp/clients --hydrus-listen 127.0.0.1:46010 --stash-listen 127.0.0.1:0 &
//! cargo run -- http://127.0.0.1:46010 "$(cat /tmp/clients/access_key)" ../../../fixtures/media
//! ```
//!
//! The same with `--no-default-features --features cbor`, in which the crate can read fewer answers
//! (`HOPELESS`): it wants members that no answer in CBOR has. The run fails if one of these succeeds
//! or another call fails.

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use hydrus_api::api_core::common::{
    FileIdentifier, FileSelection, FileServiceSelection, ServiceIdentifier,
};
use hydrus_api::api_core::endpoints::adding_tags::{
    AddTagsRequestBuilder, TagAction, TagDisplayType, TagSearchOptions,
};
use hydrus_api::api_core::endpoints::adding_urls::AddUrlRequestBuilder;
use hydrus_api::api_core::endpoints::managing_cookies_and_http_headers::CookieBuilder;
use hydrus_api::api_core::endpoints::searching_and_fetching_files::{
    BasicMetadata, FileSearchOptions, FullMetadata, Identifiers, SearchQueryEntry,
};
use hydrus_api::wrapper::address::DomainCookie;
use hydrus_api::wrapper::builders::import_builder::FileImport;
use hydrus_api::wrapper::builders::or_chain_builder::OrChainBuilder;
use hydrus_api::wrapper::builders::search_builder::SortType;
use hydrus_api::wrapper::page::PageIdentifier;
use hydrus_api::wrapper::service::ServiceName;
use hydrus_api::wrapper::tag::Tag;
use hydrus_api::{Client, Hydrus};

const MY_TAGS: &str = "6c6f63616c2074616773";
const MY_FILES: &str = "6c6f63616c2066696c6573";
const PAGE: &str = "http://birds.example/heron/12.jpg";

/// Calls that cannot succeed with any server of today, by the crate's own doing.
const HOPELESS: &[&str] = if cfg!(feature = "cbor") {
    // `version` and `hydrus_version`, which it wants here, are in no CBOR answer but api_version's.
    &["get_services", "services", "tagging by service name"]
} else {
    &[]
};

/// Whether a search can say up or down: in CBOR the crate sends this one parameter as plain text.
const DIRECTIONS: bool = !cfg!(feature = "cbor");

/// What the calls came to.
#[derive(Default)]
struct Tally {
    called: usize,
    faults: usize,
}

impl Tally {
    /// Notes a call that should succeed, and gives its answer on.
    fn note<T, E: Debug>(&mut self, name: &str, answer: Result<T, E>) -> Option<T> {
        self.called += 1;
        match (&answer, HOPELESS.contains(&name)) {
            (Ok(_), false) | (Err(_), true) => {}
            (Ok(_), true) => self.fault(name, "succeeds: strike it off"),
            (Err(error), false) => self.fault(name, &format!("{error:?}")),
        }
        answer.ok()
    }

    /// Notes whether what a call did can be seen.
    fn holds(&mut self, name: &str, fact: bool) {
        if !fact {
            self.fault(name, "had no effect");
        }
    }

    fn fault(&mut self, name: &str, what: &str) {
        self.faults += 1;
        println!("{name}: {what}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, media] = arguments.as_slice() else {
        println!("usage: hydrus-api-calls URL KEY FOLDER_OF_SAMPLES");
        return ExitCode::FAILURE;
    };
    let client = Client::builder().url(url).access_key(key).timeout(Duration::from_secs(20));
    let Ok(client) = client.build() else { return ExitCode::FAILURE };
    let media = Path::new(media);
    let mut tally = Tally::default();
    access(&mut tally, &client).await;
    let hashes = files(&mut tally, &client, media).await;
    if let [first, second] = hashes.as_slice() {
        tags(&mut tally, &client, first).await;
        urls(&mut tally, &client, first).await;
        pages(&mut tally, &client, first).await;
        searches(&mut tally, &client, first).await;
        let hydrus = Hydrus::new(client.clone());
        wrapped_file(&mut tally, &hydrus, second).await;
        wrapped_rest(&mut tally, &hydrus, first, media).await;
    }
    println!("{} calls, {} faults", tally.called, tally.faults);
    if tally.faults == 0 && hashes.len() == 2 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn access(tally: &mut Tally, client: &Client) {
    let version = tally.note("api_version", client.api_version().await);
    tally.holds("api_version", version.is_some_and(|answer| answer.version == 95));
    let session = tally.note("session_key", client.session_key().await);
    tally.holds("session_key", session.is_some_and(|answer| answer.session_key.len() == 64));
    let key = tally.note("verify_access_key", client.verify_access_key().await);
    tally.holds("verify_access_key", key.is_some_and(|key| !key.human_description.is_empty()));
    let services = client.get_services().await;
    tally.note("get_services", services);
}

/// Two files, one by its path and one by its bytes, and what happens to files.
async fn files(tally: &mut Tally, client: &Client, media: &Path) -> Vec<String> {
    let path = std::path::absolute(media.join("b01_shapes_800x600.png"));
    let path = path.map(|path| path.display().to_string()).unwrap_or_default();
    let first = tally.note("add_file", client.add_file(path).await);
    let bytes = std::fs::read(media.join("a01_grad_640x480_q90.jpg")).unwrap_or_default();
    let second = tally.note("add_binary_file", client.add_binary_file(bytes.clone()).await);
    let hashes: Vec<String> = first.into_iter().chain(second).map(|answer| answer.hash).collect();
    let Some(hash) = hashes.last() else { return hashes };
    let these = || FileSelection::by_hash(hash);
    let mine = || FileServiceSelection::by_key(MY_FILES);
    let named = || FileServiceSelection::by_name("my files");
    tally.note("archive_files", client.archive_files(these(), mine()).await);
    tally.note("unarchive_files", client.unarchive_files(these(), named()).await);
    let reason = Some("blurred".to_owned());
    tally.note("delete_files", client.delete_files(these(), mine(), reason).await);
    tally.note("undelete_files", client.undelete_files(these(), named()).await);
    let file = client.get_file(FileIdentifier::hash(hash)).await;
    let file = tally.note("get_file", file);
    tally.holds("get_file", file.is_some_and(|file| file.bytes == bytes));
    let notes = HashMap::from([("place".to_owned(), "the old pier".to_owned())]);
    let id = || FileIdentifier::hash(hash);
    tally.note("set_notes", client.set_notes(id(), notes).await);
    tally.note("delete_notes", client.delete_notes(id(), vec!["place".to_owned()]).await);
    hashes
}

async fn tags(tally: &mut Tally, client: &Client, hash: &str) {
    let list = vec!["Dawn ".to_owned(), "species:heron".to_owned()];
    let cleaned = tally.note("clean_tags", client.clean_tags(list).await);
    tally
        .holds("clean_tags", cleaned.is_some_and(|list| list.tags.iter().any(|tag| tag == "dawn")));
    let plain = AddTagsRequestBuilder::default()
        .add_hash(hash)
        .add_tags(MY_TAGS.to_owned(), vec!["beach".to_owned(), "summer".to_owned()]);
    tally.note("add_tags", client.add_tags(plain.build()).await);
    let action = TagAction::DeleteFromLocalService;
    let acted = AddTagsRequestBuilder::default().add_hash(hash);
    let acted = acted.add_tag_with_action(MY_TAGS.to_owned(), "summer", action);
    tally.note("add_tags with actions", client.add_tags(acted.build()).await);
    #[expect(deprecated, reason = "the crate still offers services by name")]
    let service = ServiceIdentifier::name("all known tags");
    let options = TagSearchOptions::default();
    let options = options.display_type(TagDisplayType::Display).tag_service(service);
    let found = tally.note("search_tags", client.search_tags("beach", options).await);
    tally.holds("search_tags", found.is_some_and(|found| found.tags.len() == 1));
}

async fn urls(tally: &mut Tally, client: &Client, hash: &str) {
    let (urls, hashes) = (vec![PAGE.to_owned()], vec![hash.to_owned()]);
    tally.note("associate_urls", client.associate_urls(urls.clone(), hashes.clone()).await);
    let known = tally.note("get_url_files", client.get_url_files(PAGE).await);
    tally.holds("get_url_files", known.is_some_and(|known| known.url_file_statuses.len() == 1));
    tally.note("disassociate_urls", client.disassociate_urls(urls, hashes).await);
    let info = tally.note("get_url_info", client.get_url_info(PAGE).await);
    tally.holds("get_url_info", info.is_some_and(|info| info.normalised_url == PAGE));
    let by_key = ServiceIdentifier::key(MY_TAGS);
    #[expect(deprecated, reason = "the crate still offers services by name")]
    let by_name = ServiceIdentifier::name("my tags");
    let request = AddUrlRequestBuilder::default()
        .url(PAGE)
        .add_tags(by_key, vec!["heron".to_owned()])
        .add_tags(by_name, vec!["marsh".to_owned()])
        .add_filter_tags(vec!["evening".to_owned()])
        .show_destination_page(true)
        .destination_page_name("herons");
    tally.note("add_url", client.add_url(request.build()).await);
    let cookie = CookieBuilder::default().name("theme").value("dark").domain("birds.example");
    let cookies = vec![cookie.path("/").build()];
    tally.note("set_cookies", client.set_cookies(cookies).await);
    let cookies = tally.note("get_cookies", client.get_cookies("birds.example").await);
    tally.holds("get_cookies", cookies.is_some_and(|answer| answer.cookies.len() == 1));
    tally.note("set_user_agent", client.set_user_agent("Mozilla/5.0 (compatible)").await);
}

async fn pages(tally: &mut Tally, client: &Client, hash: &str) {
    let Some(pages) = tally.note("get_pages", client.get_pages().await) else { return };
    let Some(page) = pages.pages.pages.iter().find(|page| page.page_type == 6) else {
        return tally.fault("get_pages", "there is no page for files");
    };
    let key = page.page_key.as_str();
    tally.note("get_page_info", client.get_page_info(key).await);
    tally.note("focus_page", client.focus_page(key).await);
    let hashes = vec![hash.to_owned()];
    tally.note("add_files_to_page", client.add_files_to_page(key, vec![], hashes).await);
}

async fn searches(tally: &mut Tally, client: &Client, hash: &str) {
    let query = || {
        let either = vec!["beach".to_owned(), "system:height > 5".to_owned()];
        vec![SearchQueryEntry::from("beach"), SearchQueryEntry::OrChain(either)]
    };
    let options = FileSearchOptions::new().sort_type(8).tag_service_name("my tags");
    let by_key = FileSearchOptions::new().file_service_key(MY_FILES).tag_service_key(MY_TAGS);
    let (options, by_key) =
        if DIRECTIONS { (options.desc(), by_key.asc()) } else { (options, by_key) };
    let ids = tally.note("search_files", client.search_files(query(), options).await);
    let ids = ids.map(|answer| answer.file_ids).unwrap_or_default();
    tally.holds("search_files", ids.len() == 1);
    let found = client.search_file_hashes(query(), by_key).await;
    let found = tally.note("search_file_hashes", found);
    tally.holds("search_file_hashes", found.is_some_and(|answer| answer.hashes == [hash]));
    let full = client.get_file_metadata::<FullMetadata>(ids.clone(), vec![]).await;
    let full = tally.note("get_file_metadata", full);
    let tags = full.and_then(|mut answer| answer.metadata.pop()).map(|file| file.tags);
    tally.holds("get_file_metadata", tags.is_some_and(|tags| tags.contains_key(MY_TAGS)));
    let hashes = || vec![hash.to_owned()];
    let basic = client.get_file_metadata::<BasicMetadata>(vec![], hashes()).await;
    tally.note("get_file_metadata, basic", basic);
    let ids = client.get_file_metadata::<Identifiers>(vec![], hashes()).await;
    tally.note("get_file_metadata, identifiers", ids);
    let one = FileIdentifier::hash(hash);
    let one = client.get_file_metadata_by_identifier::<FullMetadata>(one).await;
    tally.note("get_file_metadata_by_identifier", one);
}

/// The crate's object for a file.
async fn wrapped_file(tally: &mut Tally, hydrus: &Hydrus, hash: &str) {
    let found = hydrus.file(FileIdentifier::hash(hash)).await;
    let Some(mut file) = tally.note("file", found) else { return };
    tally.note("file update", file.update().await);
    tally.note("file hash", file.hash().await);
    let size = tally.note("file size", file.size().await);
    tally.holds("file size", size.flatten().is_some_and(|bytes| bytes > 1000));
    tally.note("file mime", file.mime().await);
    tally.note("file ext", file.ext().await);
    let sides = tally.note("file dimensions", file.dimensions().await);
    tally.holds("file dimensions", sides.flatten() == Some((640, 480)));
    tally.note("file duration", file.duration().await);
    tally.note("file num_frames", file.num_frames().await);
    tally.note("file has_audio", file.has_audio().await);
    tally.note("file in_inbox", file.in_inbox().await);
    tally.note("file stored_locally", file.stored_locally().await);
    tally.note("file moved_to_trashed", file.moved_to_trashed().await);
    tally.note("file time_modified", file.time_modified().await);
    let imported = tally.note("file time_imported", file.time_imported(MY_FILES).await);
    tally.holds("file time_imported", imported.flatten().is_some());
    let mine = || FileServiceSelection::by_key(MY_FILES);
    let deletion = file.delete().service(ServiceIdentifier::key(MY_FILES)).reason("twice");
    tally.note("file delete", deletion.run().await);
    tally.note("file time_deleted", file.time_deleted(MY_FILES).await);
    tally.note("file undelete", file.undelete(mine()).await);
    tally.note("file archive", file.archive(mine()).await);
    tally.note("file unarchive", file.unarchive(FileServiceSelection::none()).await);
    tally.note("file associate_urls", file.associate_urls(vec![PAGE.to_owned()]).await);
    let urls = file.urls().await.map(Vec::len);
    let urls = tally.note("file urls", urls);
    tally.holds("file urls", urls == Some(1));
    tally.note("file disassociate_urls", file.disassociate_urls(vec![PAGE.to_owned()]).await);
    let tags = vec![Tag::from("place:pier"), Tag::from("dusk")];
    tally.note("file add_tags", file.add_tags(MY_TAGS.to_owned(), tags).await);
    tally.note("file update", file.update().await);
    let tags = tally.note("file tags", file.tags().await);
    tally.holds("file tags", tags.is_some_and(|tags| tags.iter().any(|tag| tag.name == "pier")));
    let action = TagAction::DeleteFromLocalService;
    let change = file.modify_tags(MY_TAGS.to_owned(), action, vec![Tag::from("dusk")]).await;
    tally.note("file modify_tags", change);
    tally.note("file services_with_tags", file.services_with_tags().await);
    #[expect(deprecated, reason = "the crate still offers services by name")]
    let named = file.service_names_with_tags().await;
    tally.note("file service_names_with_tags", named);
    let notes = file.add_notes().add_note("a", "one").add_notes([("b", "two")]);
    tally.note("file add_notes", notes.run().await);
    tally.note("file delete_note", file.delete_note("a").await);
    tally.note("file delete_notes", file.delete_notes(["b"]).await);
    tally.note("file retrieve", file.retrieve().await.map(|_| ()));
}

/// The crate's other objects.
async fn wrapped_rest(tally: &mut Tally, hydrus: &Hydrus, hash: &str, media: &Path) {
    tally.note("version", hydrus.version().await);
    tally.note("services", hydrus.services().await);
    tally.note("wrapped set_user_agent", hydrus.set_user_agent("Mozilla/5.0").await);
    let import = hydrus.import().file(FileImport::path("/does/not/exist")).run().await;
    tally.holds("import of a path that does not exist", import.is_err());
    let import = hydrus.import().file(FileImport::binary(&mut &[0u8; 4][..])).run().await;
    tally.holds("import of four zeros", import.is_err());
    let bytes = std::fs::read(media.join("b02_shapes_q85.jpg")).unwrap_or_default();
    let import = hydrus.import().file(FileImport::binary(&mut &bytes[..])).run().await;
    tally.note("import of bytes", import.map(|_| ()));
    let import = hydrus.import().url(PAGE).page(PageIdentifier::name("herons")).show_page(true);
    let import = import.add_additional_tag(ServiceIdentifier::key(MY_TAGS), Tag::from("marsh"));
    tally.note("import of a url", import.run().await.map(|_| ()));
    if let Some(mut url) = tally.note("url", hydrus.url(PAGE).await) {
        tally.note("url associate", url.associate(vec![hash.to_owned()]).await);
        let files = tally.note("url files", url.files().await);
        tally.holds("url files", files.is_some_and(|files| files.len() == 1));
        tally.note("url disassociate", url.disassociate(vec![hash.to_owned()]).await);
        let address = url.address();
        let until = SystemTime::now() + Duration::from_secs(30);
        let cookie = DomainCookie::new("size", "large", Some(until));
        tally.note("address set_cookies", address.set_cookies(vec![cookie]).await);
        tally.note("address get_cookies", address.get_cookies().await);
    }
    #[expect(deprecated, reason = "the crate still offers services by name")]
    let mine = ServiceIdentifier::name("my tags");
    let action = TagAction::AddToLocalService;
    let tagging = hydrus.tagging().add_file(hash).add_tag(mine, action.clone(), Tag::from("tide"));
    tally.note("tagging by service name", tagging.run().await);
    let mine = ServiceIdentifier::key(MY_TAGS);
    let tagging = hydrus.tagging().add_file(hash).add_tag(mine, action, Tag::from("shore"));
    tally.note("tagging", tagging.run().await);
    let found = hydrus.search_tags("sho").as_displayed().run().await;
    let found = tally.note("wrapped search_tags", found);
    tally.holds("wrapped search_tags", found.is_some_and(|tags| tags.len() == 1));
    let either = OrChainBuilder::new().add_tag(Tag::from("shore")).add_tag(Tag::from("cliff"));
    let search = hydrus.search().add_tag(Tag::from("beach")).add_or_chain(either.build());
    let search = search.sort_by(SortType::ModifiedTime);
    let search = if DIRECTIONS { search.sort_ascending() } else { search };
    let search = search.file_service_name(ServiceName::my_files());
    let found = search.tag_service_name(ServiceName::all_known_tags()).run().await;
    let found = tally.note("search", found);
    tally.holds("search", found.is_some_and(|files| files.len() == 1));
    let root = tally.note("root_page", hydrus.root_page().await);
    let page = root.and_then(|root| root.children.first().map(|page| page.key.clone()));
    let page = hydrus.page(page.unwrap_or_default()).await;
    if let Some(page) = tally.note("page", page) {
        tally.note("page focus", page.focus().await);
        tally.note("page add_files", page.add_files(vec![FileIdentifier::hash(hash)]).await);
    }
}
