//! Edge: an entry of the engine's audit stream, and up to where that stream has what it should.
//!
//! The audit stream has a place of its own, since it outlives the event stream: one that was evicted, deleted or rebuilt is written
//! again, and what was audited and told is not told again.

use super::trouble::Trouble;
use crate::acp::agent::{AUDIT_FIELDS, AuditEntry};
use crate::acp::names::Names;
use crate::bridge::id::Id;
use crate::bridge::tail::Start;
use redis::Cmd;
use redis::aio::ConnectionLike;

/// The command that adds `entry`, and keeps about `length` of all. The stream is shared with other hosts and with engines, so the
/// server gives the ids; an entry of this host is added in the transaction that moves its [`Place`], which is done once.
pub fn add(names: &Names, length: u64, entry: &AuditEntry<'_>) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(names.aism("audit")).arg("MAXLEN").arg("~").arg(length).arg("*");
    for (name, value) in AUDIT_FIELDS.iter().zip(entry.values()) {
        command.arg(name).arg(value.as_bytes());
    }
    command
}

/// Up to where all was audited and told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The last event.
    pub id: Id,
    /// How the event's process start began, if that is known: another start of that number has other events.
    pub start: Option<Start>,
    /// The last notice of the host: number of the process start, and of the notice in it.
    pub notice: (u64, u64),
}

impl Place {
    /// As it is kept; `journal` is whose it is.
    pub fn text(&self, journal: &str) -> String {
        let (sequence, at) = self.start.map_or((0, 0), |start| (start.sequence, start.at));
        format!("{journal} {} {sequence} {at} {} {}", self.id, self.notice.0, self.notice.1)
    }

    /// The place in `text`, if it is of `journal`.
    pub fn of(text: &str, journal: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next()? != journal {
            return None;
        }
        let id = words.next()?.parse().ok()?;
        let start = Start { sequence: words.next()?.parse().ok()?, at: words.next()?.parse().ok()? };
        let notice = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { id, start: (start.sequence > 0).then_some(start), notice })
    }
}

/// What the key says of the place; `None` if it is not there.
///
/// # Errors
/// [`Trouble`].
pub async fn ask(connection: &mut impl ConnectionLike, key: &str) -> Result<Option<String>, Trouble> {
    Ok(redis::cmd("GET").arg(key).query_async(connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_is_of_one_journal() {
        let start = Some(Start { sequence: 7, at: 1_700_000_000_000_000_001 });
        for start in [start, None] {
            let place = Place { id: Id { epoch: 3, sequence: 12 }, start, notice: (4, 9) };
            assert_eq!(Place::of(&place.text("j"), "j"), Some(place));
            assert_eq!(Place::of(&place.text("j"), "k"), None);
        }
        for bad in ["", "j", "j 3-12", "j 3-12 0 0", "j 3 0 0 0 0", "j 3-12 x 0 0 0"] {
            assert_eq!(Place::of(bad, "j"), None, "{bad}");
        }
    }
}
