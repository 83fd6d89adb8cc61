//! Edge: which host does a task: one, though copies of the task stand in the queue and several hosts take from it.
//!
//! A claim is a key with the host's name and the server's time, renewed while the host has the task in hand. Another host that
//! meets a copy does not drop it while there is no outcome: it keeps the copy in its own hands, and asks again.
//! - The claimant is alive: it says the outcome, and the copy is over with it.
//! - The claimant was killed and starts again, which takes seconds to minutes: the task stands in its list of what is in hand,
//!   the claim is still its own, and it goes on. So the lease (`[intake] claim_seconds`) must be longer than a restart: ten
//!   minutes, as long as a claim of a mission's step counts.
//! - The claimant did not say anything for longer, and may be gone for ever. Whether the task had its effect there before it
//!   died nobody else knows: its journal does. What only asks, or can only stop or reduce, is done by the other host: twice, it
//!   does no harm. What moves positions is not: the copy is refused with the reason, its sender decides. Nothing is remembered
//!   as its outcome then, so that the claimant, if it comes back, still does what it took, or tells what it did.
//!
//! The outcome and the claim are looked at in one step, and the outcome is set where the claim is taken off: a host that saw no
//! outcome never finds the claim free behind one.

use super::keys::Keys;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use redis::{RedisError, Script};
use std::time::{Duration, Instant};

/// Renewals within a lease.
const RENEWALS: u32 = 10;
/// So long it is known who had a task: as long as outcomes that had an effect are.
pub const REMEMBERED: Duration = Duration::from_hours(7 * 24);

/// Takes the claim, if it may be had, and counts the try. KEYS: claim, outcome, tries. ARGV: host, task, lease, how long it is
/// remembered, whether a claim that lapsed may be taken over, how many tries it is more. A key that somebody made something else of
/// is told with its name; the tries are this host's own, and are counted anew then.
const CLAIM: &str = r"
local function text(key)
    local value = redis.pcall('GET', key)
    if type(value) == 'table' and string.find(value.err, 'WRONGTYPE', 1, true) then return nil, {'broken', key} end
    if type(value) == 'table' then return nil, value end
    return value
end
local done, odd = text(KEYS[2])
if odd then return odd end
if done then return {'done', done} end
local now = tonumber(redis.call('TIME')[1])
local claim, odd = text(KEYS[1])
if odd then return odd end
if claim then
    local holder, at = string.match(claim, '^(%S+) (%d+)$')
    holder, at = holder or claim, tonumber(at or 0)
    if holder ~= ARGV[1] then
        if now - at < tonumber(ARGV[3]) then return {'held', holder} end
        if ARGV[5] == '0' then return {'lapsed', holder} end
    end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. now, 'EX', ARGV[4])
local tries = redis.pcall('HINCRBY', KEYS[3], ARGV[2], ARGV[6])
if type(tries) == 'table' and (string.find(tries.err, 'WRONGTYPE', 1, true) or string.find(tries.err, 'not an integer', 1, true)) then
    redis.call('DEL', KEYS[3])
    tries = redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
end
if type(tries) == 'table' then return tries end
redis.call('EXPIRE', KEYS[3], ARGV[4])
return {'ours', tostring(tries)}
";

/// Says again that the task is in hand, also where the server has forgotten it (an eviction, a stale replica): another host would
/// take a copy else. Not where it is done. KEYS: claim, outcome. ARGV: host, how long it is remembered.
const RENEW: &str = r"
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local claim = redis.pcall('GET', KEYS[1])
if claim == false or type(claim) == 'string' and string.match(claim, '^(%S+)') == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. redis.call('TIME')[1], 'EX', ARGV[2])
end
return 0
";

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It was done: this is its outcome.
    Done(String),
    /// This host does it, for the so-many-th time.
    Ours(u32),
    /// That other host does it.
    Held(String),
    /// This key of the task is not what hosts write there: whether it was done is not known.
    Broken(String),
    /// That other host had it, and nothing was heard of it for longer than a lease.
    Lapsed(String),
}

/// Claims of one host.
pub struct Claims {
    claim: Script,
    lease: Duration,
    renewed: Instant,
}

impl Claims {
    /// A claim that is not renewed counts for `lease`.
    pub fn new(lease: Duration) -> Self {
        Self { claim: Script::new(CLAIM), lease, renewed: Instant::now() }
    }

    /// Claims the task, if it is not done and no other host does it; counts the try, if it `counts`. `takes_over`: also if the
    /// other host's claim has lapsed.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn claim(
        &self,
        at: &mut Link,
        keys: &Keys,
        task_id: &str,
        takes_over: bool,
        counts: bool,
    ) -> Result<Claimed, Trouble> {
        let mut call = self.claim.key(keys.claim(task_id));
        call.key(keys.done(task_id)).key(&keys.attempts);
        call.arg(keys.host())
            .arg(task_id)
            .arg(self.lease.as_secs())
            .arg(REMEMBERED.as_secs())
            .arg(u8::from(takes_over))
            .arg(u8::from(counts));
        let (how, what): (String, Vec<u8>) = call.invoke_async(at).await?;
        let Ok(what) = String::from_utf8(what) else {
            // Whoever wrote that is no host.
            let key = if how == "done" { keys.done(task_id) } else { keys.claim(task_id) };
            return Ok(Claimed::Broken(key));
        };
        match how.as_str() {
            "done" => Ok(Claimed::Done(what)),
            "held" => Ok(Claimed::Held(what)),
            "lapsed" => Ok(Claimed::Lapsed(what)),
            "broken" => Ok(Claimed::Broken(what)),
            _ => {
                let odd = |_| Trouble(format!("Redis: `{}`: tries of a task that are no number", keys.attempts));
                Ok(Claimed::Ours(what.parse().map_err(odd)?))
            }
        }
    }

    /// Says again, where it is time to, that `tasks` are in hand.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn renew(
        &mut self,
        at: &mut Link,
        keys: &Keys,
        tasks: impl Iterator<Item = &str>,
    ) -> Result<(), Trouble> {
        if self.renewed.elapsed() < self.lease / RENEWALS {
            return Ok(());
        }
        self.renewed = Instant::now();
        let mut pipe = redis::pipe();
        for task_id in tasks {
            pipe.cmd("EVAL").arg(RENEW).arg(2).arg(keys.claim(task_id)).arg(keys.done(task_id));
            pipe.arg(keys.host()).arg(REMEMBERED.as_secs()).ignore();
        }
        if pipe.is_empty() { Ok(()) } else { Ok(pipe.query_async(at).await?) }
    }
}

/// One more try of the command `number` to `agent`, if it `counts`; which one it is.
///
/// # Errors
/// [`Trouble`].
pub async fn begin_command(at: &mut Link, keys: &Keys, agent: &str, number: u64, counts: bool) -> Result<u32, Trouble> {
    let list = keys.commands_attempts(agent);
    let mut count = redis::cmd("HINCRBY");
    count.arg(&list).arg(number).arg(u8::from(counts));
    let tries = match count.query_async(at).await {
        // Somebody made something else of it: it is this host's own, and is counted anew.
        Err(error) if is_of_another_kind(&error) => {
            redis::cmd("DEL").arg(&list).query_async::<()>(at).await?;
            redis::cmd("HINCRBY").arg(&list).arg(number).arg(1).query_async(at).await?
        }
        counted => counted?,
    };
    redis::cmd("EXPIRE").arg(&list).arg(REMEMBERED.as_secs()).query_async::<()>(at).await?;
    Ok(tries)
}

/// Whether the server refused because the key, or what stands in it, is of another kind than was asked for.
pub fn is_of_another_kind(error: &RedisError) -> bool {
    let text = error.to_string();
    ["WRONGTYPE", "wrong kind of value", "not an integer"].iter().any(|part| text.contains(part))
}
