//! Edge: each reason why LIVE is not enabled.

use super::text::{Hash, escape};

/// Why not. The text is for people, [`Why::name`] for programs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The record names another host.
    #[error("the record is for host `{record}`, this is `{here}`")]
    OtherHost {
        /// The record's.
        record: String,
        /// Ours.
        here: String,
    },
    /// The program's own hash is not known.
    #[error("the hash of the running program is not known, so it cannot be compared with the approved one")]
    UnknownBuild,
    /// Another program was approved.
    #[error("build {record} was approved, {here} is running")]
    OtherBuild {
        /// The record's.
        record: Hash,
        /// Ours.
        here: Hash,
    },
    /// Another configuration was approved.
    #[error("configuration {record} was approved, {here} is in force")]
    OtherConfig {
        /// The record's.
        record: Hash,
        /// Ours.
        here: Hash,
    },
    /// Other limits were approved.
    #[error("limits {record} were approved, {here} are in force")]
    OtherLimits {
        /// The record's.
        record: Hash,
        /// Ours.
        here: Hash,
    },
    /// The request is older than this process.
    #[error("the request was made before this process started: after a restart people must ask and approve again")]
    BeforeStart,
    /// The clock stands before the request, or went back.
    #[error("the clock stands {0} s before a time that has already been: set it right, then ask and approve again")]
    ClockBackward(i64),
    /// Not-before is still to come.
    #[error("it can be activated in {0} s, not yet")]
    NotYet(i64),
    /// Too late.
    #[error("it could be activated until {0} s ago: make a new request")]
    Expired(i64),
    /// A time is out of range.
    #[error("a time is out of range, so it cannot be compared")]
    TimeRange,
    /// Too few approvals.
    #[error("{have} of {} people approved{}", super::PEOPLE_MIN, if person.is_empty() { String::new() } else { format!(" ({person})") })]
    TooFewPeople {
        /// How many.
        have: usize,
        /// Who did.
        person: String,
    },
    /// Two keys, but of one person.
    #[error("the approvals with the keys {keys} are all by `{person}`: two people must approve, not two keys")]
    OnePerson {
        /// Who.
        person: String,
        /// With which keys.
        keys: String,
    },
    /// One key twice.
    #[error("key `{0}` approved twice")]
    SameKeyTwice(String),
    /// More approvals than anybody needs.
    #[error("{0} approvals: expected at most {max}", max = super::assess::APPROVALS_MAX)]
    TooManyApprovals(usize),
    /// A key that is not in the keyring.
    #[error("key `{}` is not in the keyring", escape(.0))]
    UnknownKey(String),
    /// A key that was taken out of use.
    #[error("key `{0}` is revoked")]
    KeyRevoked(String),
    /// A key past its not_after.
    #[error("key `{0}` has expired")]
    KeyExpired(String),
    /// An approval of some other record.
    #[error("the approval with key `{key}` is for record {record}")]
    OtherRecord {
        /// The key.
        key: String,
        /// The other record.
        record: Hash,
    },
    /// A signature that does not verify, by the strict rules.
    #[error("the signature with key `{0}` is not valid for this record")]
    BadSignature(String),
    /// Somebody took it back.
    #[error("revoked by {by}: {reason}")]
    Revoked {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// It was activated before.
    #[error("it was activated before, and can be only once: make a new request")]
    Replayed,
    /// The store cannot be read or written.
    #[error("the store: {0}")]
    Store(String),
    /// The window is over.
    #[error("its window of {0} s is over")]
    WindowOver(i64),
    /// Another process start.
    #[error("it was activated by another process")]
    OtherProcess,
}

impl Why {
    /// Name for programs; it does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OtherHost { .. } => "other_host",
            Self::UnknownBuild => "unknown_build",
            Self::OtherBuild { .. } => "other_build",
            Self::OtherConfig { .. } => "other_config",
            Self::OtherLimits { .. } => "other_limits",
            Self::BeforeStart => "before_start",
            Self::ClockBackward(_) => "clock_backward",
            Self::NotYet(_) => "not_yet",
            Self::Expired(_) => "expired",
            Self::TimeRange => "time_range",
            Self::TooFewPeople { .. } => "too_few_people",
            Self::OnePerson { .. } => "one_person",
            Self::SameKeyTwice(_) => "same_key_twice",
            Self::TooManyApprovals(_) => "too_many_approvals",
            Self::UnknownKey(_) => "unknown_key",
            Self::KeyRevoked(_) => "key_revoked",
            Self::KeyExpired(_) => "key_expired",
            Self::OtherRecord { .. } => "other_record",
            Self::BadSignature(_) => "bad_signature",
            Self::Revoked { .. } => "revoked",
            Self::Replayed => "replayed",
            Self::Store(_) => "store",
            Self::WindowOver(_) => "window_over",
            Self::OtherProcess => "other_process",
        }
    }

    /// Whether the record that this was said of can never be activated by this process any more.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::OtherHost { .. }
                | Self::OtherBuild { .. }
                | Self::BeforeStart
                | Self::Expired(_)
                | Self::Revoked { .. }
                | Self::Replayed
        )
    }
}
