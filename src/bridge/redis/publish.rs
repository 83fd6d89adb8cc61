//! Edge: the topics: which are wanted, whether anybody listens, a message more.

use super::batch::Batch;
use crate::acp::names::Names;
use crate::acp::topic::{Topic, Topics};
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Between two questions who listens.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Puts messages into batches.
pub struct Publisher {
    /// By code of the topic.
    channels: Vec<String>,
    configured: Topics,
    is_cluster: bool,
    /// Those of the bulk topics that somebody listens to, as far as is known.
    heard: Topics,
    asked: Option<Instant>,
    text: Vec<u8>,
}

impl Publisher {
    /// For the topics `configured`.
    pub fn new(names: &Names, configured: Topics) -> Self {
        let mut channels = vec![String::new(); Topic::ALL.len() + 1];
        for topic in Topic::ALL {
            channels[usize::from(topic.code())] = topic.channel(names);
        }
        let (heard, is_cluster) = (Topics::those(|_| true), names.is_cluster());
        Self { channels, configured, is_cluster, heard, asked: None, text: Vec::new() }
    }

    /// Whether a message on `topic` is worth making: a topic with much to say is silent while nobody listens.
    pub fn wants(&self, topic: Topic) -> bool {
        self.configured.has(topic) && (!topic.is_bulk() || self.heard.has(topic))
    }

    /// Says `message` on `topic`, if that is wanted.
    pub fn say<T: Serialize>(&mut self, batch: &mut Batch, topic: Topic, message: &T) {
        if self.wants(topic) {
            let mut text = std::mem::take(&mut self.text);
            text.clear();
            // Writing JSON to memory cannot fail: all keys are strings.
            let _ = serde_json::to_writer(&mut text, message);
            self.say_text(batch, topic, &text);
            self.text = text;
        }
    }

    /// The same with a text.
    pub fn say_text(&mut self, batch: &mut Batch, topic: Topic, text: &[u8]) {
        if self.wants(topic) {
            let mut command = redis::cmd("PUBLISH");
            command.arg(&self.channels[usize::from(topic.code())]).arg(text);
            batch.say(command);
        }
    }

    /// Asks who listens, if it is time to. All count as heard where the server does not say, where somebody listens to a pattern,
    /// or has a replica, whose listeners it does not know; so in a cluster, where people may listen at any node.
    pub async fn ask(&mut self, connection: &mut MultiplexedConnection) {
        if self.asked.is_some_and(|at| at.elapsed() < ASK_EVERY) {
            return;
        }
        self.asked = Some(Instant::now());
        let bulk: Vec<Topic> = Topic::ALL.iter().copied().filter(|t| t.is_bulk() && self.configured.has(*t)).collect();
        if bulk.is_empty() || self.is_cluster {
            return;
        }
        let mut pipe = Pipeline::with_capacity(3);
        pipe.ignore_errors();
        pipe.cmd("INFO").arg("replication");
        pipe.cmd("PUBSUB").arg("NUMPAT");
        let command = pipe.cmd("PUBSUB").arg("NUMSUB");
        for topic in &bulk {
            command.arg(&self.channels[usize::from(topic.code())]);
        }
        // A fault is told by the next batch.
        let answers: Vec<Value> = pipe.query_async(connection).await.unwrap_or_default();
        self.heard = judge(answers, &bulk).unwrap_or(Topics::those(|_| true));
    }
}

/// Who listens; `None` if that cannot be said.
fn judge(answers: Vec<Value>, bulk: &[Topic]) -> Option<Topics> {
    let [info, patterns, listeners] = <[Value; 3]>::try_from(answers).ok()?;
    let info: String = redis::from_redis_value(info).ok()?;
    let alone = info.lines().any(|line| line.trim_end() == "connected_slaves:0");
    let patterns: u64 = redis::from_redis_value(patterns).ok()?;
    if !alone || patterns > 0 {
        return None;
    }
    let listeners: Vec<(String, u64)> = redis::from_redis_value(listeners).ok()?;
    let heard = bulk.iter().zip(listeners).filter(|(_, (_, count))| *count > 0).map(|(topic, _)| *topic);
    Some(heard.fold(Topics::NONE, Topics::with))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_silent_only_if_it_is_sure_that_nobody_listens() {
        let bulk = [Topic::MarketRaw, Topic::Micro];
        let check = |info: Value, patterns: i64, raw: i64, micro: i64, expected: Option<Topics>| {
            let pairs = [("a", raw), ("b", micro)]
                .iter()
                .flat_map(|(name, n)| [Value::BulkString(name.as_bytes().to_vec()), Value::Int(*n)])
                .collect();
            let answers = vec![info, Value::Int(patterns), Value::Array(pairs)];
            assert_eq!(judge(answers, &bulk), expected);
        };
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let alone = || text("role:master\r\nconnected_slaves:0\r\n");
        check(alone(), 0, 0, 0, Some(Topics::NONE));
        check(alone(), 0, 0, 2, Some(Topics::NONE.with(Topic::Micro)));
        check(alone(), 1, 0, 0, None);
        check(text("role:master\r\nconnected_slaves:1\r\n"), 0, 0, 0, None);
        check(Value::Nil, 0, 0, 0, None);
        assert_eq!(judge(Vec::new(), &bulk), None);
    }
}
