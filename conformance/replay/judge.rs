//! Whether an answer is the one expected, by the class of the record.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::image_size::image_size;
use crate::replay::compare::{Comparison, clock, short};
use crate::replay::context::{Context, plain};
use crate::replay::record::{Expect, hex};
use crate::wire::Answer;

/// The members that every error carries.
const ERROR_KEYS: [&str; 5] =
    ["error", "exception_type", "hydrus_version", "status_code", "version"];

/// What was found: the differences (none: passed) and whether an error's words are the same too.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) differences: Vec<String>,
    pub(crate) same_wording: Option<bool>,
}

/// Judges one answer. `method` and `api` are those of the request.
pub(crate) fn judge(
    context: &mut Context,
    (method, api): (&str, &str),
    expect: &Expect,
    answer: &Answer,
) -> Verdict {
    let mut verdict = Verdict::default();
    let instead = expect.members.get("instead").and_then(Value::as_array);
    let status = Value::from(answer.status);
    if instead.is_some_and(|statuses| statuses.contains(&status)) {
        return verdict;
    }
    if expect.status != Some(answer.status) {
        let wanted = expect.status.map_or("none".to_owned(), |status| status.to_string());
        let others = instead.map(|list| format!(" or one of {list:?}")).unwrap_or_default();
        let body = String::from_utf8_lossy(&answer.body);
        let body: String = body.chars().take(160).collect();
        let note = format!("status: expected {wanted}{others}, got {} {body}", answer.status);
        verdict.differences.push(note);
        return verdict;
    }
    if expect.class == "skip" {
        return verdict;
    }
    let decoded = if method == "HEAD" { Ok(None) } else { answer.decoded() };
    let body = decoded.unwrap_or_else(|error| {
        verdict.differences.push(error);
        None
    });
    judge_head(expect, answer, &mut verdict);
    match expect.class.as_str() {
        "error" => judge_error(expect, body.as_ref(), &mut verdict),
        "status-only" => judge_loosely(expect, answer, body.as_ref(), &mut verdict),
        _ => judge_exactly(context, api, expect, answer, body, &mut verdict),
    }
    verdict
}

fn judge_head(expect: &Expect, answer: &Answer, verdict: &mut Verdict) {
    let wanted = expect.members["type"].as_str().unwrap_or("any");
    let kind = answer.media_type();
    let family = wanted.strip_suffix('*').is_some_and(|family| kind.starts_with(family));
    if wanted != "any" && kind != wanted && !family {
        verdict.differences.push(format!("content-type: expected {wanted}, got {kind:?}"));
    }
    for (name, value) in expect.members["headers"].as_object().into_iter().flatten() {
        let got = answer.header(name);
        let set = |text: &str| {
            let mut parts: Vec<String> =
                text.split(',').map(|part| part.trim().to_owned()).collect();
            parts.sort();
            parts
        };
        if set(&plain(value)) != set(got.as_deref().unwrap_or_default()) {
            verdict.differences.push(format!("header {name}: expected {value}, got {got:?}"));
        }
    }
}

fn judge_error(expect: &Expect, body: Option<&Value>, verdict: &mut Verdict) {
    let Some(Value::Object(body)) = body else {
        verdict.differences.push("the error is no JSON object".to_owned());
        return;
    };
    let wanted = &expect.members["json"];
    let got = body.get("exception_type").cloned().unwrap_or_default();
    if let Some(kind) = wanted.get("exception_type") {
        let missing = [json!("NotFoundException"), json!("FileMissingException")];
        let either = expect.members.get("any_not_found") == Some(&json!(true));
        if got != *kind && !(either && missing.contains(&got)) {
            verdict.differences.push(format!("exception_type: expected {kind}, got {got}"));
        }
    }
    // Left out means: the same number as the status.
    let code = wanted.get("status_code").cloned().unwrap_or_else(|| json!(expect.status));
    let got = body.get("status_code").cloned().unwrap_or_default();
    if !code.is_null() && code != got {
        verdict.differences.push(format!("status_code: expected {code}, got {got}"));
    }
    let words = body.get("error").and_then(Value::as_str).unwrap_or_default();
    if words.is_empty() {
        verdict.differences.push("the error has no text".to_owned());
    }
    if let Some(text) = wanted.get("error").and_then(Value::as_str) {
        verdict.same_wording = Some(words.chars().take(300).eq(text.chars()));
    }
    let keys = wanted.get("keys").and_then(Value::as_array);
    let keys = keys.map_or_else(
        || ERROR_KEYS.map(str::to_owned).to_vec(),
        |keys| keys.iter().map(plain).collect(),
    );
    for key in keys.iter().filter(|key| !body.contains_key(*key)) {
        verdict.differences.push(format!("the member {key} is absent"));
    }
}

fn judge_loosely(expect: &Expect, answer: &Answer, body: Option<&Value>, verdict: &mut Verdict) {
    for (key, kind) in expect.members["json_keys"].as_object().into_iter().flatten() {
        let member = body.and_then(|body| body.get(key));
        let fits = member.is_some_and(|member| match kind.as_str() {
            Some("array") => member.is_array(),
            Some("object") => member.is_object(),
            _ => member.is_string(),
        });
        if !fits {
            verdict.differences.push(format!("{key}: expected a JSON {kind}"));
        }
    }
    if let Some(size) = expect.members.get("dims")
        && let Some((width, height)) = image_size(&answer.body)
        && *size != json!([width, height])
    {
        verdict.differences.push(format!("image size: expected {size}, got {width} x {height}"));
    }
}

fn judge_exactly(
    context: &mut Context,
    api: &str,
    expect: &Expect,
    answer: &Answer,
    body: Option<Value>,
    verdict: &mut Verdict,
) {
    let members = &expect.members;
    if members.get("empty") == Some(&json!(true)) && !answer.body.is_empty() {
        let got: String = String::from_utf8_lossy(&answer.body).chars().take(120).collect();
        verdict.differences.push(format!("body: expected none, got {got}"));
    }
    if let Some(hash) = members.get("sha256").and_then(Value::as_str)
        && hex(&Sha256::digest(&answer.body)) != hash
    {
        let (wanted, got) = (&members["length"], answer.body.len());
        verdict.differences.push(format!("bytes differ: expected {wanted}, got {got}"));
    }
    if let Some(text) = members.get("text").and_then(Value::as_str)
        && !String::from_utf8_lossy(&answer.body).chars().take(300).eq(text.chars())
    {
        verdict.differences.push("the text differs".to_owned());
    }
    let Some(wanted) = members.get("json") else { return };
    if let Some([from, until]) = members["valid"].as_array().map(Vec::as_slice)
        && !(from.as_f64() <= Some(clock()) && Some(clock()) <= until.as_f64())
    {
        // A claim about a span of time that has passed: the head alone is judged.
        return;
    }
    if members.get("body") == Some(&json!("cbor")) && !answer.media_type().contains("cbor") {
        verdict.differences.push("expected CBOR".to_owned());
    }
    let Some(mut body) = body else {
        let kind = answer.media_type();
        verdict.differences.push(format!("expected {}, got {kind:?}", short(wanted)));
        return;
    };
    if api.ends_with("get_popups") {
        keep_own_jobs(context, &mut body);
    }
    let groups = members.get("groups").and_then(Value::as_array);
    let groups = groups.map(|groups| groups.iter().filter_map(Value::as_i64).collect());
    let mut comparison = Comparison::new(context, api, groups);
    let same = comparison.same(wanted, &body);
    debug_assert_eq!(same, comparison.differences.is_empty(), "every difference is noted");
    verdict.differences.append(&mut comparison.differences);
}

/// Only the jobs that the recording made are its business.
fn keep_own_jobs(context: &Context, body: &mut Value) {
    let own = |job: &Value| {
        job.get("key").is_some_and(|key| {
            context.vars.iter().any(|(name, value)| name.starts_with("$var:job") && value == key)
        })
    };
    if let Some(jobs) = body.get_mut("job_statuses").and_then(Value::as_array_mut) {
        jobs.retain(own);
    }
}
