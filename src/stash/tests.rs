//! The door over a real library: what is written on one side is read on the other.

mod changed;
mod random;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value as Json, json};

use super::StashDoor;
use crate::config::Config;
use crate::http::{Body, Method, Request, Response, Service, Status};
use crate::library::{
    ImportRequest, Library, Settings, Source, TagAction, TagChange, TagChangeRules,
};
use crate::model::ids::ItemId;
use crate::model::service::builtin;
use crate::model::tag::Tag;

/// A door to a library of its own.
struct Scratch {
    folder: PathBuf,
    library: Arc<Library>,
    door: StashDoor,
}

impl Scratch {
    fn new() -> Scratch {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("diptych-stash-{}-{serial}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        let config = Config { data: folder.join("data"), ..Config::default() };
        let library = Library::open(Settings::at(&config.data)).unwrap();
        let door = StashDoor::new(Arc::clone(&library), &Arc::new(config)).unwrap();
        Scratch { folder, library, door }
    }

    fn import(&self, name: &str) -> ItemId {
        let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/media");
        let source = Source::Path(fixtures.join(name));
        let request = ImportRequest { source, domains: vec![], delete_source: false };
        self.library.import(request).unwrap().item.unwrap()
    }

    fn tag(&self, id: ItemId, text: &str) {
        let change = TagChange {
            service: builtin::MY_TAGS,
            action: TagAction::Add,
            tag: Tag::clean(text).unwrap(),
            reason: String::new(),
        };
        self.library.change_tags(vec![id], vec![change], TagChangeRules::default()).unwrap();
    }

    fn request(&self, request: Request) -> (Response, Status) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(self.door.call(request));
        let status = response.status;
        (response, status)
    }

    fn get(&self, target: &str) -> (Vec<u8>, Status) {
        let (response, status) = self.request(Request::new(Method::Get, target));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        (runtime.block_on(response.into_bytes()).unwrap().to_vec(), status)
    }

    fn ask(&self, query: &str) -> Json {
        let body = json!({"query": query}).to_string();
        let request = Request::new(Method::Post, "/graphql")
            .with_header("Content-Type", "application/json")
            .with_header("Host", "trains.example:9999")
            .with_body(Body::from_bytes(body));
        let (response, _) = self.request(request);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(response.into_bytes()).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// The data of a query that must not fail.
    #[track_caller]
    fn data(&self, query: &str) -> Json {
        let answer = self.ask(query);
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].clone()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const PICTURE: &str = "a03_grad_320x240_q85.jpg";
const OTHER: &str = "d02_square_small.jpg";

#[test]
fn the_state_of_a_fresh_library_is_told() {
    let scratch = Scratch::new();
    let data = scratch.data("{ systemStatus { status appSchema } version { version } stats { scene_count image_count tag_count images_size } }");
    assert_eq!(data["systemStatus"], json!({"status": "OK", "appSchema": 75}));
    assert_eq!(data["version"]["version"], "v0.30.1");
    assert_eq!(
        data["stats"],
        json!({"scene_count": 0, "image_count": 0, "tag_count": 0, "images_size": 0})
    );
    assert_eq!(scratch.get("/healthz"), (b".".to_vec(), Status::OK));
    assert_eq!(scratch.get("/nothing").1, Status::NOT_FOUND);
}

#[test]
fn a_picture_tagged_elsewhere_is_an_image_with_tags_and_performers() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE);
    let other = scratch.import(OTHER);
    scratch.tag(id, "night train");
    scratch.tag(id, "performer:ann lark");
    let data = scratch.data(
        "{ findImages(filter: {sort: \"id\"}) { count megapixels images { id title organized \
         tags { name image_count } performers { name } paths { image } \
         visual_files { ... on ImageFile { width height fingerprints { type value } } } } } }",
    );
    assert_eq!(data["findImages"]["count"], 2);
    let image = &data["findImages"]["images"][0];
    assert_eq!(image["id"], id.to_string());
    assert_eq!(image["organized"], false);
    assert_eq!(image["tags"], json!([{"name": "night train", "image_count": 1}]));
    assert_eq!(image["performers"], json!([{"name": "ann lark"}]));
    let start = format!("http://trains.example:9999/image/{id}/image?t=");
    assert!(image["paths"]["image"].as_str().unwrap().starts_with(&start));
    assert_eq!(image["visual_files"][0]["width"], 320);
    let tag = &scratch.data("{ allTags { id name } }")["allTags"][0];
    assert_eq!(tag["name"], "night train");
    let check = |filter: &str, ids: &[ItemId]| {
        let query = format!("{{ findImages(image_filter: {filter}) {{ images {{ id }} }} }}");
        let found = scratch.data(&query);
        let ids: Vec<Json> = ids.iter().map(|id| json!({"id": id.to_string()})).collect();
        assert_eq!(found["findImages"]["images"], Json::Array(ids), "{filter}");
    };
    let tag = tag["id"].as_str().unwrap();
    check(&format!("{{tags: {{value: [{tag}], modifier: INCLUDES}}}}"), &[id]);
    check(&format!("{{tags: {{value: [{tag}], modifier: EXCLUDES}}}}"), &[other]);
    check("{tag_count: {value: 0, modifier: EQUALS}}", &[other]);
    check("{performers: {modifier: NOT_NULL}}", &[id]);
    check("{organized: true}", &[]);
    check("{resolution: {value: LOW, modifier: EQUALS}}", &[id, other]);
    check("{orientation: {value: [SQUARE]}}", &[other]);
    check("{NOT: {performer_count: {value: 1, modifier: EQUALS}}}", &[other]);
    check("{path: {value: \".jpg\", modifier: INCLUDES}}", &[id, other]);
    check("{performers_filter: {name: {value: \"ann lark\", modifier: EQUALS}}}", &[id]);
}

#[test]
fn pictures_are_served_whole_and_small() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE);
    let (bytes, status) = scratch.get(&format!("/image/{id}/image?t=1"));
    assert_eq!((status, &bytes[..2]), (Status::OK, &[0xFF, 0xD8][..]));
    let (bytes, status) = scratch.get(&format!("/image/{id}/thumbnail"));
    assert_eq!((status, &bytes[..2]), (Status::OK, &[0xFF, 0xD8][..]));
    assert_eq!(scratch.get(&format!("/scene/{id}/stream")).1, Status::NOT_FOUND);
    assert_eq!(scratch.get("/scene/x/stream").1, Status::BAD_REQUEST);
    assert_eq!(scratch.get("/image/99/image").1, Status::NOT_FOUND);
}

#[test]
fn transports_and_statuses_are_as_documented() {
    let scratch = Scratch::new();
    let check = |request: Request, status: u16| {
        let target = request.target();
        assert_eq!(scratch.request(request).1, Status(status), "{target}");
    };
    let post = |kind: &str, body: &str| {
        Request::new(Method::Post, "/graphql")
            .with_header("Content-Type", kind)
            .with_body(Body::from_bytes(body.to_owned()))
    };
    check(Request::new(Method::Get, "/graphql?query=%7Bversion%7Bhash%7D%7D"), 200);
    check(Request::new(Method::Get, "/graphql?query=mutation%7BstopAllJobs%7D"), 406);
    check(post("application/json", "{\"query\": \"{ version { hash } }\"}"), 200);
    check(post("application/json", "{\"query\": \"{ nothing }\"}"), 422);
    check(post("application/json", "{"), 400);
    check(post("text/plain", "x"), 400);
    check(post("multipart/form-data; boundary=b", "--b--\r\n"), 422);
    check(Request::new(Method::Get, "/graphql?query=x").with_header("ApiKey", "wrong"), 401);
}

#[test]
fn what_is_tagged_here_is_tagged_everywhere() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE);
    let tag = scratch.data("mutation { tagCreate(input: {name: \"Night Train\", aliases: [\"Sleeper\"]}) { id name aliases image_count } }");
    let tag_id = tag["tagCreate"]["id"].as_str().unwrap().to_owned();
    assert_eq!(tag["tagCreate"]["aliases"], json!(["Sleeper"]));
    let performer = scratch.data("mutation { performerCreate(input: {name: \"Ann Lark\", gender: FEMALE, height_cm: 170}) { id gender height_cm custom_fields } }");
    let performer_id = performer["performerCreate"]["id"].as_str().unwrap().to_owned();
    assert_eq!(performer["performerCreate"]["height_cm"], 170);
    let updated = scratch.data(&format!(
        "mutation {{ imageUpdate(input: {{id: {id}, title: \" Platform \", organized: true, \
         rating100: 73, date: \"2020-05\", tag_ids: [{tag_id}], performer_ids: [{performer_id}], \
         urls: [\"https://trains.example/1\"]}}) {{ title organized rating100 date urls \
         tags {{ name image_count }} performers {{ name }} }} }}"
    ));
    assert_eq!(
        updated["imageUpdate"],
        json!({
            "title": "Platform", "organized": true, "rating100": 73, "date": "2020-05",
            "urls": ["https://trains.example/1"],
            "tags": [{"name": "Night Train", "image_count": 1}],
            "performers": [{"name": "Ann Lark"}],
        })
    );
    let view = scratch.library.view().unwrap();
    let stored = view.mappings(id).unwrap();
    let current = &stored.service(builtin::MY_TAGS).unwrap().current;
    let texts: Vec<_> = current.iter().map(|tag| view.tag_text(*tag).unwrap()).collect();
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    assert_eq!(texts, ["night train", "performer:ann lark"]);
    let item = view.item(id).unwrap().unwrap();
    assert!(!item.inbox);
    assert_eq!(item.note("title"), Some("Platform"));
    drop(view);
    // An alias that somebody else uses shows as the tag; absent stays, null clears.
    let other = scratch.import(OTHER);
    scratch.tag(other, "sleeper");
    let query = format!("{{ findImage(id: {other}) {{ tags {{ id }} }} }}");
    assert_eq!(scratch.data(&query)["findImage"]["tags"], json!([{"id": tag_id}]));
    let cleared = scratch.data(&format!(
        "mutation {{ imageUpdate(input: {{id: {id}, title: null, rating100: null, tag_ids: []}}) \
         {{ title rating100 date organized tags {{ id }} }} }}"
    ));
    assert_eq!(
        cleared["imageUpdate"],
        json!({"title": "", "rating100": null, "date": "2020-05", "organized": true, "tags": []})
    );
    let view = scratch.library.view().unwrap();
    let deleted = &view.mappings(id).unwrap().service(builtin::MY_TAGS).unwrap().deleted.clone();
    assert_eq!(deleted.iter().map(|tag| tag.to_string()).collect::<Vec<_>>(), [tag_id]);
}

#[test]
fn names_are_unique_and_unknown_ids_are_refused() {
    let scratch = Scratch::new();
    scratch.data("mutation { tagCreate(input: {name: \"Fog\", aliases: [\"Mist\"]}) { id } }");
    let check = |query: &str, message: &str| {
        assert_eq!(scratch.ask(query)["errors"][0]["message"], message, "{query}");
    };
    check(
        "mutation { tagCreate(input: {name: \"fog\"}) { id } }",
        "tag with name 'fog' already exists",
    );
    check(
        "mutation { tagCreate(input: {name: \"mist\"}) { id } }",
        "name 'mist' is used as alias for 'Fog'",
    );
    check("mutation { tagCreate(input: {name: \" \"}) { id } }", "tag name must not be blank");
    check("mutation { sceneUpdate(input: {id: 77}) { id } }", "scene with id 77 not found");
    check("mutation { tagUpdate(input: {id: 77}) { id } }", "tag with id 77 not found");
    check("{ findScenes(ids: [5]) { count } }", "scene with id 5 not found");
    check("{ findTags(filter: {sort: \"x\"}) { count } }", "invalid sort: x");
}

#[test]
fn destruction_with_bytes_is_a_deletion_with_a_record() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE);
    let query = format!("mutation {{ imageDestroy(input: {{id: {id}, delete_file: true}}) }}");
    assert_eq!(scratch.data(&query)["imageDestroy"], true);
    assert_eq!(
        scratch.data(&format!("{{ findImage(id: {id}) {{ id }} }}"))["findImage"],
        Json::Null
    );
    let view = scratch.library.view().unwrap();
    let item = view.item(id).unwrap().unwrap();
    assert!(item.deletion(builtin::COMBINED_LOCAL).is_some());
    assert_eq!(view.open_content(id).unwrap(), None);
}

#[test]
fn counters_are_ratings_and_settings_stay() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE);
    let query = format!(
        "mutation {{ a: imageIncrementO(id: {id}) b: imageIncrementO(id: {id}) c: imageDecrementO(id: {id}) }}"
    );
    assert_eq!(scratch.data(&query), json!({"a": 1, "b": 2, "c": 1}));
    let view = scratch.library.view().unwrap();
    let counter = view.services().by_name("stash counter").unwrap();
    assert_eq!(view.item(id).unwrap().unwrap().rating(counter), Some(1.0));
    drop(view);
    let folder = scratch.folder.join("films");
    std::fs::create_dir_all(&folder).unwrap();
    let set = format!(
        "mutation {{ configureGeneral(input: {{stashes: [{{path: {folder:?}, excludeVideo: false, excludeImage: true}}], previewSegments: 3}}) {{ previewSegments stashes {{ path excludeImage }} }} }}"
    );
    let answer = scratch.data(&set);
    assert_eq!(answer["configureGeneral"]["previewSegments"], 3);
    assert_eq!(answer["configureGeneral"]["stashes"][0]["excludeImage"], true);
    let job = scratch.data("mutation { metadataScan(input: {}) }")["metadataScan"].clone();
    let id = job.as_str().unwrap().parse().unwrap();
    let ended = scratch.library.jobs().wait(id, std::time::Duration::from_secs(20));
    assert!(ended.is_some());
    let query = format!("{{ findJob(input: {{id: {job}}}) {{ status description }} }}");
    assert_eq!(scratch.data(&query)["findJob"]["status"], "FINISHED");
}

/// The fields of the schema that have no resolver, by the sources that answer each type. A name
/// that stands nowhere in those has none.
#[test]
fn what_has_no_resolver_is_listed() {
    const SOURCES: &[(&str, &[&str])] = &[
        ("Query", &["query", "marker", "absent"]),
        ("Mutation", &["edit", "edit/history", "absent"]),
        ("Scene", &["object", "scene"]),
        ("ScenePathsType", &["scene"]),
        ("SceneFileType", &["scene"]),
        ("SceneStreamEndpoint", &["scene"]),
        ("StashID", &["scene"]),
        ("Image", &["object", "image"]),
        ("ImagePathsType", &["image"]),
        ("ImageFileType", &["image"]),
        ("VideoFile", &["file"]),
        ("BasicFile", &["file"]),
        ("ImageFile", &["file"]),
        ("Fingerprint", &["file"]),
        ("Folder", &["file"]),
        ("VideoCaption", &["file"]),
        ("Tag", &["tag"]),
        ("Group", &["tag", "group"]),
        ("Movie", &["tag", "group"]),
        ("GroupDescription", &["group"]),
        ("SceneGroup", &["group"]),
        ("SceneMovie", &["group"]),
        ("FindGroupsResultType", &["query"]),
        ("FindMoviesResultType", &["query"]),
        ("SceneMarker", &["marker"]),
        ("SceneMarkerTag", &["marker"]),
        ("FindSceneMarkersResultType", &["marker"]),
        ("MarkerStringsResultType", &["marker"]),
        ("SceneParserResultType", &["wall"]),
        ("SceneParserResult", &["parser"]),
        ("SceneMovieID", &["parser"]),
        ("SavedFilter", &["saved"]),
        ("SavedFindFilterType", &["saved"]),
        ("Performer", &["tag", "performer"]),
        ("Studio", &["tag", "studio"]),
        ("SystemStatus", &["status"]),
        ("Version", &["status"]),
        ("StatsResultType", &["status"]),
        ("FindScenesResultType", &["query"]),
        ("FindImagesResultType", &["query"]),
        ("FindTagsResultType", &["query"]),
        ("FindPerformersResultType", &["query"]),
        ("FindStudiosResultType", &["query"]),
        ("FindGalleriesResultType", &["absent"]),
        ("DLNAStatus", &["absent"]),
        ("Directory", &["directory"]),
        ("FindFilesResultType", &["files"]),
        ("FindFoldersResultType", &["files"]),
        ("Job", &["job"]),
        ("JobStatusUpdate", &["job"]),
        ("MetadataUpdateStatus", &["job"]),
        ("LogEntry", &["log"]),
        ("Subscription", &["socket"]),
        ("HistoryMutationResult", &["edit/history"]),
        ("ConfigResult", &["configuration"]),
        ("ConfigGeneralResult", &["configuration"]),
        ("ConfigInterfaceResult", &["configuration"]),
        ("ConfigDLNAResult", &["configuration"]),
        ("ConfigScrapingResult", &["configuration"]),
        ("ConfigDefaultSettingsResult", &["configuration"]),
        ("ConfigImageLightboxResult", &["configuration"]),
        ("ConfigDisableDropdownCreate", &["configuration"]),
        ("StashConfig", &["configuration"]),
        ("ScanMetadataOptions", &["configuration"]),
        ("GenerateMetadataOptions", &["configuration"]),
        ("GeneratePreviewOptions", &["configuration"]),
        ("AutoTagMetadataOptions", &["configuration"]),
        ("IdentifyMetadataTaskOptions", &["configuration"]),
        ("IdentifySource", &["configuration"]),
        ("IdentifyMetadataOptions", &["configuration"]),
        ("IdentifyFieldOptions", &["configuration"]),
        ("ScraperSource", &["configuration"]),
        ("StashBox", &["configuration"]),
        ("PackageSource", &["configuration"]),
    ];
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| {
        let text = std::fs::read_to_string(root.join(format!("src/stash/{name}.rs"))).unwrap();
        if name == "configuration" { text + include_str!("defaults.json") } else { text }
    };
    let mut list = String::from("Fields without a resolver: they answer an error naming them.\n");
    for (ty, field) in super::schema::ENGINE.walk_fields() {
        let sources = SOURCES.iter().find(|(known, _)| *known == ty).map_or(&[][..], |row| row.1);
        if !sources.iter().any(|name| read(name).contains(&format!("\"{field}\""))) {
            list.push_str(&format!("{ty}.{field}\n"));
        }
    }
    let path = root.join("docs/stash-unresolved.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &list).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, list, "run with UPDATE_EXPECT=1 to write docs/stash-unresolved.txt");
}
