//! Edge: an entry of the engine's audit stream.

use crate::acp::agent::{AUDIT_FIELDS, AuditEntry};
use crate::acp::names::Names;
use redis::Cmd;

/// The command that adds `entry`, and keeps about `length` of all. The stream is shared with other hosts and with engines, so the
/// server gives the ids; an entry that follows from an event is added in the transaction that adds the event to its stream, which
/// is done once.
pub fn add(names: &Names, length: u64, entry: &AuditEntry<'_>) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(names.aism("audit")).arg("MAXLEN").arg("~").arg(length).arg("*");
    for (name, value) in AUDIT_FIELDS.iter().zip(entry.values()) {
        command.arg(name).arg(value.as_bytes());
    }
    command
}
