//! The five steps as tokio tasks, with bounded channels of owned values between them.

use super::chain::{Chain, Raw, Signalled, Step, decode, feature, market, signal, trade};
use super::trade::Sent;
use std::thread::JoinHandle;
use tickpath::event::input::Input;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

/// Room of each channel.
const ROOM: usize = 1024;

/// What comes to the last task.
#[expect(clippy::large_enum_variant, reason = "nearly all are signals: a box would be one more allocation for each")]
pub enum ToTrader {
    /// From the models.
    Signal(Step<Signalled>),
    /// From the venue, behind message `number`.
    Report {
        /// What it says.
        input: Box<Input>,
        /// Number of the last message before it.
        number: u64,
        /// Told when it was taken in.
        done: Option<oneshot::Sender<()>>,
    },
}

/// Where the tasks are fed, and the runtime of those that run here.
struct Front {
    runtime: Runtime,
    frames: mpsc::Sender<Raw>,
    reports: mpsc::Sender<ToTrader>,
}

/// The tasks' two ends.
pub struct Tasks {
    /// `None` only while it is dropped.
    front: Option<Front>,
    sent: mpsc::UnboundedReceiver<Sent>,
    /// The other thread, if there is one.
    other: Option<JoinHandle<()>>,
}

impl Tasks {
    /// Starts all tasks: on the caller's thread alone, or also on one of their own (`two`).
    pub fn start(chain: Chain, two: bool) -> Self {
        let runtime = runtime();
        let Chain { decode: mut decoder, mut markets, mut features, mut signals, mut trader } = chain;
        let (frames, mut raw) = mpsc::channel(ROOM);
        let (events, mut decoded) = mpsc::channel(ROOM);
        let (states, mut seen) = mpsc::channel(ROOM);
        let (vectors, mut featured) = mpsc::channel(ROOM);
        let (to_trader, mut at_trader) = mpsc::channel(ROOM);
        let (orders, sent) = mpsc::unbounded_channel();
        runtime.spawn(async move {
            while let Some(step) = raw.recv().await {
                if events.send(decode(&mut decoder, step)).await.is_err() {
                    return;
                }
            }
        });
        runtime.spawn(async move {
            while let Some(step) = decoded.recv().await {
                if states.send(market(&mut markets, step)).await.is_err() {
                    return;
                }
            }
        });
        let of_features = async move {
            while let Some(step) = seen.recv().await {
                if vectors.send(feature(&mut features, step)).await.is_err() {
                    return;
                }
            }
        };
        let signalled = to_trader.clone();
        let of_signals = async move {
            while let Some(step) = featured.recv().await {
                if signalled.send(ToTrader::Signal(signal(&mut signals, step))).await.is_err() {
                    return;
                }
            }
        };
        let of_orders = async move {
            let mut made = Vec::new();
            while let Some(what) = at_trader.recv().await {
                let done = match what {
                    ToTrader::Signal(mut step) => {
                        let done = step.done.take();
                        trade(&mut trader, step, &mut made);
                        done
                    }
                    ToTrader::Report { mut input, number, done } => {
                        trader.report(&mut input, number, &mut made);
                        done
                    }
                };
                // Whoever is told must find the orders there.
                for order in made.drain(..) {
                    if orders.send(order).is_err() {
                        return;
                    }
                }
                if let Some(done) = done {
                    // Nobody waits any more: it is as well.
                    let _ = done.send(());
                }
            }
        };
        let other = if two {
            let thread = std::thread::Builder::new().name("naive".to_owned()).spawn(move || {
                let own = self::runtime();
                own.spawn(of_features);
                own.spawn(of_signals);
                own.block_on(of_orders);
            });
            Some(thread.expect("a thread"))
        } else {
            runtime.spawn(of_features);
            runtime.spawn(of_signals);
            runtime.spawn(of_orders);
            None
        };
        Self { front: Some(Front { runtime, frames, reports: to_trader }), sent, other }
    }

    /// Feeds frames, and waits until the last one's decision is out.
    pub fn feed(&mut self, mut frames: Vec<Raw>) {
        let Front { runtime, frames: sender, .. } = self.front.as_ref().expect("the tasks run");
        runtime.block_on(async {
            let (done, told) = oneshot::channel();
            frames.last_mut().expect("a frame").done = Some(done);
            for frame in frames {
                assert!(sender.send(frame).await.is_ok(), "the decoder's task ended");
            }
            told.await.expect("all tasks run");
        });
    }

    /// Feeds frames one by one: each comes when the decision of the one before it is out.
    pub fn feed_alone(&mut self, frames: Vec<Raw>) {
        let Front { runtime, frames: sender, .. } = self.front.as_ref().expect("the tasks run");
        runtime.block_on(async {
            for mut frame in frames {
                let (done, told) = oneshot::channel();
                frame.done = Some(done);
                assert!(sender.send(frame).await.is_ok(), "the decoder's task ended");
                told.await.expect("all tasks run");
            }
        });
    }

    /// Feeds a report, and waits until it was taken in.
    pub fn report(&mut self, input: &Input, number: u64) {
        let Front { runtime, reports, .. } = self.front.as_ref().expect("the tasks run");
        runtime.block_on(async {
            let (done, told) = oneshot::channel();
            let report = ToTrader::Report { input: Box::new(*input), number, done: Some(done) };
            assert!(reports.send(report).await.is_ok(), "the trader's task ended");
            told.await.expect("all tasks run");
        });
    }

    /// The orders that were made since it was last asked.
    pub fn take_sent(&mut self) -> Vec<Sent> {
        std::iter::from_fn(|| self.sent.try_recv().ok()).collect()
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // Without its senders each task ends behind the one before it; those of this thread go with their runtime.
        self.front = None;
        if let Some(other) = self.other.take() {
            let ended = other.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the other thread's tasks failed");
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}
