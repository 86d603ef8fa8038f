//! The point of it all: what is done through one door shows through the other in the next request,
//! for an uploaded picture and a scanned video.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{MY_TAGS, Server, ask};

/// A GraphQL request's data; an error is a failure of the test.
fn graphql(server: &Server, query: &str, variables: Value) -> Value {
    let body = json!({"query": query, "variables": variables}).to_string();
    let answer = ask(&server.stash, "POST", "/graphql", "application/json", body.as_bytes());
    let (status, body) = answer.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(status == 200 && body.get("errors").is_none(), "{query}: {status} {body}");
    body["data"].clone()
}

fn hydrus_post(server: &Server, path: &str, body: &Value) {
    let text = body.to_string();
    let answer = ask(&server.hydrus, "POST", path, "application/json", text.as_bytes());
    assert_eq!(answer.unwrap().0, 200, "{path} {body}");
}

fn hydrus_get(server: &Server, target: &str) -> Value {
    let (status, body) = ask(&server.hydrus, "GET", target, "text/plain", b"").unwrap();
    assert_eq!(status, 200, "{target}");
    serde_json::from_slice(&body).unwrap()
}

fn metadata(server: &Server, id: &str) -> Value {
    hydrus_get(server, &format!("/get_files/file_metadata?file_id={id}"))["metadata"][0].clone()
}

/// The ids that a Hydrus search for one tag finds.
fn tagged(server: &Server, tag: &str) -> Vec<String> {
    let tags = tag.replace(':', "%3A").replace(' ', "%20");
    let found = hydrus_get(server, &format!("/get_files/search_files?tags=%5B%22{tags}%22%5D"));
    found["file_ids"].as_array().unwrap().iter().map(Value::to_string).collect()
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/media").join(name)
}

/// A server with one scanned video and one uploaded picture; their ids.
fn library(name: &str) -> (Server, String, String) {
    let (data, films) =
        (crate::common::folder(name), crate::common::folder(&format!("{name}-films")));
    let video = films.join("harbour.mp4");
    std::fs::copy(fixture("v01_h264_aac.mp4"), video).unwrap();
    let server = Server::start(&data, &["--library", films.to_str().unwrap()]);
    let picture = std::fs::read(fixture("b01_shapes_800x600.png")).unwrap();
    let kind = "application/octet-stream";
    let answer = ask(&server.hydrus, "POST", "/add_files/add_file", kind, &picture).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer.1).unwrap()["status"], 1);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = graphql(&server, "{findScenes{scenes{id}} findImages{images{id}}}", json!({}));
        let id = |list: &Value| list[0]["id"].as_str().map(str::to_owned);
        let scene = id(&found["findScenes"]["scenes"]);
        let image = id(&found["findImages"]["images"]);
        if let (Some(scene), Some(image)) = (scene, image) {
            return (server, scene, image);
        }
        assert!(Instant::now() < deadline, "the scan did not end: {found}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_tag_added_through_hydrus_is_found_through_stash() {
    let (server, scene, image) = library("doors-tags");
    for id in [&scene, &image] {
        let id: u32 = id.parse().unwrap();
        let tags = json!({MY_TAGS: ["grey heron", "performer:ann reed", "studio:river films"]});
        let body = json!({"file_id": id, "service_keys_to_tags": tags});
        hydrus_post(&server, "/add_tags/add_tags", &body);
    }
    let found = graphql(
        &server,
        "{findTags(tag_filter:{name:{value:\"grey heron\",modifier:EQUALS}})
            {tags{id scene_count image_count}}
          findPerformers{performers{id name scene_count image_count}}}",
        json!({}),
    );
    let tag = &found["findTags"]["tags"][0];
    assert_eq!((&tag["scene_count"], &tag["image_count"]), (&json!(1), &json!(1)));
    let performer = &found["findPerformers"]["performers"][0];
    assert_eq!((&performer["name"], &performer["scene_count"]), (&json!("ann reed"), &json!(1)));
    let by_tag = graphql(
        &server,
        "query($tag:[ID!]){
          findScenes(scene_filter:{tags:{value:$tag,modifier:INCLUDES}})
            {count scenes{id studio{name} tags{name}}}
          findImages(image_filter:{tags:{value:$tag,modifier:INCLUDES}}){count images{id}}}",
        json!({"tag": [tag["id"]]}),
    );
    assert_eq!(by_tag["findScenes"]["scenes"][0]["id"], json!(scene));
    assert_eq!(by_tag["findScenes"]["scenes"][0]["studio"]["name"], "river films");
    assert_eq!(by_tag["findImages"]["images"][0]["id"], json!(image));
}

#[test]
fn a_tag_added_through_stash_is_found_through_hydrus() {
    let (server, scene, image) = library("doors-back");
    let made = graphql(&server, "mutation{tagCreate(input:{name:\"Steam Train\"}){id}}", json!({}));
    let tag = &made["tagCreate"]["id"];
    graphql(
        &server,
        "mutation($scene:ID!,$image:ID!,$tags:[ID!]){
          sceneUpdate(input:{id:$scene,tag_ids:$tags,title:\"Departure\"}){id title}
          imageUpdate(input:{id:$image,tag_ids:$tags}){id}}",
        json!({"scene": scene, "image": image, "tags": [tag]}),
    );
    let mut both = vec![scene.clone(), image];
    both.sort_by_key(|id| id.parse::<u32>().unwrap());
    let mut found = tagged(&server, "steam train");
    found.sort_by_key(|id| id.parse::<u32>().unwrap());
    assert_eq!(found, both);
    let notes = hydrus_get(
        &server,
        &format!("/get_files/file_metadata?file_id={scene}&include_notes=true"),
    );
    assert_eq!(notes["metadata"][0]["notes"]["title"], "Departure");
}

#[test]
fn archived_is_organized_both_ways() {
    let (server, scene, image) = library("doors-archive");
    let id: u32 = scene.parse().unwrap();
    hydrus_post(&server, "/add_files/archive_files", &json!({"file_id": id}));
    let query = "query($id:ID!){findScene(id:$id){organized}}";
    assert_eq!(graphql(&server, query, json!({"id": scene}))["findScene"]["organized"], true);
    let mutation = "mutation($id:ID!){imageUpdate(input:{id:$id,organized:true}){organized}}";
    graphql(&server, mutation, json!({"id": image}));
    assert_eq!(metadata(&server, &image)["is_inbox"], false);
}

#[test]
fn what_stash_deletes_with_its_file_is_deleted_in_hydrus() {
    let (server, scene, image) = library("doors-delete");
    let mutation = "mutation($scene:ID!,$image:ID!){
        sceneDestroy(input:{id:$scene,delete_file:true})
        imageDestroy(input:{id:$image,delete_file:true})}";
    graphql(&server, mutation, json!({"scene": scene, "image": image}));
    for id in [scene, image] {
        let file = metadata(&server, &id);
        assert_eq!((&file["is_local"], &file["is_deleted"]), (&json!(false), &json!(true)), "{id}");
    }
    let left = graphql(&server, "{findScenes{count} findImages{count}}", json!({}));
    assert_eq!(left, json!({"findScenes": {"count": 0}, "findImages": {"count": 0}}));
}
