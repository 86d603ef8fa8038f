//! Criteria on fields that a person made up for performers.

use serde_json::Value as Json;

use crate::graphql::{FieldError, Map, Value};
use crate::model::natural::{TextModifier, TextTest};

/// A test of one field.
pub(super) struct CustomTest {
    /// Its name.
    pub(super) field: String,
    test: Test,
}

enum Test {
    /// One of these values, or none of them.
    OneOf(Vec<Json>, bool),
    /// All of these hold of the text; the second says whether an absent field passes.
    Texts(Vec<TextTest>, bool),
    Blank(bool),
    /// Between two bounds, or outside of them.
    Between(f64, f64, bool),
    Less(f64),
    Greater(f64),
}

impl CustomTest {
    /// The tests of a list of criteria.
    pub(super) fn read_all(value: &Value) -> Result<Vec<CustomTest>, FieldError> {
        let criteria = value.as_list().unwrap_or_default().iter().filter_map(Value::as_map);
        criteria.map(CustomTest::read).collect()
    }

    fn read(criterion: &Map) -> Result<CustomTest, FieldError> {
        let field = criterion.str("field").unwrap_or_default().to_owned();
        let values: Vec<Json> =
            criterion.list("value").unwrap_or_default().iter().map(Value::to_json).collect();
        if values.iter().any(|value| value.is_array() || value.is_object()) {
            return Err(FieldError::from("a custom field is compared with plain values"));
        }
        let modifier = criterion.str("modifier").unwrap_or("EQUALS");
        let texts = |which: TextModifier, absent: bool| -> Result<Test, FieldError> {
            let texts = values.iter().map(|value| TextTest::new(which, &text_of(value)));
            let texts: Result<Vec<_>, _> = texts.collect();
            Ok(Test::Texts(texts.map_err(FieldError::new)?, absent))
        };
        let numbers = |count: usize| -> Result<Vec<f64>, FieldError> {
            let numbers: Vec<f64> = values.iter().filter_map(number_of).collect();
            if values.len() == count && numbers.len() == count {
                return Ok(numbers);
            }
            Err(FieldError::new(format!("{modifier} expects {count} numbers")))
        };
        let test = match modifier {
            "EQUALS" => Test::OneOf(values.clone(), true),
            "NOT_EQUALS" => Test::OneOf(values.clone(), false),
            "INCLUDES" | "INCLUDES_ALL" => texts(TextModifier::Includes, false)?,
            "EXCLUDES" => texts(TextModifier::Excludes, false)?,
            "MATCHES_REGEX" => texts(TextModifier::MatchesRegex, false)?,
            "NOT_MATCHES_REGEX" => texts(TextModifier::NotMatchesRegex, true)?,
            "IS_NULL" => Test::Blank(true),
            "NOT_NULL" => Test::Blank(false),
            "LESS_THAN" => Test::Less(numbers(1)?[0]),
            "GREATER_THAN" => Test::Greater(numbers(1)?[0]),
            "BETWEEN" | "NOT_BETWEEN" => {
                let bounds = numbers(2)?;
                Test::Between(bounds[0], bounds[1], modifier == "BETWEEN")
            }
            other => return Err(FieldError::new(format!("invalid modifier {other}"))),
        };
        Ok(CustomTest { field, test })
    }

    /// Whether the value of the field passes; `None` where the performer has no such field.
    pub(super) fn matches(&self, value: Option<&Json>) -> bool {
        let value = value.filter(|value| !value.is_null());
        let number = value.and_then(number_of);
        match &self.test {
            Test::Blank(wanted) => value.is_none_or(|v| text_of(v).trim().is_empty()) == *wanted,
            Test::OneOf(values, wanted) => value.is_some_and(|value| {
                values.iter().any(|other| text_of(other) == text_of(value)) == *wanted
            }),
            Test::Texts(tests, absent) => match value.map(text_of) {
                None => *absent,
                Some(text) => tests.iter().all(|test| test.matches(Some(&text))),
            },
            Test::Less(bound) => number.is_some_and(|number| number < *bound),
            Test::Greater(bound) => number.is_some_and(|number| number > *bound),
            Test::Between(low, high, inside) => {
                number.is_some_and(|number| (*low..=*high).contains(&number) == *inside)
            }
        }
    }
}

fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn number_of(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(modifier: &str, values: Json, value: Option<Json>, passes: bool) {
        let criteria = json!([{"field": "origin", "modifier": modifier, "value": values}]);
        let tests = CustomTest::read_all(&Value::from_json(&criteria)).unwrap();
        assert_eq!(tests[0].matches(value.as_ref()), passes, "{modifier} {values} {value:?}");
    }

    #[test]
    fn made_up_fields_are_compared_as_texts_or_numbers() {
        check("EQUALS", json!(["north", 5]), Some(json!(5)), true);
        check("EQUALS", json!(["north"]), None, false);
        check("NOT_EQUALS", json!(["north"]), Some(json!("south")), true);
        check("NOT_EQUALS", json!(["north"]), None, false);
        check("INCLUDES", json!(["nor"]), Some(json!("North")), true);
        check("EXCLUDES", json!(["nor"]), Some(json!("South")), true);
        check("NOT_MATCHES_REGEX", json!(["^n"]), None, true);
        check("IS_NULL", json!([]), Some(json!(" ")), true);
        check("NOT_NULL", json!([]), Some(json!(0)), true);
        check("BETWEEN", json!([1, 3]), Some(json!("2.5")), true);
        check("NOT_BETWEEN", json!([1, 3]), Some(json!(2)), false);
        check("GREATER_THAN", json!([1]), Some(json!("x")), false);
    }

    #[test]
    fn bounds_are_numbers_and_as_many_as_it_takes() {
        for criterion in [
            json!([{"field": "f", "modifier": "BETWEEN", "value": [1]}]),
            json!([{"field": "f", "modifier": "LESS_THAN", "value": ["x"]}]),
            json!([{"field": "f", "modifier": "EQUALS", "value": [[1]]}]),
        ] {
            assert!(CustomTest::read_all(&Value::from_json(&criterion)).is_err(), "{criterion}");
        }
    }
}
