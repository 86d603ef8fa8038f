//! Objects whose files change on the disk, and what a person says of them.

use super::*;
use crate::library::ScanRequest;
use crate::library::jobs::JobContext;

fn scan(scratch: &Scratch) {
    let request = ScanRequest::default();
    scratch.library.scan(&request, &JobContext::detached()).unwrap();
    assert_eq!(scratch.library.check().unwrap().faults, Vec::<String>::new());
}

/// A library folder with one picture.
fn shelf(scratch: &Scratch) -> PathBuf {
    let folder = scratch.folder.join("shelf");
    std::fs::create_dir_all(&folder).unwrap();
    scratch.library.add_library_folder(&folder, false, false).unwrap();
    put(&folder, PICTURE);
    folder
}

fn put(folder: &std::path::Path, fixture: &str) {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/media");
    std::fs::copy(fixtures.join(fixture), folder.join("one.jpg")).unwrap();
}

/// A picture that was cropped was gone for Stash: its object is headed by an item without bytes.
#[test]
fn a_file_with_new_bytes_stays_the_same_image_for_both_doors() {
    let scratch = Scratch::new();
    let folder = shelf(&scratch);
    scan(&scratch);
    let all = scratch.data("{ findImages { images { id } } }");
    let id = all["findImages"]["images"][0]["id"].as_str().unwrap().to_owned();
    let tag = scratch.data("mutation { tagCreate(input: {name: \"Bridge\"}) { id } }");
    let tag = tag["tagCreate"]["id"].as_str().unwrap();
    scratch.data(&format!(
        "mutation {{ imageUpdate(input: {{id: {id}, title: \"Arch\", rating100: 60, \
         organized: true, tag_ids: [{tag}]}}) {{ id }} }}"
    ));
    put(&folder, OTHER);
    scan(&scratch);
    let shown = "title rating100 organized tags { name image_count } \
                 visual_files { ... on ImageFile { width } }";
    let query = format!("{{ findImage(id: {id}) {{ {shown} }} findImages {{ count }} }}");
    let answer = scratch.data(&query);
    let tags = json!([{"name": "Bridge", "image_count": 1}]);
    let width = answer["findImage"]["visual_files"][0]["width"].as_u64().unwrap();
    assert_eq!(answer["findImages"]["count"], 1);
    assert_eq!(
        answer["findImage"],
        json!({
            "title": "Arch", "rating100": 60, "organized": true, "tags": tags,
            "visual_files": [{"width": width}],
        })
    );
    assert_ne!(width, 320);
    // What a Hydrus client does to the new file shows at once.
    let view = scratch.library.view().unwrap();
    let stand_in = view.stand_ins().unwrap().of(ItemId(id.parse().unwrap()));
    assert_ne!(stand_in.to_string(), id);
    drop(view);
    scratch.tag(stand_in, "fog");
    let found = "findImages(image_filter: {tags_filter: {name: {value: \"fog\", modifier: EQUALS}}, \
                 title: {value: \"Arch\", modifier: EQUALS}})";
    let by = format!("{{ {found} {{ images {{ id }} megapixels }} }}");
    let found = scratch.data(&by)["findImages"].clone();
    assert_eq!(found["images"], json!([{"id": id}]));
    assert!(found["megapixels"].as_f64().unwrap() > 0.0);
    assert_eq!(scratch.get(&format!("/image/{id}/image")).1, Status::OK);
    // What Stash writes is on the new file, and on the old one when it comes back.
    scratch.data(&format!(
        "mutation {{ imageUpdate(input: {{id: {id}, title: \"Pier\"}}) {{ id }} }}"
    ));
    let view = scratch.library.view().unwrap();
    assert_eq!(view.item(stand_in).unwrap().unwrap().note("title"), Some("Pier"));
    drop(view);
    put(&folder, PICTURE);
    scan(&scratch);
    let answer = scratch.data(&query);
    assert_eq!(answer["findImage"]["title"], "Pier");
    assert_eq!(answer["findImage"]["visual_files"], json!([{"width": 320}]));
}

#[test]
fn urls_keep_the_order_in_which_they_are_given() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE);
    let update = |urls: &str| {
        let query =
            format!("mutation {{ imageUpdate(input: {{id: {id}, urls: {urls}}}) {{ url urls }} }}");
        scratch.data(&query)["imageUpdate"].clone()
    };
    let given =
        json!({"url": "https://z.example", "urls": ["https://z.example", "https://a.example"]});
    assert_eq!(
        update("[\"https://z.example\", \"https://a.example\", \"https://z.example\"]"),
        given
    );
    let view = scratch.library.view().unwrap();
    assert_eq!(view.item(id).unwrap().unwrap().urls, ["https://a.example", "https://z.example"]);
    assert_eq!(update("[]"), json!({"url": null, "urls": []}));
}

#[test]
fn scenes_have_a_place_in_their_groups_and_groups_in_theirs() {
    let scratch = Scratch::new();
    let made =
        |query: &str, name: &str| scratch.data(query)[name]["id"].as_str().unwrap().to_owned();
    let group = |name: &str| {
        made(
            &format!("mutation {{ groupCreate(input: {{name: {name:?}}}) {{ id }} }}"),
            "groupCreate",
        )
    };
    let (trips, north, south) = (group("Trips"), group("North"), group("South"));
    let scene = |title: &str, index: &str| {
        made(
            &format!(
                "mutation {{ sceneCreate(input: {{title: {title:?}, groups: \
                 [{{group_id: {trips}, scene_index: {index}}}]}}) {{ id }} }}"
            ),
            "sceneCreate",
        )
    };
    let (second, first) = (scene("a", "2"), scene("b", "1"));
    let sorted = scratch.data(&format!(
        "{{ findScenes(scene_filter: {{groups: {{value: [{trips}], modifier: INCLUDES}}}}, \
         filter: {{sort: \"group_scene_number\"}}) {{ scenes {{ id groups {{ scene_index }} }} }} }}"
    ));
    let row = |id: &str, index: u8| json!({"id": id, "groups": [{"scene_index": index}]});
    assert_eq!(sorted["findScenes"]["scenes"], json!([row(&first, 1), row(&second, 2)]));
    scratch.data(&format!(
        "mutation {{ a: addGroupSubGroups(input: {{containing_group_id: {trips}, \
         sub_groups: [{{group_id: {south}}}, {{group_id: {north}, description: \"cold\"}}]}}) }}"
    ));
    let subs =
        format!("{{ findGroup(id: {trips}) {{ sub_groups {{ group {{ name }} description }} }} }}");
    let names = || {
        let answer = scratch.data(&subs)["findGroup"]["sub_groups"].clone();
        let rows = answer.as_array().unwrap().clone();
        rows.iter().map(|row| row["group"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["South", "North"]);
    assert_eq!(scratch.data(&subs)["findGroup"]["sub_groups"][1]["description"], "cold");
    scratch.data(&format!(
        "mutation {{ reorderSubGroups(input: {{group_id: {trips}, sub_group_ids: [{north}], \
         insert_at_id: {south}}}) }}"
    ));
    assert_eq!(names(), ["North", "South"]);
    let movie = scratch.data(&format!(
        "mutation {{ movieUpdate(input: {{id: {trips}, name: \"T\"}}) {{ __typename name }} }}"
    ));
    assert_eq!(movie["movieUpdate"], json!({"__typename": "Movie", "name": "T"}));
}

#[test]
fn performers_are_found_by_age_height_and_what_was_made_up() {
    let scratch = Scratch::new();
    scratch.data(
        "mutation { performerCreate(input: {name: \"Ann\", birthdate: \"1950-01-01\", \
         death_date: \"2000-06-01\", height_cm: 170, custom_fields: {origin: \"north\"}}) { id } }",
    );
    scratch.data("mutation { performerCreate(input: {name: \"Bob\"}) { id } }");
    let check = |filter: &str, names: &[&str]| {
        let query =
            format!("{{ findPerformers(performer_filter: {filter}) {{ performers {{ name }} }} }}");
        let names: Vec<Json> = names.iter().map(|name| json!({"name": name})).collect();
        assert_eq!(scratch.data(&query)["findPerformers"]["performers"], json!(names), "{filter}");
    };
    check("{age: {value: 50, modifier: EQUALS}}", &["Ann"]);
    check("{age: {value: 0, modifier: IS_NULL}}", &["Bob"]);
    check("{height: {value: \"160\", modifier: GREATER_THAN}}", &["Ann"]);
    check("{custom_fields: [{field: \"origin\", value: [\"north\"], modifier: EQUALS}]}", &["Ann"]);
    check("{custom_fields: [{field: \"origin\", modifier: IS_NULL}]}", &["Bob"]);
    let refused = scratch.ask("{ findPerformers(performer_filter: {height: {value: \"x\", modifier: EQUALS}}) { count } }");
    assert_eq!(refused["errors"][0]["message"], "invalid height value: x");
}

#[test]
fn defaults_of_tasks_are_whole_once_one_is_set() {
    let scratch = Scratch::new();
    let answer = scratch.data(
        "mutation { configureDefaults(input: {scan: {rescan: true}, generate: {covers: true}}) \
         { scan { rescan scanGenerateCovers } generate { covers sprites } autoTag { tags } } }",
    );
    assert_eq!(
        answer["configureDefaults"],
        json!({
            "scan": {"rescan": true, "scanGenerateCovers": false},
            "generate": {"covers": true, "sprites": null}, "autoTag": null,
        })
    );
}

#[test]
fn files_are_moved_inside_library_folders_and_deleted_one_by_one() {
    let scratch = Scratch::new();
    let folder = shelf(&scratch);
    std::fs::copy(folder.join("one.jpg"), folder.join("two.jpg")).unwrap();
    scan(&scratch);
    let files = || {
        let all = scratch.data(
            "{ findImages { images { id visual_files { ... on ImageFile { id basename } } } } }",
        );
        let files = all["findImages"]["images"][0]["visual_files"].as_array().unwrap().clone();
        let text = |file: &Json, name: &str| file[name].as_str().unwrap().to_owned();
        files.iter().map(|file| (text(file, "id"), text(file, "basename"))).collect::<Vec<_>>()
    };
    let before = files();
    let (first, second) = (&before[0].0, &before[1].0);
    let moved = |input: &str| scratch.ask(&format!("mutation {{ moveFiles(input: {{{input}}}) }}"));
    let at = folder.join("birds").display().to_string();
    let answer = moved(&format!(
        "ids: [{second}], destination_folder: {at:?}, destination_basename: \"three.jpg\""
    ));
    assert_eq!(answer, json!({"data": {"moveFiles": true}}));
    assert!(folder.join("birds/three.jpg").exists() && !folder.join("two.jpg").exists());
    scan(&scratch);
    assert_eq!(files()[1], (second.clone(), "three.jpg".to_owned()));
    let refused = |input: &str, start: &str| {
        let answer = moved(input);
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with(start), "{message}");
    };
    let up = folder.join("birds/../../elsewhere").display().to_string();
    refused(&format!("ids: [{second}], destination_folder: {up:?}"), "folder path ");
    refused(&format!("ids: [{second}]"), "must specify destination folder");
    let named = "destination_basename: \"x.mp4\"";
    refused(
        &format!("ids: [{second}], destination_folder: {at:?}, {named}"),
        "file extension for x.mp4 is inconsistent",
    );
    refused(
        &format!("ids: [{first}, {second}], destination_folder: {at:?}, {named}"),
        "must specify one file",
    );
    let scan_outside = format!("mutation {{ metadataScan(input: {{paths: [{up:?}]}}) }}");
    assert!(scratch.ask(&scan_outside)["errors"][0]["message"].is_string());
    let primary = scratch.ask(&format!("mutation {{ deleteFiles(ids: [{first}]) }}"));
    let message = primary["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("cannot delete primary file "), "{message}");
    scratch.data(&format!("mutation {{ deleteFiles(ids: [{second}]) }}"));
    assert!(!folder.join("birds/three.jpg").exists() && folder.join("one.jpg").exists());
    assert_eq!(files().len(), 1);
    scan(&scratch);
    assert_eq!(files().len(), 1);
}
