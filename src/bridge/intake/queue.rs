//! Edge: the lists: an item is taken in one step into a list of ours, and leaves that list in one step with its outcome.
//!
//! `BRPOP` would lose the item of a consumer that dies behind it. Producers go on with `LPUSH`, and other consumers may go on
//! with `BRPOP`.

use super::config::IntakeConfig;
use super::keys::Keys;
use crate::acp::agent::AuditEntry;
use crate::bridge::redis::audit;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use redis::{Pipeline, Script};
use serde_json::json;

/// Takes the oldest item that is addressed to one of ARGV, or to nobody, or that cannot be read as a task; leaves the others
/// where they stand. Only what may be ours is decoded, and of a long queue the oldest 10 000 items are looked at: others' items
/// cost little. It is added before it is removed: a script that fails in between is not undone.
const TAKE: &str = r#"
local ours = {}
for _, name in ipairs(ARGV) do ours[name] = true end
local function is_ours(item)
    local at = string.find(item, '"receiver"', 1, true)
    local inner = string.find(item, '{', 2, true)
    if at and (not inner or inner > at) then
        local name = string.match(item, '^"receiver"%s*:%s*"([^"\\]*)"', at)
        if name and name ~= '' then return ours[name] == true end
    end
    local read, task = pcall(cjson.decode, item)
    if not read or type(task) ~= 'table' then return true end
    local name = task['receiver']
    if type(name) ~= 'string' or name == '' then return true end
    return ours[name] == true
end
local length = math.min(redis.call('LLEN', KEYS[1]), 10000)
local last = -1
while -last <= length do
    local items = redis.call('LRANGE', KEYS[1], last - 99, last)
    for i = #items, 1, -1 do
        if is_ours(items[i]) then
            redis.call('LPUSH', KEYS[2], items[i])
            redis.call('LREM', KEYS[1], -1, items[i])
            return items[i]
        end
    end
    last = last - 100
end
return false
"#;

/// Takes the oldest item of the first list of KEYS that has one; each list is followed by the one that it goes to.
const TAKE_ANY: &str = "
for i = 1, #KEYS, 2 do
    local item = redis.call('RPOPLPUSH', KEYS[i], KEYS[i + 1])
    if item then return {(i + 1) / 2, item} end
end
return false
";

/// How long the outcome of a task that had an effect is remembered, in seconds: seven days.
const DONE_SECONDS: u64 = 7 * 86_400;
/// The same of one that only asked: the answer may be long, and asking again changes nothing.
const ANSWERED_SECONDS: u64 = 600;

/// The scripts.
pub struct Queue {
    take: Script,
    take_any: Script,
}

impl Default for Queue {
    fn default() -> Self {
        Self { take: Script::new(TAKE), take_any: Script::new(TAKE_ANY) }
    }
}

impl Queue {
    /// Takes the next task.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn take(&self, at: &mut Link, keys: &Keys) -> Result<Option<Vec<u8>>, Trouble> {
        let mut call = self.take.prepare_invoke();
        call.key(&keys.tasks).key(&keys.processing);
        for name in keys.receivers() {
            call.arg(name);
        }
        Ok(call.invoke_async(at).await?)
    }

    /// Takes the next command to one of `agents`, with that agent.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn take_command(
        &self,
        at: &mut Link,
        keys: &Keys,
        agents: &[&'static str],
    ) -> Result<Option<(&'static str, Vec<u8>)>, Trouble> {
        let mut call = self.take_any.prepare_invoke();
        for agent in agents {
            call.key(keys.commands(agent)).key(keys.commands_processing(agent));
        }
        let taken: Option<(usize, Vec<u8>)> = call.invoke_async(at).await?;
        Ok(taken.and_then(|(place, item)| Some((*agents.get(place.checked_sub(1)?)?, item))))
    }
}

/// All of a list, the oldest first.
///
/// # Errors
/// [`Trouble`].
pub async fn left_in(at: &mut Link, list: &str) -> Result<Vec<Vec<u8>>, Trouble> {
    let mut items: Vec<Vec<u8>> = redis::cmd("LRANGE").arg(list).arg(0).arg(-1).query_async(at).await?;
    items.reverse();
    Ok(items)
}

/// Says that this host does the task, if no other does; who does it.
///
/// # Errors
/// [`Trouble`].
pub async fn claim(at: &mut Link, keys: &Keys, task_id: &str) -> Result<String, Trouble> {
    let key = keys.claim(task_id);
    let mut pipe = redis::pipe();
    pipe.atomic();
    pipe.cmd("SET").arg(&key).arg(keys.host()).arg("NX").arg("EX").arg(DONE_SECONDS).ignore();
    pipe.cmd("GET").arg(&key);
    let (holder,): (String,) = pipe.query_async(at).await?;
    Ok(holder)
}

/// What the shared queue looks like from outside: if it is the same as before a fruitless look, another would be fruitless too.
///
/// # Errors
/// [`Trouble`].
pub async fn face(at: &mut Link, keys: &Keys) -> Result<Face, Trouble> {
    let mut pipe = redis::pipe();
    pipe.cmd("LLEN").arg(&keys.tasks);
    // Items are long; their ends are enough to tell a new one.
    pipe.cmd("LINDEX").arg(&keys.tasks).arg(0);
    pipe.cmd("LINDEX").arg(&keys.tasks).arg(-1);
    let (length, newest, oldest): (u64, Option<Vec<u8>>, Option<Vec<u8>>) = pipe.query_async(at).await?;
    let digest = |item: Option<Vec<u8>>| item.map_or(0, |item| xxhash_rust::xxh3::xxh3_64(&item));
    Ok(Face { length, newest: digest(newest), oldest: digest(oldest) })
}

/// See [`face`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Face {
    length: u64,
    newest: u64,
    oldest: u64,
}

impl Face {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// One more try of a task; which one it is.
///
/// # Errors
/// [`Trouble`].
pub async fn begin(at: &mut Link, keys: &Keys, task_id: &str) -> Result<u32, Trouble> {
    Ok(redis::cmd("HINCRBY").arg(&keys.attempts).arg(task_id).arg(1).query_async(at).await?)
}

/// The outcome of a task that was done already.
///
/// # Errors
/// [`Trouble`].
pub async fn outcome_of(at: &mut Link, keys: &Keys, task_id: &str) -> Result<Option<String>, Trouble> {
    Ok(redis::cmd("GET").arg(keys.done(task_id)).query_async(at).await?)
}

/// What is done in one step with an item: taken off our list, with everything that tells of it.
pub struct Settled(Pipeline);

impl Settled {
    /// Takes `item` off `list`.
    pub fn new(list: &str, item: &[u8]) -> Self {
        let mut pipe = Pipeline::new();
        pipe.atomic();
        pipe.cmd("LREM").arg(list).arg(1).arg(item).ignore();
        Self(pipe)
    }

    /// Nothing is taken off anywhere: a message of a channel.
    pub fn of_message() -> Self {
        let mut pipe = Pipeline::new();
        pipe.atomic();
        Self(pipe)
    }

    /// Publishes.
    #[must_use]
    pub fn publish(mut self, channel: &str, text: &str) -> Self {
        self.0.cmd("PUBLISH").arg(channel).arg(text).ignore();
        self
    }

    /// Remembers the outcome of a task (for long, if it had an `effect`), keeps it for PostgreSQL where somebody `waits` for it,
    /// and forgets its tries.
    #[must_use]
    pub fn done(mut self, keys: &Keys, task_id: &str, outcome: &str, effect: bool, waits: bool) -> Self {
        let seconds = if effect { DONE_SECONDS } else { ANSWERED_SECONDS };
        self.0.cmd("SET").arg(keys.done(task_id)).arg(outcome).arg("EX").arg(seconds).ignore();
        self.0.cmd("HDEL").arg(&keys.attempts).arg(task_id).ignore();
        if waits {
            self.0.cmd("LPUSH").arg(&keys.outcomes).arg(outcome).ignore();
        }
        self
    }

    /// Keeps a response for the engine, then publishes it.
    #[must_use]
    pub fn respond(mut self, keys: &Keys, config: &IntakeConfig, response: &str) -> Self {
        self.0.cmd("LPUSH").arg(&keys.response_queue).arg(response).ignore();
        self.0.cmd("LTRIM").arg(&keys.response_queue).arg(0).arg(config.responses_max - 1).ignore();
        self.publish(&keys.responses, response)
    }

    /// Sets an agent's state.
    #[must_use]
    pub fn state(mut self, key: &str, state: &str) -> Self {
        self.0.cmd("SET").arg(key).arg(state).ignore();
        self
    }

    /// An entry of the audit stream.
    #[must_use]
    pub fn audit(mut self, keys: &Keys, length: u64, entry: &AuditEntry<'_>) -> Self {
        self.0.add_command(audit::add(keys.names(), length, entry)).ignore();
        self
    }

    /// A dead letter: the item as it came, and why it was given up. What is no text is shown as such.
    #[must_use]
    pub fn dead(mut self, list: &str, config: &IntakeConfig, item: &[u8], why: &str, by: &str, at: &str) -> Self {
        // A huge one is cut: what it was is known by its length.
        let shown = String::from_utf8_lossy(&item[..item.len().min(config.message_bytes as usize)]);
        let letter = json!({"reason": why, "at": at, "by": by, "bytes": item.len(), "item": shown}).to_string();
        self.0.cmd("LPUSH").arg(list).arg(letter).ignore();
        self.0.cmd("LTRIM").arg(list).arg(0).arg(config.dead_max - 1).ignore();
        self
    }

    /// Does it, all or nothing.
    ///
    /// # Errors
    /// [`Trouble`]: whether it was done is not known then; doing it again changes nothing that counts.
    pub async fn send(self, at: &mut Link) -> Result<(), Trouble> {
        Ok(self.0.query_async(at).await?)
    }
}
