//! Edge: what went wrong with PostgreSQL, in words, and what to do. Never with the address, which may hold a password, nor with
//! a row's content, which the server's details may show.

use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why a session with the database ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// Longest text of the server's that is passed on, in bytes.
const TEXT_MAX: usize = 300;

const ALTERED: &str = "the schema is not as it was migrated: somebody renamed, altered or dropped a part of it; `tickpath migrate --check` says which, put it back as `migrations/` has it";
const PRIVILEGE: &str = "its user may not do this: GRANT tickpath_writer TO that user (the roles come with `tickpath migrate`), and see that DATABASE_URL names it";
const ALONE: &str = "nothing to do: it is tried again";

/// What to do about an error that has its own remedy, by the server's code for it (PostgreSQL's manual, Appendix A).
const REMEDIES: [(&SqlState, &str); 27] = [
    (&SqlState::INVALID_PASSWORD, "name or password is wrong: see DATABASE_URL"),
    (
        &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        "the server lets this user not in: see the name in DATABASE_URL, and the server's pg_hba.conf",
    ),
    (&SqlState::INVALID_CATALOG_NAME, "there is no such database: see DATABASE_URL, or make it (CREATE DATABASE)"),
    (&SqlState::INSUFFICIENT_PRIVILEGE, PRIVILEGE),
    (
        &SqlState::READ_ONLY_SQL_TRANSACTION,
        "it takes no writes: give the primary's address in DATABASE_URL, or set `default_transaction_read_only = off`",
    ),
    (&SqlState::UNDEFINED_COLUMN, ALTERED),
    (&SqlState::UNDEFINED_TABLE, ALTERED),
    (&SqlState::UNDEFINED_FUNCTION, ALTERED),
    (&SqlState::INVALID_SCHEMA_NAME, ALTERED),
    (&SqlState::DATATYPE_MISMATCH, ALTERED),
    (&SqlState::NOT_NULL_VIOLATION, ALTERED),
    (&SqlState::INVALID_COLUMN_REFERENCE, ALTERED),
    (&SqlState::WRONG_OBJECT_TYPE, ALTERED),
    (&SqlState::CHECK_VIOLATION, "a partition is missing, or somebody added a check: it is looked at again"),
    (&SqlState::DISK_FULL, "its disk is full: make room there; nothing is lost, it goes on by itself"),
    (
        &SqlState::OUT_OF_MEMORY,
        "it is out of memory: see its `shared_buffers`, `work_mem` and `max_locks_per_transaction`",
    ),
    (&SqlState::IO_ERROR, "it cannot read or write its disk: see its log"),
    (
        &SqlState::TOO_MANY_CONNECTIONS,
        "it has no connection left: raise `max_connections`, or see who holds them in pg_stat_activity",
    ),
    (&SqlState::QUERY_CANCELED, "it took too long (`statement_timeout`), or somebody cancelled it: it is tried again"),
    (
        &SqlState::LOCK_NOT_AVAILABLE,
        "somebody holds a lock on it for long: see pg_locks and pg_stat_activity; it is tried again",
    ),
    (&SqlState::T_R_DEADLOCK_DETECTED, ALONE),
    (&SqlState::T_R_SERIALIZATION_FAILURE, ALONE),
    (&SqlState::ADMIN_SHUTDOWN, ALONE),
    (&SqlState::CRASH_SHUTDOWN, ALONE),
    (&SqlState::CANNOT_CONNECT_NOW, "it starts or ends; nothing to do but wait"),
    (&SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT, ALONE),
    (&SqlState::FEATURE_NOT_SUPPORTED, "it is older than PostgreSQL 13, or no PostgreSQL"),
];

impl Trouble {
    /// From the server's own code and message.
    pub fn of(code: &SqlState, message: &str) -> Self {
        let text = if message.len() > TEXT_MAX {
            format!("{} …", &message[..message.floor_char_boundary(TEXT_MAX)])
        } else {
            message.to_owned()
        };
        match REMEDIES.iter().find(|(known, _)| *known == code) {
            Some((_, remedy)) => Self(format!("PostgreSQL: {text}; {remedy}")),
            None => Self(format!("PostgreSQL: {text} (SQLSTATE {})", code.code())),
        }
    }

    /// It took longer than it may.
    pub fn too_slow(doing: &str) -> Self {
        Self(format!("PostgreSQL: it does not answer in time ({doing}); is it frozen, or cut off?"))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        if let Some(said) = error.as_db_error() {
            return Self::of(said.code(), said.message());
        }
        let source = error.source();
        let refused = source.and_then(|e| e.downcast_ref::<std::io::Error>()).is_some_and(|e| {
            e.kind() == std::io::ErrorKind::ConnectionRefused || e.kind() == std::io::ErrorKind::NotFound
        });
        let mut text = error.to_string();
        let mut next = source;
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        if refused {
            text.push_str("; nobody listens there: is it running, and is DATABASE_URL right?");
        } else if error.is_closed() {
            text.push_str("; the server ended, or the network did: it is tried again");
        } else if text.contains("TLS handshake") {
            text.push_str("; the server must speak TLS with a certificate for that name; other roots: `sslrootcert=FILE` in DATABASE_URL");
        } else if text.contains("password missing") {
            text.push_str("; it wants a password: give one in DATABASE_URL");
        }
        Self(format!("PostgreSQL: {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_common_faults_says_what_to_do() {
        let check = |code: SqlState, part: &str| {
            let Trouble(text) = Trouble::of(&code, "message");
            assert!(text.starts_with("PostgreSQL: message") && text.contains(part), "{text}");
        };
        check(SqlState::INVALID_PASSWORD, "name or password is wrong");
        check(SqlState::INVALID_CATALOG_NAME, "no such database");
        check(SqlState::INSUFFICIENT_PRIVILEGE, "GRANT tickpath_writer");
        check(SqlState::READ_ONLY_SQL_TRANSACTION, "primary's address");
        check(SqlState::UNDEFINED_COLUMN, "migrate --check");
        check(SqlState::DISK_FULL, "make room");
        check(SqlState::TOO_MANY_CONNECTIONS, "max_connections");
        check(SqlState::DIVISION_BY_ZERO, "SQLSTATE 22012");
        let Trouble(long) = Trouble::of(&SqlState::DIVISION_BY_ZERO, &"ä".repeat(1000));
        assert!(long.len() < 400, "{long}");
    }
}
