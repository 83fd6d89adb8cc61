//! Edge: what must be told once, kept until it is: the messages and the memory of them are one transaction, so that after an answer
//! that never came the memory says whether they were told.

use crate::acp::names::Names;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use serde::Serialize;
use std::collections::VecDeque;

/// What is told together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Channels and messages, in order.
    messages: Vec<(String, String)>,
    /// What is remembered of it: a field, and its value or that it goes.
    field: String,
    value: Option<String>,
    /// Whether it was tried, so that it may have been told.
    tried: bool,
}

impl Item {
    /// Remembers `value` in `field`, or that there is none any more.
    pub fn new(field: String, value: Option<String>) -> Self {
        Self { messages: Vec::new(), field, value, tried: false }
    }

    /// And tells `message` on `channel`.
    pub fn tell(mut self, channel: String, message: &impl Serialize) -> Self {
        // What goes on the wire here is made of texts and numbers, which always have a JSON form.
        self.messages.push((channel, serde_json::to_string(message).unwrap_or_default()));
        self
    }
}

/// What is still to be told.
#[derive(Debug, Default)]
pub struct Outbox(VecDeque<Item>);

impl Outbox {
    /// One more.
    pub fn push(&mut self, item: Item) {
        self.0.push_back(item);
    }

    /// Tells all, in order.
    ///
    /// # Errors
    /// [`Trouble`]; what was not told stays, unless the server says that it never will take it.
    pub async fn flush(&mut self, connection: &mut Link, names: &Names) -> Result<(), Trouble> {
        let memory = names.supervisor();
        while let Some(item) = self.0.front_mut() {
            if item.tried {
                let known: Option<String> =
                    redis::cmd("HGET").arg(&memory).arg(&item.field).query_async(connection).await?;
                if known == item.value {
                    self.0.pop_front();
                    continue;
                }
            }
            item.tried = true;
            let mut pipe = redis::pipe();
            pipe.atomic();
            match &item.value {
                Some(value) => pipe.cmd("HSET").arg(&memory).arg(&item.field).arg(value),
                None => pipe.cmd("HDEL").arg(&memory).arg(&item.field),
            };
            for (channel, message) in &item.messages {
                pipe.cmd("PUBLISH").arg(channel).arg(message);
            }
            let sent: Result<redis::Value, _> = pipe.query_async(connection).await;
            if let Err(error) = sent {
                // What is there with another type is there for ever; everything else may be mended, and is tried again.
                if error.to_string().contains("WRONGTYPE") {
                    self.0.pop_front();
                }
                return Err(error.into());
            }
            self.0.pop_front();
        }
        Ok(())
    }
}
