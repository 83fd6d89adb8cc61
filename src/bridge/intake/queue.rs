//! Edge: the lists: an item is taken in one step into a list of ours.
//!
//! `BRPOP` would lose the item of a consumer that dies behind it. Producers go on with `LPUSH`, and other consumers may go on
//! with `BRPOP`. What is too long to be read never comes over the wire: its place in our list is taken by its [cut](Cut).

use super::config::IntakeConfig;
use super::keys::Keys;
use super::search::{Face, Search};
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use redis::Script;
use std::time::Instant;

/// Others' items that are looked at in one step: so long the server does nothing else.
const WINDOW_ITEMS: u64 = 10_000;
/// The same in bytes.
const WINDOW_BYTES: u64 = 4 << 20;
/// Bytes of an item that is too long which are kept, to be shown with its dead letter.
const CUT_BYTES: usize = 1_024;
/// What a cut begins with: no JSON text does.
const CUT_MARK: &[u8] = b"\0cut ";

/// What the scripts share: a text by which an item is known again, and the cut of one.
const COMMON: &str = r"
local function mark(item)
    if not item then return '' end
    if #item > 1048576 then return 'long' end
    return #item .. ':' .. redis.sha1hex(string.sub(item, 1, 512))
end
local function cut(item, bytes) return '\0cut ' .. #item .. ' ' .. string.sub(item, 1, bytes) end
";

/// Takes the oldest item that is addressed to one of us, or to nobody, or that cannot be read as a task; leaves the others where
/// they stand. KEYS: the queue, our list. ARGV: how many of the oldest were looked at before, how many to look at, of how many
/// bytes, most bytes of an item, bytes of a cut, by what the newest of those looked at before is known, whether the queue is known
/// to be heavy for its length (1, 0, or nothing), and the names that are ours. It answers how many were looked at, how many there
/// are, by what the newest of those looked at is known, whether it is heavy, and the item, if one was taken.
///
/// Where others took some of those that were looked at, the rest moved up, and what stands behind `from` is not what stood there:
/// it is begun anew then, since an item of ours would be left out and newer ones overtake it.
///
/// Only what may be ours is decoded: others' items cost little. Where long ones stand, they are looked at one by one, since a
/// hundred of them at once would need their bytes again. It is added before it is removed: a script that fails in between is not
/// undone.
const TAKE: &str = r#"
local from, items_max, bytes_max = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local most, shown = tonumber(ARGV[4]), tonumber(ARGV[5])
local ours = {}
for i = 8, #ARGV do ours[ARGV[i]] = true end
local function is_ours(item)
    local is_long = #item > most
    local head = is_long and string.sub(item, 1, most) or item
    local at = string.find(head, '"receiver"', 1, true)
    local inner = string.find(head, '{', 2, true)
    if at and (not inner or inner > at) then
        local name = string.match(head, '^"receiver"%s*:%s*"([^"\\]*)"', at)
        if name and name ~= '' then return ours[name] == true end
    end
    if is_long then
        -- Not decoded: whoever is named at its end, else anywhere at its beginning.
        local named = string.match(head, '"receiver"%s*:%s*"([^"\\]+)"')
        for name in string.gmatch(string.sub(item, -most), '"receiver"%s*:%s*"([^"\\]+)"') do named = name end
        return not named or ours[named] == true
    end
    local read, task = pcall(cjson.decode, item)
    if not read or type(task) ~= 'table' then return true end
    local name = task['receiver']
    if type(name) ~= 'string' or name == '' then return true end
    return ours[name] == true
end
local length = redis.call('LLEN', KEYS[1])
local chunk = 100
-- Weighing goes through the whole list: not at each step.
local heavy = ARGV[7]
if heavy == '' then
    local used = redis.pcall('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)
    heavy = type(used) == 'number' and used > 67108864 + 1024 * length and '1' or '0'
end
if heavy == '1' then chunk, items_max = 1, math.min(items_max, 500) end
-- One that is known as long tells nothing, and is not read for it.
local last = ARGV[6]
if from > length or (from > 0 and last ~= 'long' and mark(redis.call('LINDEX', KEYS[1], -from)) ~= last) then
    from, last = 0, ''
end
local bytes, upto, looked = 0, math.min(length, from + items_max), nil
local function known() return looked and mark(looked) or last end
while from < upto and bytes < bytes_max do
    local items = redis.call('LRANGE', KEYS[1], -math.min(from + chunk, upto), -from - 1)
    for i = #items, 1, -1 do
        local newest = items[i]
        if is_ours(newest) then
            -- From the nearer end. A newer copy of it, the same to the letter, may go in its stead: it is over with this one.
            local count = 2 * from > length and 1 or -1
            if #newest <= most then
                redis.call('LPUSH', KEYS[2], newest)
                redis.call('LREM', KEYS[1], count, newest)
                return {from, length - 1, known(), heavy, newest}
            end
            local kept = cut(newest, shown)
            redis.call('LPUSH', KEYS[2], kept)
            redis.call('LSET', KEYS[1], -from - 1, kept)
            redis.call('LREM', KEYS[1], count, kept)
            return {from, length - 1, known(), heavy, kept}
        end
        from = from + 1
        bytes = bytes + #newest
        looked = newest
    end
end
return {from, length, known(), heavy}
"#;

/// What the queue looks like from outside. KEYS: the queue. ARGV: whether items may be looked at, how many of the oldest were. It
/// answers how many there are, by what the newest of all and the newest of those looked at are known.
const GLANCE: &str = r"
local length = redis.call('LLEN', KEYS[1])
if length == 0 or ARGV[1] == '0' then return {length, '', ''} end
local looked = ''
if ARGV[2] ~= '0' then looked = mark(redis.call('LINDEX', KEYS[1], -ARGV[2])) end
return {length, mark(redis.call('LINDEX', KEYS[1], 0)), looked}
";

/// Takes the oldest item of a list that is all ours. KEYS: the list, our list of what is in hand. ARGV: most bytes of an item,
/// bytes of a cut.
const TAKE_OLDEST: &str = r"
local item = redis.call('LINDEX', KEYS[1], -1)
if not item then return false end
if #item > tonumber(ARGV[1]) then item = cut(item, tonumber(ARGV[2])) end
redis.call('LPUSH', KEYS[2], item)
redis.call('LTRIM', KEYS[1], 0, -2)
return item
";

/// What is left of an item that was too long to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// How long it was.
    pub bytes: u64,
    /// How it began.
    pub head: &'a [u8],
}

impl<'a> Cut<'a> {
    /// The cut that `item` is, if it is one.
    pub fn of(item: &'a [u8]) -> Option<Self> {
        let rest = item.strip_prefix(CUT_MARK)?;
        let space = memchr::memchr(b' ', rest)?;
        let bytes = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
        Some(Self { bytes, head: &rest[space + 1..] })
    }
}

/// What a look at the shared queue gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// This, which is ours now.
    Item(Vec<u8>),
    /// Nothing so far, and not all was looked at.
    NotYet,
    /// Nothing in all of it.
    Nothing,
}

/// The scripts, and how far the shared queue was looked through.
pub struct Queue {
    take: Script,
    glance: Script,
    take_oldest: String,
    search: Search,
}

impl Default for Queue {
    fn default() -> Self {
        let with_common = |text: &str| format!("{COMMON}{text}");
        Self {
            take: Script::new(&with_common(TAKE)),
            glance: Script::new(&with_common(GLANCE)),
            take_oldest: with_common(TAKE_OLDEST),
            search: Search::default(),
        }
    }
}

impl Queue {
    /// The queue may have become another one: look through all of it.
    pub fn begin_anew(&mut self) {
        self.search = Search::default();
    }

    /// Takes the next task, in one bounded step.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn take(&mut self, at: &mut Link, keys: &Keys, config: &IntakeConfig) -> Result<Found, Trouble> {
        if !self.search.is_under_way() {
            let (peeks, looked) = self.search.asks();
            let mut call = self.glance.key(&keys.tasks);
            call.arg(u8::from(peeks)).arg(looked);
            let (length, newest, looked): (u64, String, String) = call.invoke_async(at).await?;
            if !self.search.begin(&Face { length, newest, looked }, Instant::now()) {
                return Ok(Found::Nothing);
            }
        }
        let mut call = self.take.key(&keys.tasks);
        call.key(&keys.processing).arg(self.search.from()).arg(WINDOW_ITEMS).arg(WINDOW_BYTES);
        call.arg(config.message_bytes).arg(CUT_BYTES).arg(self.search.mark());
        let heavy = self.search.heavy(Instant::now()).to_owned();
        call.arg(&heavy);
        for name in keys.receivers() {
            call.arg(name);
        }
        let ((from, length, newest, weighed), item) = read(call.invoke_async(at).await?)?;
        if heavy.is_empty() {
            self.search.weighed(weighed, Instant::now());
        }
        if let Some(item) = item {
            self.search.took(from, newest);
            return Ok(Found::Item(item));
        }
        Ok(if self.search.looked(from, length, newest, Instant::now()) { Found::Nothing } else { Found::NotYet })
    }

    /// Takes the next command to each of `agents` that has one, with that agent.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn take_commands(
        &self,
        at: &mut Link,
        keys: &Keys,
        config: &IntakeConfig,
        agents: &[&'static str],
    ) -> Result<Vec<(&'static str, Vec<u8>)>, Trouble> {
        // One call for each: in a cluster their lists lie on different nodes.
        let mut pipe = redis::pipe();
        for agent in agents {
            let call = pipe.cmd("EVAL").arg(&self.take_oldest).arg(2);
            call.arg(keys.commands(agent)).arg(keys.commands_processing(agent));
            call.arg(config.message_bytes).arg(CUT_BYTES);
        }
        let taken: Vec<Option<Vec<u8>>> = pipe.query_async(at).await?;
        Ok(agents.iter().zip(taken).filter_map(|(agent, item)| Some((*agent, item?))).collect())
    }
}

/// How many were looked at, how many there are, by what the newest of them is known, whether the queue is heavy; and what was taken.
type Taken = ((u64, u64, String, String), Option<Vec<u8>>);

/// An answer of [`TAKE`]: with or without an item.
fn read(answer: redis::Value) -> Result<Taken, Trouble> {
    let redis::Value::Array(mut values) = answer else {
        return Err(Trouble("Redis: the taking script answered what it never does".to_owned()));
    };
    let item = (values.len() == 5).then(|| values.pop()).flatten();
    let looked = redis::from_redis_value(redis::Value::Array(values)).map_err(redis::RedisError::from)?;
    let item = item.map(redis::from_redis_value).transpose().map_err(redis::RedisError::from)?;
    Ok((looked, item))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_known_and_nothing_else_is_taken_for_one() {
        let check = |item: &[u8], cut: Option<(u64, &[u8])>| {
            assert_eq!(Cut::of(item).map(|cut| (cut.bytes, cut.head)), cut, "{item:?}");
        };
        check(b"\0cut 300000000 {\"a\": \"b c\"", Some((300_000_000, b"{\"a\": \"b c\"")));
        check(b"\0cut 7 ", Some((7, b"")));
        check(b"\0cut 7", None);
        check(b"\0cut x y", None);
        check(b"{\"task_id\": 7}", None);
        check(b"", None);
    }
}
