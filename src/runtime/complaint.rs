//! Edge: one error on its way to people and programs: what, where, what was expected, what to do.
//!
//! People read the text. Programs read the parts. The errors of the rooms say `where: what; what to do`; where a type does not
//! give its parts by itself, the last `; ` of its text is where the advice begins.

use super::bridges::BridgeError;
use super::host::HostError;
use super::playback::PlaybackError;
use super::topology::TopologyError;
use crate::config::ConfigError;
use crate::journal::JournalError;
use crate::venue::capture::CaptureError;
use serde_json::{Value, json};
use std::fmt;

/// An error in words, and in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// All of it, for people.
    pub text: String,
    /// What is wrong.
    pub what: String,
    /// Which file, section, argument; where in it.
    pub place: Option<String>,
    /// What was expected instead.
    pub expected: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Complaint {
    /// From a text of the form `what; what to do`.
    pub fn new(error: impl fmt::Display) -> Self {
        let text = error.to_string();
        let (what, hint) = match text.rsplit_once("; ") {
            Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
            None => (text.clone(), None),
        };
        Self { text, what, place: None, expected: None, hint }
    }

    /// The same, at a place.
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// The same, with what was expected.
    pub fn expecting(mut self, expected: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self
    }

    /// The parts as an object, with the exit code that it leads to.
    pub fn to_json(&self, exit_code: u8) -> Value {
        json!({
            "what": self.what,
            "where": self.place,
            "expected": self.expected,
            "hint": self.hint,
            "exit_code": exit_code,
        })
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<&CaptureError> for Complaint {
    fn from(error: &CaptureError) -> Self {
        let path = error.path().display();
        Self {
            text: error.to_string(),
            what: error.what(),
            place: Some(error.at().map_or_else(|| path.to_string(), |at| format!("{path}, {at}"))),
            expected: error.expected().map(ToOwned::to_owned),
            hint: Some(error.hint()),
        }
    }
}

impl From<&JournalError> for Complaint {
    fn from(error: &JournalError) -> Self {
        let complaint = Self::new(error);
        match error {
            JournalError::Io { path, .. } | JournalError::DiskFull { path, .. } | JournalError::Locked { path, .. } => {
                complaint.at(path.display())
            }
            JournalError::Corrupt { segment, offset, .. } => {
                complaint.at(format!("{}, byte {offset}", segment.display()))
            }
            JournalError::Config { field, min, max, .. } => {
                complaint.at(format!("[journal] {field}")).expecting(format!("{min} to {max}"))
            }
            JournalError::Sequence { .. } | JournalError::Name { .. } | JournalError::Helper => complaint.at("journal"),
        }
    }
}

impl From<&ConfigError> for Complaint {
    fn from(error: &ConfigError) -> Self {
        match error {
            ConfigError::Read { path, .. } => Self::new(error).at(path.display()),
            ConfigError::Room { section, .. } => Self::new(error).at(format!("[{section}]")),
            ConfigError::Invalid { origin, message } => {
                // The advice, where there is some, is the last line.
                let (what, hint) = match message.trim_end().rsplit_once('\n') {
                    Some((what, hint)) if hint.starts_with("Did you mean") || hint.starts_with("`tickpath init`") => {
                        (what.to_owned(), Some(hint.to_owned()))
                    }
                    _ => (message.clone(), None),
                };
                let plain = Self::new(error);
                Self { hint: hint.or(plain.hint), what, place: Some(origin.clone()), ..plain }
            }
        }
    }
}

impl From<&HostError> for Complaint {
    fn from(error: &HostError) -> Self {
        match error {
            HostError::Config(e) => e.into(),
            HostError::Journal(e) => e.into(),
            HostError::Capture(e) => e.into(),
            HostError::Fault(complaint) => complaint.clone(),
            HostError::Topology(TopologyError::Placement(_)) => {
                Self::new(error).at("[topology] placement, or --placement")
            }
            HostError::Topology(_) => Self::new(error).at("[topology]"),
            HostError::JournalNotEmpty { dir, .. } => Self::new(error).at(dir.display()),
            HostError::OtherInstruments { .. } => Self::new(error).at("[sim.generator]"),
            HostError::Epochs => Self::new(error).at("journal"),
            HostError::Bridge(BridgeError::Config(e)) => e.into(),
            HostError::Bridge(_) => Self::new(error).at("REDIS_URL"),
            HostError::Off | HostError::Live(_) => Self::new(error).at("AGENT_MODE, or [host] mode"),
            HostError::NothingToReplay { .. } | HostError::StoppedEarly | HostError::Thread(_) => Self::new(error),
        }
    }
}

impl From<&PlaybackError> for Complaint {
    fn from(error: &PlaybackError) -> Self {
        match error {
            PlaybackError::Journal(e) => e.into(),
            PlaybackError::Config(e) => e.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn check(complaint: Complaint, what: &str, place: Option<&str>, hint: Option<&str>) {
        assert!(complaint.what.contains(what), "{complaint:?}");
        assert_eq!(complaint.place.as_deref(), place, "{complaint:?}");
        assert!(hint.is_none_or(|h| complaint.hint.as_deref().is_some_and(|found| found.contains(h))), "{complaint:?}");
        let object = complaint.to_json(4);
        assert_eq!((&object["exit_code"], &object["where"]), (&json!(4), &json!(place)));
        assert!(complaint.text.contains(what));
    }

    #[test]
    fn errors_come_apart_into_what_where_and_what_to_do() {
        let path = PathBuf::from("a/b.gz");
        check(
            (&CaptureError::NotFound { path: path.clone() }).into(),
            "no such file",
            Some("a/b.gz"),
            Some("check the path"),
        );
        let error = JournalError::Corrupt { segment: path.clone(), offset: 7, sequence: 3, what: "checksum" };
        check((&error).into(), "corrupt", Some("a/b.gz, byte 7"), Some("run verify"));
        let error =
            ConfigError::Invalid { origin: "t.toml".into(), message: "unknown field\nDid you mean `x`?\n".into() };
        check((&error).into(), "unknown field", Some("t.toml"), Some("Did you mean `x`?"));
        let error = HostError::JournalNotEmpty { dir: path, sequence: 3 };
        check((&error).into(), "already holds a journal", Some("a/b.gz"), Some("choose another"));
        check(Complaint::new("it broke"), "it broke", None, None);
        let error = JournalError::Config { field: "segment_bytes_market", value: 1, min: 2, max: 3 };
        let complaint = Complaint::from(&error);
        assert_eq!(complaint.expected.as_deref(), Some("2 to 3"));
    }
}
