//! Edge: an item leaves our list with everything that tells of it: in one transaction, or, where the keys lie on several nodes
//! of a cluster, in steps.
//!
//! The steps go in an order in which a kill between any two is made good by doing them all again: first what is told elsewhere,
//! each step known by a key of its own beside what it changes, so that the second time it is left out; the acknowledgement last.

use super::claim::REMEMBERED;
use super::config::IntakeConfig;
use super::keys::Keys;
use crate::acp::agent::AuditEntry;
use crate::bridge::redis::audit;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use redis::{Arg, Cmd, Pipeline, RedisError, Value};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// How long the answer to a task that only asked is remembered, in seconds: it may be long, and asking again changes nothing.
const ANSWERED_SECONDS: u64 = 600;
/// How long a step is known to be done, in seconds, if the host dies behind it: longer than a restart takes, and not much, since
/// a kill right behind the acknowledgement leaves it standing, where it would keep back the answer to a repeat of the same item.
const TOLD_SECONDS: u64 = 300;

/// Does commands, unless that was done before. KEYS: by what it is known, and what the commands change. ARGV: how long it is
/// known, and each command: how many words, the words. What is refused for good, since what stands at the key is not what should,
/// keeps none of the others from being done, and is the answer (`1` = nothing was refused), also when it is asked again. At any
/// other refusal all of it is left to be done again: told twice, and not lost.
const ONCE: &str = r"
local known = redis.call('GET', KEYS[1])
if known then return known end
local function for_good(text)
    return string.match(text, '^WRONGTYPE') or string.find(text, 'exhausted the last possible ID', 1, true)
        or string.find(text, 'equal or smaller than the target stream top item', 1, true)
end
local at, answer = 2, '1'
while at <= #ARGV do
    local words = tonumber(ARGV[at])
    local told = redis.pcall(unpack(ARGV, at + 1, at + words))
    if type(told) == 'table' and told.err then
        if not for_good(told.err) then return told end
        answer = answer == '1' and told.err or answer
    end
    at = at + words + 1
end
redis.call('SET', KEYS[1], answer, 'EX', ARGV[1])
return answer
";

/// What is told elsewhere: changes of one key, and messages on channels.
#[derive(Debug)]
struct Step {
    key: String,
    commands: Vec<Cmd>,
}

/// A command, and whether nothing is settled without it.
type Part = (Cmd, bool);

/// What is done with an item: taken off our list, with everything that tells of it.
#[derive(Debug)]
pub struct Settled<'a> {
    keys: &'a Keys,
    /// The item's number; 0 = none, and nothing is told elsewhere.
    number: u64,
    steps: Vec<Step>,
    /// On our list and what lies beside it; last.
    acknowledge: Vec<Part>,
}

fn publishing(channel: &str, text: &str) -> Cmd {
    let mut command = redis::cmd("PUBLISH");
    command.arg(channel).arg(text);
    command
}

/// A command's words.
fn words(command: &Cmd) -> Vec<&[u8]> {
    let word = |arg| match arg {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    };
    command.args_iter().filter_map(word).collect()
}

impl<'a> Settled<'a> {
    /// Takes `item`, which has this number, off `list`.
    pub fn new(keys: &'a Keys, list: &str, item: &[u8], number: u64) -> Self {
        let mut remove = redis::cmd("LREM");
        remove.arg(list).arg(1).arg(item);
        Self { keys, number, steps: Vec::new(), acknowledge: vec![(remove, true)] }
    }

    /// Nothing is taken off anywhere: a message of a channel.
    pub fn of_message(keys: &'a Keys) -> Self {
        Self { keys, number: 0, steps: Vec::new(), acknowledge: Vec::new() }
    }

    /// Publishes, with the acknowledgement.
    #[must_use]
    pub fn publish(mut self, channel: &str, text: &str) -> Self {
        self.acknowledge.push((publishing(channel, text), true));
        self
    }

    /// Remembers the outcome of a task (for long, if it had an `effect`), keeps it for PostgreSQL where somebody `waits` for it,
    /// and forgets its tries and whose it was: the outcome says more.
    #[must_use]
    pub fn done(mut self, task_id: &str, outcome: &str, effect: bool, waits: bool) -> Self {
        let keys = self.keys;
        let seconds = if effect { REMEMBERED.as_secs() } else { ANSWERED_SECONDS };
        let (mut set, mut tries, mut claim) = (redis::cmd("SET"), redis::cmd("HDEL"), redis::cmd("DEL"));
        set.arg(keys.done(task_id)).arg(outcome).arg("EX").arg(seconds);
        tries.arg(&keys.attempts).arg(task_id);
        claim.arg(keys.claim(task_id));
        self.acknowledge.extend([set, tries, claim].map(|command| (command, true)));
        if waits {
            let mut keep = redis::cmd("LPUSH");
            keep.arg(&keys.outcomes).arg(outcome);
            self.acknowledge.push((keep, true));
        }
        self
    }

    /// Forgets the tries of a task whose outcome another host has.
    #[must_use]
    pub fn untried(mut self, task_id: &str) -> Self {
        let mut tries = redis::cmd("HDEL");
        tries.arg(&self.keys.attempts).arg(task_id);
        self.acknowledge.push((tries, true));
        self
    }

    /// Forgets the tries of a command to `agent`.
    #[must_use]
    pub fn answered(mut self, agent: &str) -> Self {
        let mut tries = redis::cmd("HDEL");
        tries.arg(self.keys.commands_attempts(agent)).arg(self.number);
        self.acknowledge.push((tries, true));
        self
    }

    fn step(mut self, key: String, commands: Vec<Cmd>) -> Self {
        self.steps.push(Step { key, commands });
        self
    }

    /// Keeps a response for the engine, then publishes it.
    #[must_use]
    pub fn respond(self, config: &IntakeConfig, response: &str) -> Self {
        let queue = self.keys.response_queue.clone();
        let (mut keep, mut trim) = (redis::cmd("LPUSH"), redis::cmd("LTRIM"));
        keep.arg(&queue).arg(response);
        trim.arg(&queue).arg(0).arg(config.responses_max - 1);
        let said = publishing(&self.keys.responses, response);
        self.step(queue, vec![keep, trim, said])
    }

    /// Sets an agent's state, then publishes the change.
    #[must_use]
    pub fn state(self, key: &str, state: &str, change: &str) -> Self {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(state);
        let said = publishing(&self.keys.state_changes, change);
        self.step(key.to_owned(), vec![set, said])
    }

    /// Entries of the audit stream.
    #[must_use]
    pub fn audit(self, length: u64, entries: &[AuditEntry<'_>]) -> Self {
        let names = self.keys.names();
        let commands = entries.iter().map(|entry| audit::add(names, length, entry)).collect();
        self.step(names.aism("audit"), commands)
    }

    /// A dead letter: the item, so far as it is shown, how long it was, and why it was given up. What is no text is shown as such.
    #[must_use]
    pub fn dead(mut self, list: &str, config: &IntakeConfig, letter: &Letter<'_>) -> Self {
        // A huge one is cut: what it was is known by its length.
        let shown = String::from_utf8_lossy(&letter.item[..letter.item.len().min(config.message_bytes as usize)]);
        let Letter { bytes, why, by, at, .. } = letter;
        let text = json!({"reason": why, "at": at, "by": by, "bytes": bytes, "item": shown}).to_string();
        let (mut keep, mut trim) = (redis::cmd("LPUSH"), redis::cmd("LTRIM"));
        keep.arg(list).arg(text);
        trim.arg(list).arg(0).arg(config.dead_max - 1);
        self.acknowledge.extend([keep, trim].map(|command| (command, false)));
        self
    }

    /// Does it: all or nothing, or in a cluster step by step. What cannot be kept on a key that all share is told back: no item can
    /// wait for that, since it would hold up all others.
    ///
    /// # Errors
    /// [`Trouble`]: whether it was done is not known then; doing it again changes nothing that counts.
    pub async fn send(self, at: &mut Link) -> Result<Told, Trouble> {
        let mut last = Pipeline::new();
        last.atomic().ignore_errors();
        let (mut parts, mut told) = (Vec::new(), Told { number: self.number, ..Told::default() });
        let mut known = redis::pipe();
        for Step { key, commands } in self.steps {
            if self.keys.names().is_cluster() {
                let mark = self.keys.told(&key, self.number);
                let answer: String = once(&key, &mark, &commands).query_async(at).await?;
                let refused = (answer != "1").then_some(answer.as_str());
                for command in &commands {
                    told.note(command, refused);
                }
                known.cmd("DEL").arg(mark).ignore();
            } else {
                parts.extend(commands.into_iter().map(|command| (command, false)));
            }
        }
        parts.extend(self.acknowledge);
        for (command, _) in &parts {
            last.add_command(command.clone());
        }
        let answers: Vec<Value> = last.query_async(at).await?;
        if answers.len() != parts.len() {
            return Err(Trouble(format!("Redis: {} answers to {} commands", answers.len(), parts.len())));
        }
        for ((command, must), answer) in parts.iter().zip(answers) {
            match answer {
                Value::ServerError(error) if *must => return Err(RedisError::from(error).into()),
                // The rest is done all the same, the acknowledgement too: it cannot be tried again.
                Value::ServerError(error) => told.note(command, Some(&RedisError::from(error).to_string())),
                _ if *must => {}
                _ => told.note(command, None),
            }
        }
        // Behind the acknowledgement nobody asks any more; what is left of a kill before this, or of a fault, goes by itself.
        if !known.is_empty() {
            drop(known.query_async::<()>(at).await);
        }
        Ok(told)
    }
}

/// What became of what is kept on keys that all hosts and agents share.
#[derive(Debug, Default)]
pub struct Told {
    /// Number of the item; 0 = none.
    pub number: u64,
    /// Keys that took it.
    pub kept: BTreeSet<String>,
    /// Keys that did not, and why.
    pub refused: BTreeMap<String, Refused>,
}

/// Why something is not kept at a key.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Of which kind the key must be.
    pub kind: &'static str,
    /// Whether it is of another kind: else what stands there takes no more.
    pub is_another: bool,
    /// In words.
    pub why: String,
}

impl Told {
    /// What the server said to a command: nothing, or why not.
    fn note(&mut self, command: &Cmd, error: Option<&str>) {
        let words = words(command);
        let kind = match words.first().copied() {
            Some(b"XADD") => "stream",
            Some(b"LPUSH" | b"LTRIM") => "list",
            Some(b"SET") => "string",
            _ => return,
        };
        let Some(key) = words.get(1).map(|key| String::from_utf8_lossy(key).into_owned()) else { return };
        match error {
            None if !self.refused.contains_key(&key) => {
                self.kept.insert(key);
            }
            None => {}
            Some(error) => {
                self.kept.remove(&key);
                let why = format!(
                    "Redis: what should stand at `{key}` cannot be kept there: it must be a {kind} that only agents write; find who changed it, and delete it ({error})"
                );
                self.refused.insert(key, Refused { kind, is_another: error.contains("WRONGTYPE"), why });
            }
        }
    }
}

/// The call of [`ONCE`] that does `commands` to `key`.
fn once(key: &str, told: &str, commands: &[Cmd]) -> Cmd {
    let mut call = redis::cmd("EVAL");
    call.arg(ONCE).arg(2).arg(told).arg(key).arg(TOLD_SECONDS);
    for command in commands {
        let words = words(command);
        call.arg(words.len());
        for word in words {
            call.arg(word);
        }
    }
    call
}

/// What is told of an item that is given up.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// As it came, or how it began.
    pub item: &'a [u8],
    /// How long it was.
    pub bytes: u64,
    /// Why.
    pub why: &'a str,
    /// By which host.
    pub by: &'a str,
    /// When.
    pub at: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_took_one_command_and_not_the_other_did_not_take_it() {
        let mut keep = redis::cmd("LPUSH");
        keep.arg("q").arg("a");
        let mut trim = redis::cmd("LTRIM");
        trim.arg("q").arg(0).arg(9);
        let check = |commands: &[(&Cmd, bool)], kept: &[&str], not: &[&str]| {
            let mut told = Told::default();
            for (command, done) in commands {
                told.note(command, (!done).then_some("no"));
            }
            assert!(told.kept.iter().eq(kept) && told.refused.keys().eq(not), "{told:?}");
        };
        check(&[(&keep, true), (&trim, true), (&publishing("c", ""), false)], &["q"], &[]);
        check(&[(&keep, true), (&trim, false)], &[], &["q"]);
        check(&[(&keep, false), (&trim, true)], &[], &["q"]);
    }

    #[test]
    fn a_step_carries_its_commands_word_by_word() {
        let mut keep = redis::cmd("LPUSH");
        keep.arg("q").arg("a b\r\n").arg(7);
        let call = once("q", "{q}:told:1", &[keep, publishing("c", "")]);
        let words: Vec<String> =
            words(&call).iter().skip(2).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let expected = ["2", "{q}:told:1", "q", "300", "4", "LPUSH", "q", "a b\r\n", "7", "3", "PUBLISH", "c", ""];
        assert_eq!(words, expected);
    }
}
