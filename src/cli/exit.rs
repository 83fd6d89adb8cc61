//! Edge: exit codes, and errors on their way to people and programs.

use crate::config::ConfigError;
use crate::journal::JournalError;
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
}

/// An error with its exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What, where, what to do.
    pub message: String,
}

impl Failure {
    /// A failure with a code.
    pub fn new(code: Code, message: impl std::fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    /// Prints it: to standard error for people, as an object on standard output for programs.
    pub fn tell(&self, json: bool) -> Code {
        if json {
            crate::say!("{}", serde_json::json!({"error": self.message, "exit_code": self.code as u8}));
        }
        eprintln!("tickpath: {}", self.message);
        self.code
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Code::Configuration, error)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let code = if matches!(error, JournalError::Config { .. }) { Code::Configuration } else { Code::Error };
        Self::new(code, error)
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        let code = if matches!(error, CaptureError::NotFound { .. }) { Code::Usage } else { Code::Error };
        Self::new(code, error)
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Config(e) => e.into(),
            HostError::Topology(e) => Self::new(Code::Configuration, e),
            HostError::Journal(e) => e.into(),
            HostError::Capture(e) => e.into(),
            HostError::Epochs | HostError::OtherInstruments { .. } => Self::new(Code::Configuration, error),
            HostError::JournalNotEmpty { .. } => Self::new(Code::Usage, error),
            other => Self::new(Code::Error, other),
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
