//! Types that a setting may have, and how they are read from each source.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Raw;

/// A type of setting.
pub(super) trait Value: Sized {
    /// Reads it; the error says what was expected.
    fn read(raw: Raw<'_>) -> Result<Self, String>;

    /// How the documentation shows it; empty for nothing.
    fn show(&self) -> String;
}

/// A text that must not be shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// The text of a value that must be one.
fn text<'a>(raw: Raw<'a>) -> Result<&'a str, String> {
    match raw {
        Raw::Text(text) => Ok(text),
        Raw::Toml(toml::Value::String(text)) => Ok(text),
        Raw::Toml(other) => Err(format!("expected a text, not {}", other.type_str())),
    }
}

impl Value for u64 {
    /// A whole number; as a text it may end in KiB, MiB, GiB or TiB.
    fn read(raw: Raw<'_>) -> Result<u64, String> {
        if let Raw::Toml(toml::Value::Integer(number)) = raw {
            return u64::try_from(*number).map_err(|_| String::from("it is negative"));
        }
        let text = text(raw).map_err(|_| String::from("expected a whole number"))?.trim();
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1u64 << 40)];
        let unit = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)));
        let (digits, unit) = unit.unwrap_or((text, 1));
        let number: u64 =
            digits.trim().parse().map_err(|_| format!("{text:?} is no whole number"))?;
        number.checked_mul(unit).ok_or_else(|| format!("{text:?} is too large"))
    }

    fn show(&self) -> String {
        for (name, unit) in
            [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        {
            if *self >= unit && self.is_multiple_of(unit) {
                return format!("{} {name}", self / unit);
            }
        }
        self.to_string()
    }
}

impl Value for bool {
    fn read(raw: Raw<'_>) -> Result<bool, String> {
        match raw {
            Raw::Toml(toml::Value::Boolean(value)) => Ok(*value),
            Raw::Text("true" | "1" | "yes" | "on") => Ok(true),
            Raw::Text("false" | "0" | "no" | "off") => Ok(false),
            _ => Err(String::from("expected true or false")),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn read(raw: Raw<'_>) -> Result<String, String> {
        text(raw).map(str::to_owned)
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    fn read(raw: Raw<'_>) -> Result<PathBuf, String> {
        match text(raw)? {
            "" => Err(String::from("the path is empty")),
            path => Ok(PathBuf::from(path)),
        }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for SocketAddr {
    fn read(raw: Raw<'_>) -> Result<SocketAddr, String> {
        let text = text(raw)?;
        text.parse().map_err(|_| format!("{text:?} is no address and port, as in 127.0.0.1:9999"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Secret {
    fn read(raw: Raw<'_>) -> Result<Secret, String> {
        text(raw).map(|text| Secret(text.to_owned()))
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl<T: Value> Value for Option<T> {
    fn read(raw: Raw<'_>) -> Result<Option<T>, String> {
        T::read(raw).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

impl<T: Value> Value for Vec<T> {
    /// A list of TOML, or a text with commas between its items.
    fn read(raw: Raw<'_>) -> Result<Vec<T>, String> {
        match raw {
            Raw::Toml(toml::Value::Array(items)) => {
                items.iter().map(|item| T::read(Raw::Toml(item))).collect()
            }
            Raw::Toml(_) => Err(String::from("expected a list")),
            Raw::Text(text) => {
                text.split(',').map(|item| T::read(Raw::Text(item.trim()))).collect()
            }
        }
    }

    fn show(&self) -> String {
        self.iter().map(T::show).collect::<Vec<_>>().join(", ")
    }
}
