//! Edge: the limits that are in force, as a list that people can read and as a digest that a host can compare.

use super::text::{Hash, Malformed, escape, escape_name, unescape};

/// First line of what is hashed: this digest is of nothing else.
const DOMAIN: &str = "tickpath-limits-v1\n";
/// Most limits.
const COUNT_MAX: usize = 512;
/// Longest name and longest value, in bytes of UTF-8.
const BYTES_MAX: usize = 256;

/// Names and values, sorted by the name's bytes, no name twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits(Vec<(String, String)>);

impl Limits {
    /// Sorts and checks: 1 to 512 limits, names of 1 to 256 bytes, values of at most 256.
    ///
    /// # Errors
    /// Which limit, and what is wrong with it.
    pub fn new(limits: impl IntoIterator<Item = (String, String)>) -> Result<Self, Malformed> {
        let mut all: Vec<_> = limits.into_iter().collect();
        all.sort();
        if all.is_empty() || all.len() > COUNT_MAX {
            return Err(Malformed::whole(format!("{} limits: expected 1 to {COUNT_MAX}", all.len())));
        }
        for (name, value) in &all {
            if name.is_empty() || name.len() > BYTES_MAX || value.len() > BYTES_MAX {
                return Err(Malformed::whole(format!(
                    "limit `{}`: expected a name of 1 to {BYTES_MAX} bytes and a value of at most {BYTES_MAX}",
                    escape(name)
                )));
            }
        }
        if let Some(twice) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Malformed::whole(format!("limit `{}` stands there twice", escape(&twice[0].0))));
        }
        Ok(Self(all))
    }

    /// The names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// One line for each limit: `key`, then `NAME=VALUE`, escaped.
    pub(super) fn lines(&self, key: &str) -> String {
        let mut out = String::new();
        for (name, value) in self.iter() {
            for part in [key, &escape_name(name), "=", &escape(value), "\n"] {
                out.push_str(part);
            }
        }
        out
    }

    /// Reads one line that [`Limits::lines`] wrote.
    pub(super) fn read(line: &str) -> Option<(String, String)> {
        let (name, value) = line.split_once('=')?;
        Some((unescape(name)?, unescape(value)?))
    }

    /// SHA-256 over the domain and all lines.
    pub fn digest(&self) -> Hash {
        Hash::of(format!("{DOMAIN}{}", self.lines("")).as_bytes())
    }
}
