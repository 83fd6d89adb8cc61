//! Edge: where a cluster keeps which key: slots, nodes, and which word of a command is its key. Pure.
//!
//! Source: the Redis Cluster specification, "Keys distribution model" and "Hash tags".

use redis::{Arg, Cmd, Value};
use std::collections::BTreeSet;
use std::fmt;

/// Slots of a cluster.
pub const SLOTS: u16 = 16_384;

/// The slot of `key`: CRC16 (XMODEM) of what stands between the first `{` and the next `}`, if there is something, else of all.
pub fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    let mut crc = 0u16;
    for byte in tag.unwrap_or(key) {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc % SLOTS
}

/// The words of a command.
fn words(command: &Cmd) -> impl Iterator<Item = &[u8]> {
    command.args_iter().filter_map(|word| match word {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    })
}

/// The command's name, as it is spelled.
pub fn name_of(command: &Cmd) -> &[u8] {
    words(command).next().unwrap_or_default()
}

/// The (first) key of a command of ours; `None` if it has none and any node may do it.
pub fn key_of(command: &Cmd) -> Option<&[u8]> {
    let mut words = words(command);
    match words.next()? {
        b"PUBLISH" | b"PUBSUB" | b"PING" | b"INFO" | b"CONFIG" | b"SCRIPT" | b"CLUSTER" | b"SCAN" | b"UNWATCH"
        | b"TIME" => None,
        b"EVAL" | b"EVALSHA" => {
            let keys = words.nth(1)?;
            words.next().filter(|_| keys != b"0")
        }
        b"XINFO" | b"XGROUP" => words.nth(1),
        b"XREAD" | b"XREADGROUP" => words.skip_while(|word| *word != b"STREAMS").nth(1),
        _ => words.next(),
    }
}

/// A node's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Name or address.
    pub host: String,
    /// Port for clients.
    pub port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Node {
    /// `HOST:PORT` as the node `from` says it; without a host it is that of `from`.
    pub fn read(text: &str, from: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self::of(host, port.parse().ok()?, from)
    }

    fn of(host: &str, port: u16, from: &Self) -> Option<Self> {
        // One that does not know how it is reached; one that nobody knows how to reach.
        let host = if matches!(host, "" | "0.0.0.0" | "::") { from.host.as_str() } else { host };
        (host != "?").then(|| Self { host: host.to_owned(), port })
    }
}

/// Which node has which slot, as a node said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// By slot, the place in `masters`.
    owners: Vec<Option<usize>>,
    masters: Vec<Node>,
    /// All, replicas too.
    nodes: BTreeSet<Node>,
}

impl Table {
    /// The answer of the node `from` to `CLUSTER SLOTS`; what makes no sense in it is left out.
    pub fn read(answer: Value, from: &Node) -> Self {
        let mut table = Self { owners: vec![None; usize::from(SLOTS)], ..Self::default() };
        let ranges: Vec<Vec<Value>> = redis::from_redis_value(answer).unwrap_or_default();
        for range in ranges {
            let mut parts = range.into_iter();
            let (Some(Value::Int(first)), Some(Value::Int(last))) = (parts.next(), parts.next()) else { continue };
            let (Ok(first), Ok(last)) = (u16::try_from(first), u16::try_from(last)) else { continue };
            let mut nodes = parts.filter_map(|node| {
                let mut parts = redis::from_redis_value::<Vec<Value>>(node).ok()?.into_iter();
                let host: Option<String> = redis::from_redis_value(parts.next()?).ok()?;
                Node::of(&host.unwrap_or_default(), redis::from_redis_value(parts.next()?).ok()?, from)
            });
            if let Some(master) = nodes.next() {
                for slot in first..=last.min(SLOTS - 1) {
                    table.moved(slot, &master);
                }
            }
            table.nodes.extend(nodes);
        }
        table
    }

    /// Who has the slot; `None` if nobody is known to.
    pub fn owner(&self, slot: u16) -> Option<&Node> {
        self.masters.get((*self.owners.get(usize::from(slot))?)?)
    }

    /// `to` has the slot now.
    pub fn moved(&mut self, slot: u16, to: &Node) {
        let known = self.masters.iter().position(|node| node == to);
        let at = known.unwrap_or_else(|| {
            self.masters.push(to.clone());
            self.nodes.insert(to.clone());
            self.masters.len() - 1
        });
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = Some(at);
        }
    }

    /// Those that have slots, or had some: their order does not change.
    pub fn masters(&self) -> &[Node] {
        &self.masters
    }

    /// All nodes, replicas too.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_servers() {
        // As `CLUSTER KEYSLOT` gives them.
        for (key, slot) in [("", 0), ("foo", 12_182), ("bar", 5_061), ("123456789", 12_739)] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
        for (key, other) in [("{foo}:x", "foo"), ("a{foo}b{bar}", "foo"), ("{{foo}}", "{foo")] {
            assert_eq!(slot_of(key.as_bytes()), slot_of(other.as_bytes()), "{key}");
        }
        for whole in ["{}foo", "{foo", "foo}{"] {
            let spelled = whole.bytes().fold(0u16, |crc, byte| {
                (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                    if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
                })
            });
            assert_eq!(slot_of(whole.as_bytes()), spelled % SLOTS, "{whole}");
        }
    }

    #[test]
    fn the_key_of_each_kind_of_command() {
        let check = |text: &str, key: Option<&str>| {
            let mut command = Cmd::new();
            for word in text.split(' ') {
                command.arg(word);
            }
            assert_eq!(key_of(&command).map(|key| std::str::from_utf8(key).unwrap()), key, "{text}");
        };
        check("SET a 1", Some("a"));
        check("XADD a NOMKSTREAM 1-1 f v", Some("a"));
        check("PUBLISH a b", None);
        check("PING", None);
        check("SCAN 0 MATCH a", None);
        check("XGROUP CREATE a g $", Some("a"));
        check("XINFO STREAM a", Some("a"));
        check("EVALSHA 00 2 a b c", Some("a"));
        check("EVALSHA 00 0 c", None);
        check("XREADGROUP GROUP g c COUNT 1 STREAMS a >", Some("a"));
    }

    #[test]
    fn a_table_is_read_and_follows_what_moves() {
        let node = |host: &str, port| Node { host: host.to_owned(), port };
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let at = |host: Value, port| Value::Array(vec![host, Value::Int(port), text("id")]);
        let range =
            |first, last, nodes: Vec<Value>| Value::Array([vec![Value::Int(first), Value::Int(last)], nodes].concat());
        let from = node("here", 1);
        let answer = Value::Array(vec![
            range(0, 99, vec![at(text("a"), 7000), at(text("b"), 7001)]),
            range(100, 16_383, vec![at(Value::Nil, 7002), at(text("?"), 0)]),
            range(-1, 3, vec![at(text("z"), 1)]),
            Value::Int(3),
        ]);
        let mut table = Table::read(answer, &from);
        // One entry that is no range makes the answer senseless as a whole.
        assert_eq!(table.owner(5), None);
        let answer = Value::Array(vec![
            range(0, 99, vec![at(text("a"), 7000), at(text("b"), 7001)]),
            range(100, 16_383, vec![at(Value::Nil, 7002), at(text("?"), 0)]),
        ]);
        table = Table::read(answer, &from);
        assert_eq!(table.owner(5), Some(&node("a", 7000)));
        assert_eq!(table.owner(16_383), Some(&node("here", 7002)));
        assert_eq!(table.nodes().count(), 3);
        table.moved(5, &node("c", 7003));
        assert_eq!((table.owner(5), table.masters().len()), (Some(&node("c", 7003)), 3));
        assert_eq!(Node::read("x:12", &from), Some(node("x", 12)));
        assert_eq!(Node::read(":12", &from), Some(node("here", 12)));
        assert_eq!(Node::read("[::2]:12", &from), Some(node("::2", 12)));
        assert_eq!((Node::read("x", &from), Node::read("x:y", &from), Node::read("?:0", &from)), (None, None, None));
    }
}
