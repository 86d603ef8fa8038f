//! Reading titles, dates and names from the names of files, by a pattern with fields in braces.

use std::rc::Rc;

use regex::{Regex, RegexBuilder};

use super::scene::Scene;
use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Map, Object, Resolved};
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, TagId};
use crate::model::natural::natural_key;

/// The fields that take a value, with what they match.
const FIELDS: &[(&str, &str)] = &[
    ("title", "(.*)"),
    ("performer", "(.*)"),
    ("studio", "(.*)"),
    ("movie", "(.*)"),
    ("tag", "(.*)"),
    ("rating", r"(\d)"),
    ("rating100", r"(\d{1,3})"),
    ("date", r"(\d{4}-\d{2}-\d{2})"),
    ("yyyy", r"(\d{4})"),
    ("yy", r"(\d{2})"),
    ("mm", r"(\d{2})"),
    ("mmm", r"(\w{3})"),
    ("dd", r"(\d{2})"),
    ("yyyymmdd", r"(\d{8})"),
    ("ddmmyyyy", r"(\d{8})"),
    ("mmddyyyy", r"(\d{8})"),
    ("yymmdd", r"(\d{6})"),
    ("ddmmyy", r"(\d{6})"),
    ("mmddyy", r"(\d{6})"),
];

/// Dates in one piece: where year, month and day begin, and the digits of the year.
const WHOLE_DATES: &[(&str, [usize; 3], usize)] = &[
    ("date", [0, 5, 8], 4),
    ("yyyymmdd", [0, 4, 6], 4),
    ("ddmmyyyy", [4, 2, 0], 4),
    ("mmddyyyy", [4, 0, 2], 4),
    ("yymmdd", [0, 2, 4], 2),
    ("ddmmyy", [4, 2, 0], 2),
    ("mmddyy", [4, 0, 2], 2),
];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A pattern, ready to read names.
pub(super) struct Pattern {
    regex: Regex,
    source: String,
    fields: Vec<&'static str>,
    whole_path: bool,
    whitespace: String,
    capitalize: bool,
}

/// What a pattern read: texts by field, in the order of the pattern.
type Values = Vec<(&'static str, String)>;

impl Pattern {
    /// Reads a pattern.
    pub(super) fn new(text: &str, config: &Map) -> Result<Pattern, FieldError> {
        let words = config.strs("ignoreWords").unwrap_or_default();
        let words: Vec<String> =
            words.iter().map(|w| regex::escape(w.trim())).filter(|w| !w.is_empty()).collect();
        let ignored =
            if words.is_empty() { String::new() } else { format!("(?:{})", words.join("|")) };
        let (mut source, mut fields, mut invalid) = (String::new(), Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(sign) = rest.chars().next() {
            let closing = rest.find('}').filter(|_| sign == '{');
            let name = closing
                .map(|at| &rest[1..at])
                .filter(|name| name.chars().all(|sign| sign.is_ascii_alphanumeric()));
            let Some(name) = name else {
                if "-.()[]".contains(sign) {
                    source.push('\\');
                }
                source.push(sign);
                rest = &rest[sign.len_utf8()..];
                continue;
            };
            rest = &rest[name.len() + 2..];
            match (name, FIELDS.iter().find(|(field, _)| *field == name)) {
                ("", _) => source.push_str(".*"),
                ("ext", _) => source.push_str(".*$"),
                ("d", _) => source.push_str(r"(?:\.|-|_)"),
                ("i", _) => source.push_str(&ignored),
                (_, Some((field, matched))) => {
                    source.push_str(matched);
                    fields.push(*field);
                }
                (_, None) => invalid.push(format!("{{{name}}}")),
            }
        }
        if !invalid.is_empty() {
            return Err(FieldError::new(format!("Invalid fields: {}", invalid.join(", "))));
        }
        let regex = RegexBuilder::new(&source).case_insensitive(true).build();
        Ok(Pattern {
            regex: regex.map_err(FieldError::new)?,
            whole_path: text.contains(['/', '\\']),
            source,
            fields,
            whitespace: config.str("whitespaceCharacters").unwrap_or_default().to_owned(),
            capitalize: config.bool("capitalizeTitle").unwrap_or(false),
        })
    }

    /// The pattern that paths are chosen by.
    pub(super) fn path_regex(&self) -> String {
        format!("(?i){}", self.source)
    }

    /// What it reads of a path; `None` when it does not match.
    pub(super) fn read(&self, path: &str) -> Option<Values> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let found = self.regex.captures(if self.whole_path { path } else { name })?;
        let mut values = Values::new();
        for (place, field) in self.fields.iter().enumerate() {
            // A group of its own in the pattern would take the place of a field.
            let text = found.get(place + 1).map_or("", |part| part.as_str());
            let text = if *field == "title" { self.title(text) } else { text.to_owned() };
            values.push((field, text));
        }
        Some(values)
    }

    fn title(&self, text: &str) -> String {
        let spaced: String =
            text.chars().map(|s| if self.whitespace.contains(s) { ' ' } else { s }).collect();
        let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
        if !self.capitalize {
            return words.join(" ");
        }
        let capital = |word: &&str| {
            let mut signs = word.chars();
            signs.next().map_or(String::new(), |s| s.to_uppercase().chain(signs).collect())
        };
        words.iter().map(capital).collect::<Vec<_>>().join(" ")
    }
}

/// The date that the fields tell.
fn date_of(values: &Values) -> Option<String> {
    let value = |name: &str| values.iter().find(|(field, _)| *field == name).map(|row| &*row.1);
    let valid = |year: &str, month: &str, day: &str| {
        let year = if year.len() == 2 { format!("20{year}") } else { year.to_owned() };
        let date = format!("{year}-{month}-{day}");
        let in_range = year.parse().is_ok_and(|year: u16| (1900..=2100).contains(&year));
        (in_range && date.parse::<jiff::civil::Date>().is_ok()).then_some(date)
    };
    for (name, [year, month, day], digits) in WHOLE_DATES {
        if let Some(text) = value(name) {
            let part = |at: usize, length: usize| text.get(at..at + length);
            return valid(part(*year, *digits)?, part(*month, 2)?, part(*day, 2)?);
        }
    }
    let month = match value("mmm") {
        Some(name) => {
            let place = MONTHS.iter().position(|month| *month == name.to_lowercase())?;
            format!("{:02}", place + 1)
        }
        None => value("mm")?.to_owned(),
    };
    valid(value("yyyy").or(value("yy"))?, &month, value("dd")?)
}

/// What was read of one scene.
pub(super) struct Parsed {
    scope: Rc<Scope>,
    id: ItemId,
    title: Option<String>,
    date: Option<String>,
    stars: Option<i64>,
    rating100: Option<i64>,
    studio: Option<TagId>,
    performers: Vec<TagId>,
    groups: Vec<TagId>,
    tags: Vec<TagId>,
}

impl Parsed {
    /// Gives the texts their meaning: names that nobody bears are left out.
    pub(super) fn new(
        scope: &Rc<Scope>,
        id: ItemId,
        values: &Values,
    ) -> Result<Parsed, FieldError> {
        let number = |name: &str, range: std::ops::RangeInclusive<i64>| {
            let text = values.iter().find(|(field, _)| *field == name)?;
            text.1.parse::<i64>().ok().filter(|number| range.contains(number))
        };
        let named = |field: &str, kind: EntityKind, aliases: bool| {
            let mut found: Vec<TagId> = Vec::new();
            for (_, text) in values.iter().filter(|(known, _)| *known == field) {
                let name = text.replace(['.', '-', '_'], " ").trim().to_lowercase();
                let mut cards = scope.named(kind, &name, aliases)?;
                // The first by name, as in a list.
                cards.sort_by_cached_key(|card| natural_key(&card.sort_name().to_lowercase()));
                let card = cards.first();
                found.extend(card.map(|card| card.id).filter(|id| !found.contains(id)));
            }
            Ok::<_, FieldError>(found)
        };
        let stars = number("rating", 1..=5);
        let title = values.iter().find(|(field, _)| *field == "title").map(|row| row.1.clone());
        Ok(Parsed {
            scope: Rc::clone(scope),
            id,
            title: title.filter(|title| !title.is_empty()),
            date: date_of(values),
            stars,
            rating100: number("rating100", 1..=100).or(stars.map(|stars| stars * 20)),
            studio: named("studio", EntityKind::Studio, true)?.into_iter().next(),
            performers: named("performer", EntityKind::Performer, false)?,
            groups: named("movie", EntityKind::Group, false)?,
            tags: named("tag", EntityKind::Tag, true)?,
        })
    }
}

impl Object for Parsed {
    fn type_name(&self) -> &'static str {
        "SceneParserResult"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let ids = |list: &[TagId]| match list {
            [] => Resolved::Null,
            list => Resolved::list(list.iter().map(|id| id.0.to_string())),
        };
        Ok(match field.name() {
            "scene" => Scene::load(&self.scope, self.id)?.map_or(Resolved::Null, Resolved::object),
            "title" => Resolved::from(self.title.as_ref()),
            "date" => Resolved::from(self.date.as_ref()),
            "rating" => Resolved::from(self.stars),
            "rating100" => Resolved::from(self.rating100),
            "studio_id" => Resolved::from(self.studio.map(|id| id.0.to_string())),
            "performer_ids" => ids(&self.performers),
            "tag_ids" => ids(&self.tags),
            "movies" if self.groups.is_empty() => Resolved::Null,
            "movies" => Resolved::objects(self.groups.iter().map(|id| GroupRef(*id))),
            // No field of a pattern reads these.
            "code" | "details" | "director" | "url" | "gallery_ids" | "gallery_id" => {
                Resolved::Null
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}

struct GroupRef(TagId);

impl Object for GroupRef {
    fn type_name(&self) -> &'static str {
        "SceneMovieID"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "movie_id" => Resolved::from(self.0.0),
            "scene_index" => Resolved::Null,
            _ => return Err(FieldError::Unresolved),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::Value;

    fn pattern(text: &str, config: serde_json::Value) -> Result<Pattern, FieldError> {
        Pattern::new(text, Value::from_json(&config).as_map().unwrap())
    }

    #[track_caller]
    fn check(text: &str, path: &str, expected: &[(&str, &str)]) {
        let config = serde_json::json!({"whitespaceCharacters": "_.", "capitalizeTitle": true, "ignoreWords": ["final"]});
        let values = pattern(text, config).unwrap().read(path).unwrap_or_default();
        let values: Vec<_> = values.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(values, expected, "{text} {path}");
    }

    #[test]
    fn fields_take_their_part_of_the_name() {
        check("{title}.{ext}", "/films/night_train.mp4", &[("title", "Night Train")]);
        check(
            "{studio} - {date} - {title}.{ext}",
            "/f/Harbour Films - 2024-01-31 - fog.mp4",
            &[("studio", "Harbour Films"), ("date", "2024-01-31"), ("title", "Fog")],
        );
        check("films/{}/{title}.{ext}", "/films/a/fog.mp4", &[("title", "Fog")]);
        check("{title}_{i}.mp4", "/f/fog_FINAL.mp4", &[("title", "Fog")]);
        check("{title}{d}{yyyy}.mp4", "/f/fog-1999.mp4", &[("title", "Fog"), ("yyyy", "1999")]);
        check("(x) {title}", "/f/fog.mp4", &[]);
    }

    #[test]
    fn unknown_fields_are_named() {
        let error = pattern("{title} {colour} {size}", serde_json::json!({})).err().unwrap();
        assert!(format!("{error:?}").contains("Invalid fields: {colour}, {size}"));
    }

    #[test]
    fn dates_are_put_together() {
        let check = |values: &[(&'static str, &str)], date: Option<&str>| {
            let values = values.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
            assert_eq!(date_of(&values).as_deref(), date, "{values:?}");
        };
        check(&[("yyyymmdd", "20240131")], Some("2024-01-31"));
        check(&[("ddmmyy", "310124")], Some("2024-01-31"));
        check(&[("yyyy", "2024"), ("mmm", "Feb"), ("dd", "29")], Some("2024-02-29"));
        check(&[("yyyy", "2023"), ("mm", "02"), ("dd", "29")], None);
        check(&[("yyyy", "1024"), ("mm", "02"), ("dd", "20")], None);
        check(&[("yyyy", "2023"), ("mm", "02")], None);
    }
}
