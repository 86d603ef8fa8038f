//! Compression of answers: JSON above a size, for clients that take gzip. Media never is.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Headers, Response, ResponseBody};

/// Whether a client takes gzip, by its `Accept-Encoding`.
pub(super) fn is_accepted(headers: &Headers) -> bool {
    let mut any = false;
    for offer in headers.get_all("accept-encoding").flat_map(|value| value.split(',')) {
        let mut parts = offer.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let is_taken = weight.is_none_or(|weight| weight.parse().is_ok_and(|q: f32| q > 0.0));
        match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return is_taken,
            "*" => any = is_taken,
            _ => {}
        }
    }
    any
}

/// The answer compressed, if it is JSON of at least `from_bytes` (0: never) and the client accepts.
pub(super) async fn compressed(
    mut answer: Response,
    accepted: bool,
    from_bytes: usize,
) -> Response {
    let ResponseBody::Bytes(bytes) = &answer.body else { return answer };
    let headers = &answer.headers;
    let is_json = headers
        .media_type()
        .is_some_and(|essence| essence == "application/json" || essence.ends_with("+json"));
    // What has a validator or is a part is of exactly these bytes.
    let is_fixed = ["content-encoding", "content-range", "etag"].map(|name| headers.contains(name));
    if !is_json || from_bytes == 0 || bytes.len() < from_bytes || is_fixed.contains(&true) {
        return answer;
    }
    answer.headers.append("Vary", "Accept-Encoding");
    if !accepted {
        return answer;
    }
    let plain = bytes.clone();
    // A megabyte takes milliseconds: not on a thread that others wait for.
    match tokio::task::spawn_blocking(move || gzip(&plain)).await {
        Ok(Ok(packed)) => {
            answer.headers.remove("Content-Length");
            answer.headers.set("Content-Encoding", "gzip");
            answer.with_body(ResponseBody::Bytes(Bytes::from(packed)))
        }
        // Plain is right as well.
        Ok(Err(_)) | Err(_) => answer,
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    packer.write_all(plain)?;
    packer.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn gzip_is_taken_where_the_client_says_so() {
        let check = |value: &str, expected: bool| {
            let mut headers = Headers::new();
            headers.set("Accept-Encoding", value);
            assert_eq!(is_accepted(&headers), expected, "{value}");
        };
        check("gzip, deflate", true);
        check("br, GZIP;q=0.5", true);
        check("*", true);
        check("gzip;q=0, *", false);
        check("gzip;q=0.000", false);
        check("*;q=0, gzip", true);
        check("br, deflate", false);
        check("", false);
        assert!(!is_accepted(&Headers::new()));
    }

    #[tokio::test]
    async fn large_json_is_compressed_and_nothing_else() {
        let plain = format!("{{\"bird\": \"{}\"}}", "heron ".repeat(400));
        let json = || Response::json(plain.clone());
        let packed = compressed(json(), true, 1024).await;
        assert_eq!(packed.headers.get("content-encoding"), Some("gzip"));
        assert_eq!(packed.headers.get("vary"), Some("Accept-Encoding"));
        let bytes = packed.into_bytes().await.unwrap();
        assert!(bytes.len() < plain.len() / 4);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain);

        let graphql =
            Response::bytes("application/graphql-response+json; charset=utf-8", plain.clone());
        assert!(compressed(graphql, true, 1024).await.headers.contains("content-encoding"));
        for answer in [
            compressed(json(), false, 1024).await,
            compressed(json(), true, 0).await,
            compressed(json(), true, plain.len() + 1).await,
            compressed(Response::bytes("image/png", plain.clone()), true, 1024).await,
            compressed(json().with_header("ETag", "\"1\""), true, 1024).await,
        ] {
            assert!(!answer.headers.contains("content-encoding"));
            assert_eq!(answer.into_bytes().await.unwrap(), plain);
        }
    }
}
