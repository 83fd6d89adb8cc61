//! Edge: what went wrong with Redis, in words, and what to do. Never with the address, which may hold a password.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a session with the store ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// Longest text of the server's that is passed on, in bytes.
const TEXT_MAX: usize = 200;

/// What to do about an error that has its own remedy, by the server's word for it.
const REMEDIES: [(&str, &str); 13] = [
    ("WRONGPASS", "name or password is wrong: see REDIS_URL"),
    ("NOAUTH", "it wants a password: give one in REDIS_URL (redis://NAME:PASSWORD@HOST)"),
    (
        "NOPERM",
        "its user may not do this: `ACL SETUSER NAME ~binaryrogue:* ~aism:* &* +@all -@dangerous +config|get +info`, in a cluster also `~{binaryrogue:* ~{aism:* +cluster|slots +cluster|info`",
    ),
    ("READONLY", "this is a read-only replica: give the primary's address in REDIS_URL"),
    ("OOM", "it is out of memory and may not evict: more `maxmemory`, or a smaller `[redis] stream_length`"),
    ("MISCONF", "it cannot save to its disk and takes no writes: make room there"),
    (
        "WRONGTYPE",
        "the key is there with another type: somebody else uses the name; set `[redis] prefix` or `[host] name`",
    ),
    ("LOADING", "it is loading its data; nothing to do but wait"),
    ("CrossSlot: ", IS_CLUSTER),
    ("Moved: ", IS_CLUSTER),
    ("Ask: ", "the keys are on their way to another node of the cluster; nothing to do but wait"),
    ("TryAgain: ", "the keys are on their way to another node of the cluster; nothing to do but wait"),
    ("ClusterDown: ", "the cluster is not whole: see `CLUSTER INFO` of its nodes"),
];
/// The key is at another node.
const IS_CLUSTER: &str = "it is a node of a cluster: set `[redis] cluster = true`; if that is set, the keys have moved and are looked for again";

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        let code = error.code().unwrap_or_default();
        // A transaction that was refused gives the reason inside.
        let text = error.to_string();
        let remedy = REMEDIES.iter().find(|(word, _)| code == *word || text.contains(word)).map(|(_, remedy)| *remedy);
        let remedy = remedy.or(match error.kind() {
            ErrorKind::AuthenticationFailed => Some("name or password is wrong: see REDIS_URL"),
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Some(REMEDIES[3].1),
            ErrorKind::Server(ServerErrorKind::BusyLoading) => Some(REMEDIES[7].1),
            ErrorKind::RESP3NotSupported => Some("it is older than Redis 6: a newer one, or Valkey, is needed"),
            _ if error.is_connection_refusal() => Some("nobody listens there: is it running, and is REDIS_URL right?"),
            _ if error.is_timeout() => Some("it does not answer in time"),
            _ => None,
        });
        // One that names every entry of a batch is as long as the batch.
        let text =
            if text.len() > TEXT_MAX { format!("{} …", &text[..text.floor_char_boundary(TEXT_MAX)]) } else { text };
        Self(match remedy {
            Some(remedy) => format!("Redis: {text}; {remedy}"),
            None => format!("Redis: {text}"),
        })
    }
}
