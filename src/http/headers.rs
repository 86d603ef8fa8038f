//! Header fields: ordered, compared without regard to case, several values of one name allowed.

use std::fmt;

/// The header fields of a request or an answer, in order.
///
/// Values are bytes on the wire; [`Headers::get`] sees only those that are UTF-8. Whether a name or
/// value may be sent is checked once, where the answer is put on the wire: a bad one is left out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    entries: Vec<(String, Vec<u8>)>,
}

impl Headers {
    /// No headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// The first value of this name, if it is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_bytes(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of this name.
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        self.iter_bytes().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All values of this name that are text.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether the name occurs.
    pub fn contains(&self, name: &str) -> bool {
        self.get_bytes(name).is_some()
    }

    /// Replaces all values of this name by one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.remove(&name);
        self.entries.push((name, value.into().into_bytes()));
    }

    /// Sets the value unless the name occurs already.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        if !self.contains(name) {
            self.append(name, value.into());
        }
    }

    /// Adds a value after those of the same name.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.entries.push((name.into(), value.into()));
    }

    /// Removes all values of this name.
    pub fn remove(&mut self, name: &str) {
        self.entries.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }

    /// Names and values that are text, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter_bytes()
            .filter_map(|(name, value)| std::str::from_utf8(value).ok().map(|value| (name, value)))
    }

    /// Names and values, in order.
    pub fn iter_bytes(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Whether a comma-separated header holds this token (`Connection: keep-alive, Upgrade`).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.get_all(name)
            .flat_map(|value| value.split(','))
            .any(|one| one.trim().eq_ignore_ascii_case(token))
    }

    /// The media type of `Content-Type` in lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        let value = self.get("content-type")?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
    }

    /// The value of a cookie of the request.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.get_all("cookie")
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .find(|(own, _)| own.trim() == name)
            .map(|(_, value)| value.trim())
    }
}

impl fmt::Debug for Headers {
    /// Names only: values may be keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.entries.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_the_first_value_counts() {
        let mut headers = Headers::new();
        headers.append("Accept", "a");
        headers.append("ACCEPT", "b");
        assert_eq!(headers.get("accept"), Some("a"));
        assert_eq!(headers.get_all("accept").collect::<Vec<_>>(), ["a", "b"]);
        headers.set("accept", "c");
        assert_eq!(headers.get_all("Accept").collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn tokens_cookies_and_media_types_are_taken_apart() {
        let mut headers = Headers::new();
        headers.set("Connection", "keep-alive, Upgrade");
        headers.set("Cookie", "a=1; session=x=y ;b=2");
        headers.set("Content-Type", "Application/JSON; charset=utf-8");
        assert!(headers.has_token("connection", "upgrade"));
        assert!(!headers.has_token("connection", "keep"));
        assert_eq!(headers.cookie("session"), Some("x=y"));
        assert_eq!(headers.cookie("c"), None);
        assert_eq!(headers.media_type().as_deref(), Some("application/json"));
    }

    #[test]
    fn debug_output_never_shows_values() {
        let mut headers = Headers::new();
        headers.set("Access-Key", "secret");
        assert!(!format!("{headers:?}").contains("secret"));
    }
}
