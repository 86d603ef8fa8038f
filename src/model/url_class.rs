//! URL classes: what a person taught the library of a site's addresses.
//!
//! A class says which addresses it knows and what their one stored form is. [`UrlClasses`] holds
//! all of them and answers every question about an address, known or unknown.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::url::{self, UrlParts, normalise_authority, without_www};

/// One class, as it is given and kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlClass {
    /// 64 hexadecimal digits.
    pub url_class_key: String,
    /// What people call it.
    pub name: String,
    /// What its addresses lead to.
    pub url_type: UrlType,
    /// The scheme of the stored form.
    #[serde(default = "https")]
    pub preferred_scheme: String,
    /// The host.
    pub domain: String,
    /// Hosts below the domain belong to it too.
    #[serde(default)]
    pub match_subdomains: bool,
    /// The stored form keeps such a host.
    #[serde(default)]
    pub keep_matched_subdomains: bool,
    /// Between the slashes, in order.
    #[serde(default)]
    pub path_components: Vec<PathComponent>,
    /// After the question mark.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// One address may give several files.
    #[serde(default)]
    pub can_produce_multiple_files: bool,
    /// Files remember such addresses.
    #[serde(default = "yes")]
    pub should_be_associated_with_files: bool,
    /// Pattern and replacement that make the address really requested.
    #[serde(default)]
    pub api_url_regex: Option<(String, String)>,
}

fn https() -> String {
    "https".to_owned()
}

fn yes() -> bool {
    true
}

/// What an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlType {
    /// A page about one work.
    Post,
    /// A file itself.
    File,
    /// A list of works.
    Gallery,
    /// A page that grows.
    Watchable,
}

impl UrlType {
    /// The number in the Client API.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            UrlType::Post => 0,
            UrlType::File => 2,
            UrlType::Gallery => 3,
            UrlType::Watchable => 4,
        }
    }

    /// The name in the Client API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            UrlType::Post => "post url",
            UrlType::File => "file url",
            UrlType::Gallery => "gallery url",
            UrlType::Watchable => "watchable url",
        }
    }
}

/// The number of an address without a class.
pub const UNKNOWN_TYPE: u8 = 5;
/// The name of an address without a class, and of its type.
pub const UNKNOWN_NAME: &str = "unknown url";

/// What one text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextMatch {
    /// Equal to the value.
    Fixed,
    /// Digits only.
    Numeric,
    /// Anything.
    Any,
    /// The value, a regular expression, finds something in it.
    Regex,
}

/// A text between slashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathComponent {
    /// What it must be.
    #[serde(rename = "match")]
    pub kind: TextMatch,
    /// To compare with.
    #[serde(default)]
    pub value: Option<String>,
    /// May be missing at the end, and then is this.
    #[serde(default)]
    pub default: Option<String>,
}

/// A named text after the question mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Before the equals sign.
    pub name: String,
    /// What must be after it.
    #[serde(rename = "match")]
    pub kind: TextMatch,
    /// To compare with.
    #[serde(default)]
    pub value: Option<String>,
    /// May be missing, and then is this.
    #[serde(default)]
    pub default: Option<String>,
    /// Not part of the stored form; requests always carry its default.
    #[serde(default)]
    pub ephemeral: bool,
}

/// What is known of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlInfo {
    /// The stored form.
    pub normalised_url: String,
    /// The number of its type.
    pub url_type: u8,
    /// The name of its type.
    pub url_type_string: &'static str,
    /// The name of its class.
    pub match_name: String,
    /// Why no files can be read from it.
    pub cannot_parse_reason: String,
    /// The address that would be requested.
    pub request_url: String,
}

/// All classes, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct UrlClasses {
    classes: Vec<Compiled>,
}

#[derive(Clone, Debug)]
struct Compiled {
    class: UrlClass,
    path: Vec<Matcher>,
    parameters: Vec<Matcher>,
    converter: Option<(Regex, String)>,
}

#[derive(Clone, Debug)]
enum Matcher {
    Fixed(String),
    Numeric,
    Any,
    Regex(Regex),
}

/// An address taken apart the way classes look at it.
struct Address<'a> {
    parts: UrlParts<'a>,
    host: String,
    path: Vec<String>,
    parameters: BTreeMap<String, String>,
}

impl UrlClasses {
    /// Makes them ready.
    ///
    /// # Errors
    /// When a class lacks a value or a regular expression cannot be compiled; says which.
    pub fn new(classes: Vec<UrlClass>) -> Result<UrlClasses, String> {
        let classes = classes.into_iter().map(Compiled::new).collect::<Result<_, _>>()?;
        Ok(UrlClasses { classes })
    }

    /// The classes in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &UrlClass> {
        self.classes.iter().map(|compiled| &compiled.class)
    }

    /// The class of an address: of those that fit, the one that says most.
    #[must_use]
    pub fn find(&self, url: &str) -> Option<&UrlClass> {
        self.find_compiled(&Address::new(url)?).map(|compiled| &compiled.class)
    }

    /// The stored form of an address.
    #[must_use]
    pub fn normalise(&self, url: &str) -> String {
        let known = Address::new(url)
            .and_then(|address| Some(self.find_compiled(&address)?.form(&address, false)));
        known.unwrap_or_else(|| url::normalise(url))
    }

    /// The form sent to the site: as stored, with what only the site needs.
    #[must_use]
    pub fn for_server(&self, url: &str) -> String {
        let known = Address::new(url)
            .and_then(|address| Some(self.find_compiled(&address)?.form(&address, true)));
        known.unwrap_or_else(|| url::normalise(url))
    }

    /// Every stored form under which files of this address may be found.
    #[must_use]
    pub fn lookup_variants(&self, url: &str) -> Vec<String> {
        let mut all = url::variants(&self.normalise(url));
        for form in url::variants(&self.for_server(url)) {
            if !all.contains(&form) {
                all.push(form);
            }
        }
        all
    }

    /// Everything known of an address.
    #[must_use]
    pub fn info(&self, url: &str) -> UrlInfo {
        let Some(class) = self.find(url) else {
            let normalised_url = url::normalise(url);
            return UrlInfo {
                request_url: normalised_url.clone(),
                normalised_url,
                url_type: UNKNOWN_TYPE,
                url_type_string: UNKNOWN_NAME,
                match_name: UNKNOWN_NAME.to_owned(),
                cannot_parse_reason: "unknown url class".to_owned(),
            };
        };
        let (request_url, cannot_parse_reason) = self.request(url);
        UrlInfo {
            normalised_url: self.normalise(url),
            url_type: class.url_type.number(),
            url_type_string: class.url_type.name(),
            match_name: class.name.clone(),
            cannot_parse_reason,
            request_url,
        }
    }

    /// Follows converters to the address that is requested; and says why it cannot be read.
    fn request(&self, url: &str) -> (String, String) {
        let mut url = url.to_owned();
        let mut seen: Vec<String> = Vec::new();
        loop {
            let Some(address) = Address::new(&url) else {
                let reason = format!("Could not understand the converted URL {url}!");
                return (url, reason);
            };
            let Some(compiled) = self.find_compiled(&address) else {
                let reason = format!("Could not find a URL Class for the converted URL {url}!");
                return (url::normalise(&url), reason);
            };
            let name = &compiled.class.name;
            let Some((pattern, replacement)) = &compiled.converter else {
                let reason = format!("Could not find a parser for {name} URL Class!");
                return (compiled.form(&address, true), reason);
            };
            let normalised = compiled.form(&address, false);
            let next = pattern.replace_all(&normalised, replacement.as_str()).into_owned();
            if seen.contains(&next) {
                let reason = format!("The API links of {name} URL Class lead in a circle!");
                return (normalised, reason);
            }
            seen.push(next.clone());
            url = next;
        }
    }

    fn find_compiled(&self, address: &Address<'_>) -> Option<&Compiled> {
        // Of equals the first given wins, so the later one must be strictly better.
        let mut best: Option<(&Compiled, Rank)> = None;
        for compiled in self.classes.iter().filter(|compiled| compiled.fits(address)) {
            let rank = compiled.rank(address);
            if best.is_none_or(|(_, known)| rank > known) {
                best = Some((compiled, rank));
            }
        }
        best.map(|(compiled, _)| compiled)
    }
}

/// Length of the domain, required and all path components, required and all parameters, length
/// of the stored form.
type Rank = (usize, usize, usize, usize, usize, usize);

impl Compiled {
    fn new(class: UrlClass) -> Result<Compiled, String> {
        let matcher =
            |kind, value: &Option<String>| Matcher::new(kind, value.as_deref(), &class.name);
        let path = class
            .path_components
            .iter()
            .map(|one| matcher(one.kind, &one.value))
            .collect::<Result<_, _>>()?;
        let parameters = class
            .parameters
            .iter()
            .map(|one| matcher(one.kind, &one.value))
            .collect::<Result<_, _>>()?;
        let converter = match &class.api_url_regex {
            Some((pattern, replacement)) => {
                Some((compile(pattern, &class.name)?, rust_replacement(replacement)))
            }
            None => None,
        };
        Ok(Compiled { class, path, parameters, converter })
    }

    fn fits(&self, address: &Address<'_>) -> bool {
        self.fits_host(&address.host) && self.fits_path(address) && self.fits_parameters(address)
    }

    fn fits_host(&self, host: &str) -> bool {
        let domain = self.class.domain.to_lowercase();
        let fits = |host: &str| match host.strip_suffix(domain.as_str()) {
            Some("") => true,
            Some(front) => self.class.match_subdomains && front.ends_with('.'),
            None => false,
        };
        fits(host) || fits(without_www(host))
    }

    fn fits_path(&self, address: &Address<'_>) -> bool {
        self.path.iter().zip(&self.class.path_components).enumerate().all(
            |(index, (matcher, component))| match address.path.get(index) {
                Some(text) => matcher.fits(text),
                None => component.default.is_some(),
            },
        )
    }

    fn fits_parameters(&self, address: &Address<'_>) -> bool {
        self.parameters.iter().zip(&self.class.parameters).all(|(matcher, parameter)| match address
            .parameters
            .get(&parameter.name)
        {
            Some(text) => matcher.fits(text),
            None => parameter.default.is_some() || parameter.ephemeral,
        })
    }

    fn rank(&self, address: &Address<'_>) -> Rank {
        let class = &self.class;
        let required_path =
            class.path_components.iter().filter(|one| one.default.is_none()).count();
        let required_parameters =
            class.parameters.iter().filter(|one| one.default.is_none()).count();
        (
            class.domain.len(),
            required_path,
            class.path_components.len(),
            required_parameters,
            class.parameters.len(),
            self.form(address, false).len(),
        )
    }

    /// The stored form, or the one for the site.
    fn form(&self, address: &Address<'_>, for_server: bool) -> String {
        let class = &self.class;
        let host = if class.keep_matched_subdomains {
            normalise_authority(address.parts.authority)
        } else {
            class.domain.clone()
        };
        let path: Vec<&str> = class
            .path_components
            .iter()
            .enumerate()
            .filter_map(|(index, component)| {
                let text = address.path.get(index).map(String::as_str);
                text.or(component.default.as_deref())
            })
            .collect();
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        for parameter in &class.parameters {
            let given = address.parameters.get(&parameter.name).map(String::as_str);
            let default = parameter.default.as_deref();
            let value = match (parameter.ephemeral, for_server) {
                (false, _) => given.or(default),
                (true, true) => default.or(given),
                (true, false) => None,
            };
            parameters.extend(value.map(|value| (parameter.name.as_str(), value)));
        }
        parameters.sort_unstable();
        let query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let (scheme, path, query) = (&class.preferred_scheme, path.join("/"), query.join("&"));
        format!("{scheme}://{host}/{path}{mark}{query}")
    }
}

impl Matcher {
    fn new(kind: TextMatch, value: Option<&str>, class: &str) -> Result<Matcher, String> {
        let missing = || format!("{class}: a match without a value");
        Ok(match kind {
            TextMatch::Fixed => Matcher::Fixed(value.ok_or_else(missing)?.to_owned()),
            TextMatch::Numeric => Matcher::Numeric,
            TextMatch::Any => Matcher::Any,
            TextMatch::Regex => Matcher::Regex(compile(value.ok_or_else(missing)?, class)?),
        })
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Matcher::Fixed(value) => value == text,
            Matcher::Numeric => !text.is_empty() && text.bytes().all(|sign| sign.is_ascii_digit()),
            Matcher::Any => true,
            Matcher::Regex(regex) => regex.is_match(text),
        }
    }
}

fn compile(pattern: &str, class: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| format!("{class}: {error}"))
}

/// References are written `\1` and `\g<name>`; a dollar sign is one.
fn rust_replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        rest = &rest[sign.len_utf8()..];
        match sign {
            '$' => out.push_str("$$"),
            '\\' => {
                let digits =
                    rest.len() - rest.trim_start_matches(|one: char| one.is_ascii_digit()).len();
                if digits > 0 {
                    out.push_str(&format!("${{{}}}", &rest[..digits]));
                    rest = &rest[digits..];
                } else if let Some((name, after)) =
                    rest.strip_prefix("g<").and_then(|rest| rest.split_once('>'))
                {
                    out.push_str(&format!("${{{name}}}"));
                    rest = after;
                } else {
                    out.push('\\');
                }
            }
            other => out.push(other),
        }
    }
    out
}

impl<'a> Address<'a> {
    fn new(url: &'a str) -> Option<Address<'a>> {
        let parts = url::split(url)?;
        let host = normalise_authority(parts.authority).to_lowercase();
        let path = parts.path.trim_start_matches('/').trim_end_matches('/');
        // Nothing is decoded here: what the address encodes stays so, in the normalised one too.
        let path =
            if path.is_empty() { Vec::new() } else { path.split('/').map(str::to_owned).collect() };
        let parameters = parts
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Address { parts, host, path, parameters })
    }
}

#[cfg(test)]
mod tests;
