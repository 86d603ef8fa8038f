//! Recorded addresses, and what recordings do not reach.

use proptest::prelude::*;

use super::*;

/// Address, stored form; and where they were asked for, type, name, reason and request.
type Known = (String, String, Option<u8>, Option<String>, Option<String>, Option<String>);

#[derive(Deserialize)]
struct Recorded {
    classes: Vec<UrlClass>,
    class_urls: Vec<Known>,
    plain_urls: Vec<(String, String)>,
}

fn recorded() -> (UrlClasses, Recorded) {
    let recorded: Recorded =
        serde_json::from_str(include_str!("../testdata/urls.json")).expect("the fixture is sound");
    (UrlClasses::new(recorded.classes.clone()).expect("sound classes"), recorded)
}

#[test]
fn addresses_are_known_as_recorded() {
    let (classes, recorded) = recorded();
    for (url, normalised, number, name, reason, request) in recorded.class_urls {
        // A query is decoded once more than it was encoded when these were recorded.
        let url = percent_encoding::percent_decode_str(&url).decode_utf8_lossy();
        let info = classes.info(&url);
        assert_eq!(info.normalised_url, normalised, "{url}");
        let ours = (info.url_type, info.match_name, info.cannot_parse_reason, info.request_url);
        if let (Some(number), Some(name), Some(reason), Some(request)) =
            (number, name, reason, request)
        {
            assert_eq!(ours, (number, name, reason, request), "{url}");
        }
    }
}

#[test]
fn unknown_addresses_are_stored_as_recorded() {
    let none = UrlClasses::default();
    for (url, normalised) in recorded().1.plain_urls {
        assert_eq!(none.normalise(&url), normalised, "{url}");
    }
}

fn class(json: serde_json::Value) -> UrlClass {
    serde_json::from_value(json).expect("a class")
}

#[test]
fn the_class_that_says_most_wins() {
    let any = class(serde_json::json!({
        "url_class_key": "01", "name": "any", "url_type": "gallery", "domain": "example.org",
        "path_components": [{"match": "any"}]
    }));
    let more = class(serde_json::json!({
        "url_class_key": "02", "name": "more", "url_type": "post", "domain": "example.org",
        "path_components": [{"match": "fixed", "value": "posts"}, {"match": "numeric"}]
    }));
    let classes = UrlClasses::new(vec![any, more]).expect("sound");
    let name = |url: &str| classes.find(url).map(|class| class.name.clone());
    assert_eq!(name("https://example.org/posts/5").as_deref(), Some("more"));
    assert_eq!(name("https://www2.example.org/posts/x").as_deref(), Some("any"));
    assert_eq!(name("https://img.example.org/posts/5"), None);
    assert_eq!(name("https://example.org/"), None);
}

#[test]
fn converters_that_lead_in_a_circle_end() {
    let circle = class(serde_json::json!({
        "url_class_key": "01", "name": "circle", "url_type": "post", "domain": "example.org",
        "path_components": [{"match": "any"}], "api_url_regex": ["(\\w+)$", "\\1"]
    }));
    let classes = UrlClasses::new(vec![circle]).expect("sound");
    let info = classes.info("https://example.org/a");
    assert_eq!(info.request_url, "https://example.org/a");
    assert!(info.cannot_parse_reason.contains("circle"));
}

#[test]
fn replacements_speak_of_groups() {
    assert_eq!(rust_replacement(r"\1-\g<name>$x"), "${1}-${name}$$x");
    assert_eq!(rust_replacement(".json"), ".json");
}

#[test]
fn unsound_classes_are_refused() {
    let with = |component: serde_json::Value| {
        UrlClasses::new(vec![class(serde_json::json!({
            "url_class_key": "01", "name": "x", "url_type": "post", "domain": "example.org",
            "path_components": [component]
        }))])
    };
    assert!(with(serde_json::json!({"match": "fixed"})).is_err());
    assert!(with(serde_json::json!({"match": "regex", "value": "("})).is_err());
    assert!(serde_json::from_str::<UrlClass>(r#"{"name": "x"}"#).is_err());
}

#[test]
fn lookups_know_the_other_forms() {
    let (classes, _) = recorded();
    let forms = classes.lookup_variants("http://www.sub.example/post/5");
    assert_eq!(forms.first().map(String::as_str), Some("https://sub.example/post/5?view=full"));
    assert!(forms.contains(&"http://sub.example/post/5?token=zzz&view=full".to_owned()));
}

#[test]
fn what_is_encoded_stays_so() {
    let gallery = class(serde_json::json!({
        "url_class_key": "01", "name": "gallery", "url_type": "gallery", "domain": "example.org",
        "path_components": [{"match": "any"}],
        "parameters": [{"name": "tags", "match": "any", "default": null, "ephemeral": false}]
    }));
    let classes = UrlClasses::new(vec![gallery]).expect("sound");
    for url in ["a%20b?tags=a%20b", "a b?tags=a b", "%C3%A9?tags=%28%C3%A9%29", "é?tags=x:y"] {
        let url = format!("https://example.org/{url}");
        assert_eq!(classes.normalise(&url), url);
    }
}

proptest! {
    #[test]
    fn the_stored_form_is_its_own(path in "[a-z0-9/%?=&.]{0,16}") {
        let (classes, _) = recorded();
        let once = classes.normalise(&format!("https://sub.example/post/{path}"));
        prop_assert_eq!(classes.normalise(&once), once.clone());
    }
}
