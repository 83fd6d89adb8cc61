//! Edge: the watch's ears: the channel on a connection of its own; hashes, sorted set and new keys on another.
//!
//! Each look ends with an answer on both connections, and answers come in order: so behind a look, all that was said before it
//! began has been heard. A store that is frozen gives no answer, and then nobody is called silent.

use super::setup::{Setup, steady};
use crate::acp::heartbeat::{Heartbeat, is_agent_id};
use crate::acp::time::parse_iso;
use crate::bridge::redis::connect::{self, Server};
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use crate::types::time::{Nanos, SECONDS, UnixNanos};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// To connect, to answer.
const WITHIN: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(2));
/// Longest value of a hash's field that is read, in bytes.
const VALUE_MAX: usize = 256;
/// Keys that are looked at in a step of a scan.
const STEP: usize = 500;
/// Looks that leave out the search for new members of the sorted set, if there was one that cannot be an agent.
const MEMBERS_WAIT: u32 = 50;
/// Refused things that are remembered, so that each is told once.
const REFUSED_MAX: usize = 1_024;

/// A sign of life.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    /// Whose.
    pub agent: String,
    /// Its status.
    pub status: String,
    /// When, as the agent says.
    pub claimed: Option<UnixNanos>,
    /// When it was heard, by the steady clock.
    pub at: Nanos,
}

/// What a look gave.
#[derive(Debug, Default)]
pub struct Look {
    /// Signs of life.
    pub signs: Vec<Sign>,
    /// Agents that are registered somewhere.
    pub found: Vec<String>,
    /// Agents of whom a sign of life stands there from before the first look at them.
    pub lived: Vec<String>,
    /// Agents of whom nothing is there.
    pub absent: Vec<String>,
    /// What was refused since the last look: how much, and some of it.
    pub refused: (u64, Vec<String>),
}

/// What the channel brought since the last look. Bounded: of each agent the newest.
#[derive(Debug, Default)]
struct Inbox {
    signs: BTreeMap<String, Sign>,
    refused: u64,
    sample: Vec<String>,
    over: bool,
}

impl Inbox {
    fn refuse(&mut self, what: String) {
        self.refused += 1;
        if self.sample.len() < 3 {
            self.sample.push(what);
        }
    }

    fn take(&mut self, message: &[u8], room: usize) {
        match Heartbeat::read(message) {
            Ok(beat) if self.signs.len() < room || self.signs.contains_key(&beat.agent_id) => {
                let (claimed, at) = (beat.claimed(), steady());
                let sign = Sign { agent: beat.agent_id.clone(), status: beat.status, claimed, at };
                self.signs.insert(beat.agent_id, sign);
            }
            Ok(beat) => self.refuse(format!("a heartbeat of {}: no room for more agents", beat.agent_id)),
            Err(error) => self.refuse(error.to_string()),
        }
    }
}

/// What was last read of an agent, and outlives a connection.
#[derive(Clone, Debug, Default)]
struct Last {
    seen: Option<Vec<u8>>,
    score: Option<f64>,
    /// Its hash has values that are too long to be read each time.
    is_long: bool,
}

/// What the looks remember.
#[derive(Debug, Default)]
pub struct Known {
    last: BTreeMap<String, Last>,
    refused: BTreeSet<String>,
    keys: u64,
    members: u64,
    /// Looks until the sorted set is searched for new members again.
    members_wait: u32,
}

/// Both connections.
pub struct Hearing {
    inbox: Arc<Mutex<Inbox>>,
    ear: MultiplexedConnection,
    store: Link,
    room: usize,
}

impl Hearing {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn open(setup: &Setup, client: &Server) -> Result<Self, Trouble> {
        let inbox: Arc<Mutex<Inbox>> = Arc::default();
        let store = connect::connect(client).await?;
        let (filled, room) = (Arc::clone(&inbox), 2 * setup.config.agents_max);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(WITHIN.0))
            .set_response_timeout(Some(WITHIN.1))
            .set_push_sender(move |push: PushInfo| {
                let mut inbox = filled.lock().unwrap_or_else(PoisonError::into_inner);
                match (push.kind, push.data.get(1)) {
                    (PushKind::Message, Some(Value::BulkString(message))) => inbox.take(message, room),
                    (PushKind::Message, _) => inbox.refuse("a message that is no text".to_owned()),
                    (PushKind::Disconnection, _) => inbox.over = true,
                    _ => {}
                }
                Ok::<(), ()>(())
            });
        let mut ear = store.ear(&config).await?;
        ear.subscribe(setup.names.channel("heartbeats")).await?;
        Ok(Self { inbox, ear, store, room })
    }

    /// The connection for everything else.
    pub fn store(&mut self) -> &mut Link {
        &mut self.store
    }

    /// What was said since the last look, by `agents` or others.
    ///
    /// # Errors
    /// [`Trouble`]: then it is not known what was said.
    pub async fn look(&mut self, setup: &Setup, agents: &[String], known: &mut Known) -> Result<Look, Trouble> {
        let at = steady();
        let mut pipe = redis::pipe();
        pipe.ignore_errors();
        for agent in agents {
            let key = setup.names.presence(agent);
            pipe.cmd("EXISTS").arg(&key);
            if known.last.get(agent).is_some_and(|last| last.is_long) {
                pipe.cmd("HSTRLEN").arg(key).arg("last_seen");
            } else {
                pipe.cmd("HMGET").arg(key).arg("last_seen").arg("status");
            }
            pipe.cmd("ZSCORE").arg(setup.names.engine_heartbeats()).arg(agent);
        }
        let pattern = setup.names.presence("*");
        pipe.cmd("SCAN").arg(known.keys).arg("MATCH").arg(&pattern).arg("COUNT").arg(STEP);
        known.members_wait = known.members_wait.saturating_sub(1);
        let asks_members = known.members_wait == 0;
        if asks_members {
            pipe.cmd("ZSCAN").arg(setup.names.engine_heartbeats()).arg(known.members).arg("COUNT").arg(STEP);
        }
        let mut ear = self.ear.clone();
        let ping = async move { Ok::<_, Trouble>(redis::cmd("PING").query_async::<()>(&mut ear).await?) };
        let store = &mut self.store;
        let asked = async move {
            let asked = tokio::time::timeout(WITHIN.1, pipe.query_async::<Vec<RedisResult<Value>>>(store)).await;
            Ok(asked.map_err(|_| Trouble("Redis: it does not answer in time".to_owned()))??)
        };
        let ((), answers) = tokio::try_join!(ping, asked)?;
        let mut look = Look::default();
        let mut answers = answers.into_iter();
        for agent in agents {
            let there = answers.next();
            let (hash, score) = (answers.next(), answers.next());
            // What is not known to be gone is there.
            if matches!(there, Some(Ok(Value::Int(0)))) && matches!(score, Some(Ok(Value::Nil))) {
                look.absent.push(agent.clone());
            }
            known.read(agent, hash, score, at, &mut look);
        }
        let prefix = pattern.len() - 1;
        let mut odd = scan(answers.next(), &mut known.keys, prefix, 1, &mut look.found);
        if asks_members {
            let bad = scan(answers.next(), &mut known.members, 0, 2, &mut look.found);
            if bad.is_some() {
                // What is in the way may be long: it is not fetched again and again.
                known.members_wait = MEMBERS_WAIT;
            }
            odd = odd.or(bad);
        }
        if let Some(what) = odd {
            known.refuse(&mut look, what);
        }
        // Only now: what the channel brought before the answer is in here.
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.over {
            return Err(Trouble("Redis: the connection that hears the heartbeats is lost".to_owned()));
        }
        look.signs.extend(std::mem::take(&mut inbox.signs).into_values());
        look.refused.0 += std::mem::take(&mut inbox.refused);
        look.refused.1.append(&mut inbox.sample);
        drop(inbox);
        known.last.retain(|agent, _| agents.contains(agent) || look.found.contains(agent));
        debug_assert!(look.signs.len() <= self.room + 2 * agents.len(), "bounded");
        Ok(look)
    }
}

/// One step of a scan: each `every`-th name, without its first `skip` bytes, is an agent; what cannot be used of it, in words.
fn scan(
    answer: Option<RedisResult<Value>>,
    cursor: &mut u64,
    skip: usize,
    every: usize,
    found: &mut Vec<String>,
) -> Option<String> {
    let read = answer.map(|answer| answer.and_then(|value| Ok(redis::from_redis_value(value)?)));
    let (next, names): (u64, Vec<Vec<u8>>) = match read? {
        Ok(read) => read,
        Err(error) => return Some(Trouble::from(error).0),
    };
    *cursor = next;
    let mut odd = None;
    for name in names.iter().step_by(every) {
        match name.get(skip..).and_then(|id| std::str::from_utf8(id).ok()).filter(|id| is_agent_id(id)) {
            Some(id) => found.push(id.to_owned()),
            None => odd = Some(format!("a name of {} bytes that is no agent's", name.len())),
        }
    }
    odd
}

impl Known {
    /// Counts what cannot be used, and tells it once.
    fn refuse(&mut self, look: &mut Look, what: String) {
        if self.refused.len() < REFUSED_MAX && self.refused.insert(what.clone()) {
            look.refused.0 += 1;
            look.refused.1.push(what);
        }
    }

    /// What hash and sorted set say of `agent`: a sign of life if they say another thing than before.
    fn read(
        &mut self,
        agent: &str,
        hash: Option<RedisResult<Value>>,
        score: Option<RedisResult<Value>>,
        at: Nanos,
        look: &mut Look,
    ) {
        let first = !self.last.contains_key(agent);
        let mut last = self.last.remove(agent).unwrap_or_default();
        let mut seen = None;
        let mut status = Vec::new();
        match hash {
            Some(Ok(Value::Int(length))) => {
                last.is_long = usize::try_from(length).is_ok_and(|length| length > VALUE_MAX);
                seen.clone_from(&last.seen);
            }
            Some(Ok(Value::Array(values))) => {
                let mut fields = values.into_iter().map(|value| match value {
                    Value::BulkString(bytes) => Some(bytes),
                    _ => None,
                });
                (seen, status) = (fields.next().flatten(), fields.next().flatten().unwrap_or_default());
                let longest = seen.as_ref().map_or(0, Vec::len).max(status.len());
                if longest > VALUE_MAX {
                    last.is_long = true;
                    seen.clone_from(&last.seen);
                    self.refuse(look, format!("the hash of {agent}: a value of {longest} bytes"));
                }
            }
            Some(Err(error)) => {
                self.refuse(look, format!("the hash of {agent}: {}", Trouble::from(error).0));
                seen.clone_from(&last.seen);
            }
            _ => {}
        }
        let score = match score {
            Some(Ok(value)) => redis::from_redis_value::<Option<f64>>(value).ok().flatten(),
            Some(Err(error)) => {
                self.refuse(look, Trouble::from(error).0);
                last.score
            }
            None => None,
        };
        let status = String::from_utf8_lossy(&status).into_owned();
        if !first && seen.is_some() && seen != last.seen {
            let text = seen.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
            let claimed = text.and_then(|text| parse_iso(text).ok());
            if claimed.is_none() {
                self.refuse(look, format!("the hash of {agent}: `last_seen` is no time"));
            }
            look.signs.push(Sign { agent: agent.to_owned(), status: status.clone(), claimed, at });
        }
        if !first
            && let Some(score) = score
            && last.score != Some(score)
        {
            // Beyond what a time can be it is as far off as can be told.
            let claimed = Some((score * SECONDS as f64) as i64);
            look.signs.push(Sign { agent: agent.to_owned(), status, claimed, at });
        }
        // An agent that was found by what it wrote has written once: whoever never writes again is missed, not unknown.
        if first && (seen.is_some() || score.is_some()) {
            look.lived.push(agent.to_owned());
        }
        (last.seen, last.score) = (seen, score);
        self.last.insert(agent.to_owned(), last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inbox_is_bounded_and_counts_what_it_refuses() {
        let mut inbox = Inbox::default();
        for number in 0..10 {
            let beat = Heartbeat::new(&format!("a{number}"), "alive", 0);
            inbox.take(&serde_json::to_vec(&beat).unwrap(), 8);
        }
        for junk in [&b"x"[..], &vec![b'x'; 100_000], b"{}", b"null", b"\xff"] {
            inbox.take(junk, 8);
        }
        inbox.take(br#"{"agent_id":"a1","status":"degraded","timestamp":"?"}"#, 8);
        assert_eq!((inbox.signs.len(), inbox.refused, inbox.sample.len()), (8, 7, 3));
        assert_eq!((inbox.signs["a1"].status.as_str(), inbox.signs["a1"].claimed), ("degraded", None));
    }

    #[test]
    fn what_stands_there_at_the_first_look_was_a_sign_once_and_is_none_now() {
        let none = || Some(Ok(Value::Array(vec![Value::Nil, Value::Nil])));
        let hash = || Some(Ok(Value::Array(vec![Value::BulkString(b"1970-01-01T00:00:01".to_vec()), Value::Nil])));
        let score = || Some(Ok(Value::BulkString(b"1".to_vec())));
        let check = |hash: Option<RedisResult<Value>>, score: Option<RedisResult<Value>>, lived: usize| {
            let mut look = Look::default();
            Known::default().read("a", hash, score, 7, &mut look);
            assert_eq!((look.lived.len(), look.signs.len()), (lived, 0));
        };
        check(none(), score(), 1);
        check(hash(), Some(Ok(Value::Nil)), 1);
        check(none(), Some(Ok(Value::Nil)), 0);
    }

    #[test]
    fn a_value_that_changes_is_a_sign_of_life_and_one_that_stands_is_none() {
        let mut known = Known::default();
        let hash = |text: &str| {
            Some(Ok(Value::Array(vec![Value::BulkString(text.into()), Value::BulkString(b"alive".to_vec())])))
        };
        let none = || Some(Ok(Value::Array(vec![Value::Nil, Value::Nil])));
        let score = |text: &str| Some(Ok(Value::BulkString(text.into())));
        let mut read = |hash, score| {
            let mut look = Look::default();
            known.read("a", hash, score, 7, &mut look);
            let claimed: Vec<_> = look.signs.iter().map(|sign| sign.claimed).collect();
            assert!(look.lived.is_empty(), "nothing stood there at the first look");
            (claimed, look.refused.0)
        };
        assert_eq!(read(none(), Some(Ok(Value::Nil))), (vec![], 0));
        assert_eq!(read(hash("1970-01-01T00:00:01"), Some(Ok(Value::Nil))), (vec![Some(SECONDS)], 0));
        assert_eq!(read(hash("1970-01-01T00:00:01"), score("2")), (vec![Some(2 * SECONDS)], 0));
        assert_eq!(read(hash("1970-01-01T00:00:01"), score("2")), (vec![], 0));
        assert_eq!(read(hash("soon"), score("inf")), (vec![None, Some(i64::MAX)], 1));
        // Too long: refused, once, no sign; then only its length is asked.
        assert_eq!(read(hash(&"x".repeat(1000)), score("inf")), (vec![], 1));
        assert_eq!(read(Some(Ok(Value::Int(1000))), score("inf")), (vec![], 0));
        assert_eq!(read(Some(Ok(Value::Int(20))), score("inf")), (vec![], 0));
        assert_eq!(read(hash("1970-01-01T00:00:03"), score("inf")), (vec![Some(3 * SECONDS)], 0));
        // Another type.
        let wrong = || Some(Err(redis::RedisError::from((redis::ErrorKind::Extension, "WRONGTYPE", "x".to_owned()))));
        assert_eq!(read(wrong(), score("inf")), (vec![], 1));
        assert_eq!(read(wrong(), wrong()), (vec![], 1), "the set is told too, the hash was");
    }
}
