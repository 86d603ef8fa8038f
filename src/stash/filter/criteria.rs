//! One criterion: a number, a text, a date, a moment, or a list of ids.

use crate::graphql::{FieldError, Map, Value};
use crate::model::natural::{TextModifier, TextTest, list_excludes};
use crate::model::time::{now_ms, parse_timestamp};

/// A test of a number.
#[derive(Clone, Copy, Debug)]
pub(in crate::stash) struct NumberTest {
    modifier: Modifier,
    value: f64,
    value2: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Modifier {
    Equals,
    NotEquals,
    Greater,
    Less,
    Between,
    NotBetween,
    Null,
    NotNull,
}

impl Modifier {
    fn read(criterion: &Map) -> Result<Modifier, FieldError> {
        Ok(match criterion.str("modifier").unwrap_or("EQUALS") {
            "EQUALS" => Modifier::Equals,
            "NOT_EQUALS" => Modifier::NotEquals,
            "GREATER_THAN" => Modifier::Greater,
            "LESS_THAN" => Modifier::Less,
            "BETWEEN" => Modifier::Between,
            "NOT_BETWEEN" => Modifier::NotBetween,
            "IS_NULL" => Modifier::Null,
            "NOT_NULL" => Modifier::NotNull,
            other => return Err(unsupported("int", other)),
        })
    }

    fn compares<T: PartialOrd>(self, at: Option<&T>, value: &T, value2: &T) -> bool {
        let Some(at) = at else { return self == Modifier::Null };
        match self {
            Modifier::Equals => at == value,
            Modifier::NotEquals => at != value,
            Modifier::Greater => at > value,
            Modifier::Less => at < value,
            Modifier::Between => value <= at && at <= value2,
            Modifier::NotBetween => at < value || value2 < at,
            Modifier::Null => false,
            Modifier::NotNull => true,
        }
    }
}

fn unsupported(what: &str, modifier: &str) -> FieldError {
    FieldError::new(format!(
        "Internal system error. Error <unsupported {what} modifier {modifier}>"
    ))
}

/// A criterion as the object it is.
pub(in crate::stash) fn object<'f>(name: &str, value: &'f Value) -> Result<&'f Map, FieldError> {
    value.as_map().ok_or_else(|| FieldError::new(format!("{name} must be an object")))
}

impl NumberTest {
    /// The test of an Int or Float criterion.
    pub(in crate::stash) fn read(name: &str, value: &Value) -> Result<NumberTest, FieldError> {
        let criterion = object(name, value)?;
        Ok(NumberTest {
            modifier: Modifier::read(criterion)?,
            value: criterion.float("value").unwrap_or(0.0),
            value2: criterion.float("value2").unwrap_or(0.0),
        })
    }

    /// The test of a Timestamp criterion, over milliseconds cut to the second.
    pub(in crate::stash) fn read_time(name: &str, value: &Value) -> Result<NumberTest, FieldError> {
        let criterion = object(name, value)?;
        let modifier = Modifier::read(criterion)?;
        let now = now_ms();
        let moment = |text: &str| {
            let ms = parse_timestamp(text, now).map_err(FieldError::new)?;
            Ok::<f64, FieldError>(ms.div_euclid(1000) as f64 * 1000.0)
        };
        let is_compared = !matches!(modifier, Modifier::Null | Modifier::NotNull);
        let value = match criterion.str("value") {
            Some(text) if is_compared => moment(text)?,
            _ => 0.0,
        };
        let tomorrow = (now + 86_400_000) as f64;
        let value2 = match criterion.str("value2").filter(|text| !text.is_empty()) {
            Some(text) if is_compared => moment(text)?,
            _ => tomorrow,
        };
        Ok(NumberTest { modifier, value, value2 })
    }

    /// Whether a number passes; `None` is no number.
    pub(in crate::stash) fn matches(&self, at: Option<f64>) -> bool {
        self.modifier.compares(at.as_ref(), &self.value, &self.value2)
    }

    /// The same for a moment.
    pub(in crate::stash) fn matches_time(&self, at_ms: Option<i64>) -> bool {
        self.matches(at_ms.map(|ms| ms.div_euclid(1000) as f64 * 1000.0))
    }

    /// Stars of older clients, as the hundred points that they stand for.
    pub(in crate::stash) fn stars(mut self) -> NumberTest {
        self.value *= 20.0;
        self.value2 *= 20.0;
        self
    }
}

/// A test of a date, which is compared as text.
#[derive(Clone, Debug)]
pub(in crate::stash) struct DateTest {
    modifier: Modifier,
    value: String,
    value2: String,
}

impl DateTest {
    /// The test of a Date criterion.
    pub(in crate::stash) fn read(name: &str, value: &Value) -> Result<DateTest, FieldError> {
        let criterion = object(name, value)?;
        let tomorrow = crate::model::time::rfc3339(now_ms() + 86_400_000, &jiff::tz::TimeZone::UTC);
        Ok(DateTest {
            modifier: Modifier::read(criterion)?,
            value: criterion.str("value").unwrap_or_default().to_owned(),
            value2: criterion.str("value2").map_or(tomorrow, str::to_owned),
        })
    }

    /// Whether a stored date passes; a partial one counts as its first day.
    pub(in crate::stash) fn matches(&self, date: Option<&str>) -> bool {
        let date = date.filter(|date| !date.is_empty()).map(first_day);
        self.modifier.compares(date.as_ref(), &self.value, &self.value2)
    }
}

/// The first day of what a date names.
pub(in crate::stash) fn first_day(date: &str) -> String {
    match date.len() {
        4 => format!("{date}-01-01"),
        7 => format!("{date}-01"),
        _ => date.to_owned(),
    }
}

/// A test of a text or a list of texts.
#[derive(Clone, Debug)]
pub(in crate::stash) struct StringTest {
    test: TextTest,
    /// The value where nothing of a list may contain it.
    excluded: Option<String>,
}

impl StringTest {
    /// The test of a String criterion.
    pub(in crate::stash) fn read(name: &str, value: &Value) -> Result<StringTest, FieldError> {
        let criterion = object(name, value)?;
        let value = criterion.str("value").unwrap_or_default();
        let modifier = match criterion.str("modifier").unwrap_or("EQUALS") {
            "EQUALS" => TextModifier::Equals,
            "NOT_EQUALS" => TextModifier::NotEquals,
            "INCLUDES" => TextModifier::Includes,
            "EXCLUDES" => TextModifier::Excludes,
            "MATCHES_REGEX" => TextModifier::MatchesRegex,
            "NOT_MATCHES_REGEX" => TextModifier::NotMatchesRegex,
            "IS_NULL" => TextModifier::IsNull,
            "NOT_NULL" => TextModifier::NotNull,
            other => return Err(unsupported("string filter", other)),
        };
        let excluded = (modifier == TextModifier::Excludes).then(|| value.to_owned());
        let test = TextTest::new(modifier, value).map_err(FieldError::new)?;
        Ok(StringTest { test, excluded })
    }

    /// Whether a text passes; an empty one is none.
    pub(in crate::stash) fn matches(&self, text: &str) -> bool {
        self.test.matches(Some(text).filter(|text| !text.is_empty()))
    }

    /// Whether a list passes: one of it does, or for an exclusion none contains the value.
    pub(in crate::stash) fn matches_list<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> bool {
        match &self.excluded {
            Some(value) => list_excludes(value, texts),
            None => self.test.matches_list(texts),
        }
    }

    /// Whether an object without a text could pass.
    pub(in crate::stash) fn takes_nothing(&self) -> bool {
        self.test.matches(None)
    }
}

/// A criterion on ids.
#[derive(Clone, Debug)]
pub(in crate::stash) struct IdsTest {
    pub(in crate::stash) mode: IdsMode,
    pub(in crate::stash) values: Vec<u32>,
    pub(in crate::stash) excludes: Vec<u32>,
    /// Levels below each id that count as it; below zero all.
    pub(in crate::stash) depth: i64,
}

/// How the ids are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stash) enum IdsMode {
    Any,
    All,
    Exactly,
    None,
    Null,
    NotNull,
}

impl IdsTest {
    /// The test of a Multi or HierarchicalMulti criterion; `None` when it says nothing. `single`
    /// is for references of which there is one at most.
    pub(in crate::stash) fn read(
        name: &str,
        value: &Value,
        single: bool,
    ) -> Result<Option<IdsTest>, FieldError> {
        let criterion = object(name, value)?;
        let ids = |name: &str| -> Result<Vec<u32>, FieldError> {
            let texts = criterion.strs(name).unwrap_or_default();
            texts.iter().map(|text| crate::stash::scope::parse_id(text, "ids")).collect()
        };
        let depth = criterion.int("depth").unwrap_or(0);
        let (mut values, mut excludes) = (ids("value")?, ids("excludes")?);
        let mode = match criterion.str("modifier").unwrap_or("INCLUDES") {
            "INCLUDES" => IdsMode::Any,
            "INCLUDES_ALL" => IdsMode::All,
            "EQUALS" if single => IdsMode::All,
            "NOT_EQUALS" if single => IdsMode::None,
            "EQUALS" if depth != 0 => {
                let text = "depth is not supported for equals modifier in hierarchical multi \
                            criterion input";
                return Err(FieldError::from(text));
            }
            "EQUALS" => IdsMode::Exactly,
            "EXCLUDES" => IdsMode::None,
            "NOT_EQUALS" => {
                let text = "not equals modifier is not supported for multi criterion input";
                return Err(FieldError::from(text));
            }
            "IS_NULL" => IdsMode::Null,
            "NOT_NULL" => IdsMode::NotNull,
            other => return Err(FieldError::new(format!("invalid modifier {other}"))),
        };
        if mode == IdsMode::None {
            excludes.append(&mut values);
        }
        let says_nothing = values.is_empty() && excludes.is_empty();
        let needs_nothing = matches!(mode, IdsMode::Null | IdsMode::NotNull);
        Ok((!says_nothing || needs_nothing).then_some(IdsTest { mode, values, excludes, depth }))
    }
}

/// The span of a resolution, by the shorter side.
pub(in crate::stash) fn resolution_span(name: &str) -> Option<(i64, i64)> {
    Some(match name {
        "VERY_LOW" => (144, 239),
        "LOW" => (240, 359),
        "R360P" => (360, 479),
        "STANDARD" => (480, 539),
        "WEB_HD" => (540, 719),
        "STANDARD_HD" => (720, 1079),
        "FULL_HD" => (1080, 1439),
        "QUAD_HD" => (1440, 1919),
        "VR_HD" => (1920, 2159),
        "FOUR_K" => (1920, 2559),
        "FIVE_K" => (2560, 2999),
        "SIX_K" => (3000, 3583),
        "SEVEN_K" => (3584, 3839),
        "EIGHT_K" => (3840, 6143),
        "HUGE" => (6144, 9999),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(json: serde_json::Value) -> Value {
        Value::from_json(&json)
    }

    #[test]
    fn numbers_are_compared_and_nothing_is_only_nothing() {
        let check = |modifier: &str, at: Option<f64>, passes: bool| {
            let value = serde_json::json!({"modifier": modifier, "value": 3, "value2": 5});
            let test = NumberTest::read("n", &criterion(value)).unwrap();
            assert_eq!(test.matches(at), passes, "{modifier} {at:?}");
        };
        check("EQUALS", Some(3.0), true);
        check("NOT_EQUALS", None, false);
        check("GREATER_THAN", Some(3.0), false);
        check("BETWEEN", Some(5.0), true);
        check("NOT_BETWEEN", Some(5.0), false);
        check("NOT_BETWEEN", Some(2.0), true);
        check("IS_NULL", None, true);
        check("NOT_NULL", Some(0.0), true);
    }

    #[test]
    fn partial_dates_count_as_their_first_day() {
        let value = serde_json::json!({"modifier": "LESS_THAN", "value": "2020-06-01"});
        let test = DateTest::read("date", &criterion(value)).unwrap();
        assert!(test.matches(Some("2020")));
        assert!(test.matches(Some("2020-05")));
        assert!(!test.matches(Some("2020-06")));
        assert!(!test.matches(None));
    }

    #[test]
    fn excluded_ids_move_and_empty_criteria_say_nothing() {
        let read = |json| IdsTest::read("tags", &criterion(json), false);
        let none =
            read(serde_json::json!({"modifier": "EXCLUDES", "value": ["4"]})).unwrap().unwrap();
        assert_eq!((none.values, none.excludes), (vec![], vec![4]));
        assert!(read(serde_json::json!({"modifier": "INCLUDES", "value": []})).unwrap().is_none());
        assert!(
            read(serde_json::json!({"modifier": "EQUALS", "value": ["4"], "depth": 1})).is_err()
        );
        assert!(read(serde_json::json!({"modifier": "INCLUDES", "value": ["x"]})).is_err());
    }
}
