//! Edge: exit codes, and errors on their way to people and programs.

use crate::config::ConfigError;
use crate::journal::JournalError;
use crate::runtime::complaint::Complaint;
use crate::runtime::host::HostError;
use crate::runtime::playback::PlaybackError;
use crate::venue::capture::CaptureError;

/// Exit codes; they do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done.
    Ok = 0,
    /// It failed, or it found what it was looking for (a divergence, an altered record).
    Error = 1,
    /// Wrong arguments, or a file that is not there.
    Usage = 2,
    /// Nothing is running.
    NotRunning = 3,
    /// The configuration is wrong.
    Configuration = 4,
    /// It took too long.
    TimeOut = 5,
    /// The running host refused (no token, the kill switch is set, not ready, stale data, …).
    Refused = 6,
}

/// An error with its exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What, where, what to do.
    pub complaint: Box<Complaint>,
}

impl Failure {
    /// A failure from a text of the form `what; what to do`.
    pub fn new(code: Code, message: impl std::fmt::Display) -> Self {
        Self { code, complaint: Box::new(Complaint::new(message)) }
    }

    /// The same, with the file, folder or argument that it is about.
    pub fn at(self, place: impl std::fmt::Display) -> Self {
        Self { complaint: Box::new(self.complaint.at(place)), ..self }
    }

    /// Prints it: to standard error for people, and as an object on standard output for programs.
    pub fn tell(&self, json: bool) -> Code {
        if json {
            crate::say!("{}", serde_json::json!({"error": self.complaint.to_json(self.code as u8)}));
        }
        eprintln!("tickpath: {}", self.complaint);
        self.code
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self { code: Code::Configuration, complaint: Box::new((&error).into()) }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let code = if matches!(error, JournalError::Config { .. }) { Code::Configuration } else { Code::Error };
        Self { code, complaint: Box::new((&error).into()) }
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        let code = match error {
            CaptureError::NotFound { .. } | CaptureError::Directory { .. } | CaptureError::Missing { .. } => {
                Code::Usage
            }
            _ => Code::Error,
        };
        Self { code, complaint: Box::new((&error).into()) }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        let complaint = Box::new((&error).into());
        match error {
            HostError::Config(e) => e.into(),
            HostError::Journal(e) => e.into(),
            HostError::Capture(e) => e.into(),
            HostError::Topology(_)
            | HostError::Epochs
            | HostError::Off
            | HostError::Live(_)
            | HostError::Bridge(_)
            | HostError::OtherInstruments { .. } => Self { code: Code::Configuration, complaint },
            HostError::JournalNotEmpty { .. } => Self { code: Code::Usage, complaint },
            _ => Self { code: Code::Error, complaint },
        }
    }
}

impl From<PlaybackError> for Failure {
    fn from(error: PlaybackError) -> Self {
        match error {
            PlaybackError::Journal(e) => e.into(),
            PlaybackError::Config(e) => e.into(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Code::Error, error)
    }
}
