//! Somebody who listens to a Redis, over whatever becomes of the server.

use crate::redis_server::RedisServer;
use crate::schemas;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What was heard: channel and message.
pub type Heard = Vec<(String, Value)>;

/// Listens on a thread of its own.
pub struct Ear {
    heard: Arc<Mutex<Heard>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    /// Listens to the channels, or patterns, until it is dropped; `check` sees each message as soon as it is there.
    pub fn to(
        server: &RedisServer,
        channels: &'static [&'static str],
        check: impl Fn(&str, &Value) + Send + 'static,
    ) -> Self {
        let client = redis::Client::open(server.url()).unwrap();
        let (heard, end) = (Arc::new(Mutex::new(Heard::new())), Arc::new(AtomicBool::new(false)));
        let listens = Arc::new(AtomicBool::new(false));
        let (into, until, ready) = (Arc::clone(&heard), Arc::clone(&end), Arc::clone(&listens));
        let listen = move || -> redis::RedisResult<()> {
            let mut connection = client.get_connection_with_timeout(Duration::from_secs(1))?;
            let mut pubsub = connection.as_pubsub();
            pubsub.set_read_timeout(Some(Duration::from_millis(100)))?;
            for channel in channels {
                if channel.contains('*') { pubsub.psubscribe(channel)? } else { pubsub.subscribe(channel)? }
            }
            ready.store(true, Ordering::Release);
            while !until.load(Ordering::Acquire) {
                match pubsub.get_message() {
                    Ok(message) => {
                        let text = String::from_utf8(message.get_payload_bytes().to_vec()).unwrap();
                        let value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
                        check(message.get_channel_name(), &value);
                        into.lock().unwrap().push((message.get_channel_name().to_owned(), value));
                    }
                    Err(error) if error.is_timeout() => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        let over = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                if listen().is_err() {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        let begun = Instant::now();
        while !listens.load(Ordering::Acquire) {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody listens");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { heard, end, thread: Some(thread) }
    }

    /// What was heard so far.
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }

    /// Waits for a message on `channel` that `holds`.
    #[track_caller]
    pub fn wait(&self, channel: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.heard().into_iter().find(|(on, value)| on == channel && holds(value));
            if let Some((_, value)) = found {
                return value;
            }
            if begun.elapsed() > Duration::from_secs(30) {
                let on: Vec<Value> = self.heard().into_iter().filter(|(c, _)| c == channel).map(|(_, v)| v).collect();
                panic!("nothing such on {channel}; there was {on:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until nothing more comes.
    pub fn wait_until_quiet(&self) {
        let mut before = usize::MAX;
        while before != self.heard.lock().unwrap().len() {
            before = self.heard.lock().unwrap().len();
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Ends it; a `check` that failed is told now, and so is a message that is not of its channel's schema.
    pub fn end(mut self) -> Heard {
        self.end.store(true, Ordering::Release);
        if let Err(panic) = self.thread.take().unwrap().join() {
            std::panic::resume_unwind(panic);
        }
        let heard = self.heard();
        for (channel, message) in &heard {
            schemas::check_channel(channel, message);
        }
        heard
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
    }
}
