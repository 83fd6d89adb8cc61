//! Edge: the channels, on a connection of their own: what is said there waits in a bounded inbox until it is read.

use super::keys::Keys;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// To connect, to answer.
const WITHIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(5));
/// Bytes of messages that may wait. What comes beyond is dropped, and counted: the channels keep nothing for anybody either.
const BYTES_MAX: usize = 4 << 20;
/// What a waiting message costs beside its bytes: empty ones are bounded, too.
const EACH: usize = 128;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// On which channel.
    pub channel: String,
    /// What.
    pub message: Vec<u8>,
}

#[derive(Debug, Default)]
struct Inbox {
    said: VecDeque<Said>,
    bytes: usize,
    dropped: u64,
    over: bool,
}

/// The inbox, shared with the connection.
#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    news: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // Whole between any two statements, so a poisoned lock is good.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, channel: &[u8], message: Vec<u8>) {
        let mut inbox = self.lock();
        let cost = message.len() + EACH;
        if inbox.bytes + cost > BYTES_MAX {
            inbox.dropped += 1;
        } else {
            inbox.bytes += cost;
            let channel = String::from_utf8_lossy(channel).into_owned();
            inbox.said.push_back(Said { channel, message });
        }
        drop(inbox);
        self.news.notify_one();
    }
}

/// The connection that listens.
pub struct Ears {
    shared: Arc<Shared>,
    connection: MultiplexedConnection,
}

impl Ears {
    /// Connects to where `at` leads, and subscribes.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn open(at: &Link, keys: &Keys) -> Result<Self, Trouble> {
        let shared: Arc<Shared> = Arc::default();
        let filled = Arc::clone(&shared);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(WITHIN.0))
            .set_response_timeout(Some(WITHIN.1))
            .set_push_sender(move |push: PushInfo| {
                match (push.kind, push.data.as_slice()) {
                    (PushKind::Message, [Value::BulkString(channel), Value::BulkString(message)]) => {
                        filled.take(channel, message.clone());
                    }
                    (PushKind::Disconnection, _) => {
                        filled.lock().over = true;
                        filled.news.notify_one();
                    }
                    _ => {}
                }
                Ok::<(), ()>(())
            });
        let mut connection = at.ear(&config).await?;
        for channel in [&keys.tasks, &keys.signals, &keys.decisions] {
            connection.subscribe(channel).await?;
        }
        Ok(Self { shared, connection })
    }

    /// Waits until there is something to read.
    pub async fn wait(&self) {
        self.shared.news.notified().await;
    }

    /// The oldest message that was not read yet; none if there is none.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn next(&self) -> Result<Option<Said>, Trouble> {
        let mut inbox = self.shared.lock();
        if let Some(said) = inbox.said.pop_front() {
            inbox.bytes -= said.message.len() + EACH;
            return Ok(Some(said));
        }
        if inbox.over {
            Err(Trouble("Redis: the connection that listens is lost; it is made anew".to_owned()))
        } else {
            Ok(None)
        }
    }

    /// How many messages there was no room for since it was asked last.
    pub fn dropped(&self) -> u64 {
        std::mem::take(&mut self.shared.lock().dropped)
    }

    /// Whether the other side is there: a connection that is cut off without a word would be listened to for ever.
    ///
    /// # Errors
    /// [`Trouble`]: it does not answer.
    pub async fn ping(&mut self) -> Result<(), Trouble> {
        Ok(redis::cmd("PING").query_async::<()>(&mut self.connection).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inbox_is_bounded_by_bytes() {
        let shared = Shared::default();
        for _ in 0..10 {
            shared.take(b"c", vec![b'x'; (1 << 20) - EACH]);
        }
        let inbox = shared.lock();
        assert_eq!((inbox.said.len(), inbox.bytes, inbox.dropped), (4, 4 << 20, 6));
    }

    #[test]
    fn messages_without_a_byte_are_bounded_too() {
        let shared = Shared::default();
        for _ in 0..40_000 {
            shared.take(b"c", Vec::new());
        }
        let inbox = shared.lock();
        assert_eq!((inbox.said.len(), inbox.dropped), (32_768, 7_232));
    }
}
