//! Hot: circuit breakers: what has gone wrong too often is left alone for a while, and then tried with care.
//!
//! ```text
//!            a rate or a sum passes its limit                    `open_ms` is over
//!   CLOSED ────────────────────────────────────▶ OPEN ────────────────────────────▶ HALF-OPEN
//!      ▲                                          ▲                                   │   │
//!      │                                          └── a probe failed or was not ──────┘   │
//!      │                                              answered; open_ms doubles           │
//!      └──────────────────── `probes` probes were good; the windows begin anew ───────────┘
//! ```
//!
//! | room | what is in it |
//! |---|---|
//! | `config` | [`Config`], one part per scope |
//! | `window` | sums over the last buckets of time |
//! | `bank` | [`Breakers`]: those of the strategies, the venues and the instruments together |
//!
//! A breaker lives in the time of its inputs. Its state at a time follows from the events and that time alone: an opening
//! ends, and a probe runs out, at their own moment, whenever somebody looks. So `Breaker::state` changes nothing and may be
//! asked with any input, and a restart that gets the same events (orders and reports, which are in the audit log) is in the
//! same state. A clock that runs backward stands still.
//!
//! What is measured in the window: errors and rejects ÷ orders, the mean slippage against the mid at the decision, the mean
//! time from order to answer, the sum of what was lost.

mod bank;
mod config;
mod window;

pub use bank::{Breakers, Key, Stop};
pub use config::{Config, Limits};

use super::config::ConfigError;
use crate::types::time::UnixNanos;
use config::Settings;
use window::{Sums, Window};

crate::code_enum! {
    /// Why a breaker opened. The codes may be written to disk.
    pub enum Cause {
        /// Errors ÷ orders (no answer, a fault of the connection).
        Errors = 1, "errors";
        /// Rejects ÷ orders.
        Rejects = 2, "rejects";
        /// Mean slippage of the fills.
        Slippage = 3, "slippage";
        /// Mean time from order to answer.
        Latency = 4, "latency";
        /// What was lost.
        Loss = 5, "loss";
        /// A probe failed, or was not answered in time.
        Probe = 6, "probe";
    }
}

/// Something that happened to an order. Times are those of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An order was approved.
    Sent,
    /// The venue answered: the order rests or traded. Once an order.
    Answered {
        /// When it was approved.
        sent_at: UnixNanos,
    },
    /// The venue refused it.
    Rejected {
        /// When it was approved.
        sent_at: UnixNanos,
    },
    /// It was not answered, or did not get out.
    Failed {
        /// When it was approved.
        sent_at: UnixNanos,
    },
    /// A fill.
    Filled {
        /// When it was approved.
        sent_at: UnixNanos,
        /// What the fill cost against the mid at the decision, in 10⁻⁸ of the quote currency; negative = better than it.
        slippage_e8: i128,
        /// Value of the fill at that mid, ≥ 0, same unit.
        notional_e8: i128,
        /// What it realised less its fee, same unit.
        pnl_e8: i128,
    },
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All.
    Closed,
    /// Nothing before `until`.
    Open {
        /// Why.
        cause: Cause,
        /// When probes begin.
        until: UnixNanos,
    },
    /// This many more probes.
    HalfOpen {
        /// Why it had opened.
        cause: Cause,
        /// Probes that may still be sent.
        left: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { cause: Cause, until: UnixNanos },
    HalfOpen { cause: Cause, since: UnixNanos, sent: u32, good: u32, last_sent: UnixNanos },
}

/// One breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    phase: Phase,
    /// How often it opened since it was last closed: the next opening is so many times doubled.
    openings: u32,
    /// The latest event's time.
    now: UnixNanos,
    window: Window,
}

impl Breaker {
    fn new() -> Self {
        Self { phase: Phase::Closed, openings: 0, now: UnixNanos::MIN, window: Window::new() }
    }

    /// The phase at `now`, and the openings by then: what ends by itself has ended at its own moment.
    #[inline]
    fn settled(&self, settings: &Settings, now: UnixNanos) -> (Phase, u32) {
        let (mut phase, mut openings) = (self.phase, self.openings);
        if let Phase::HalfOpen { sent, good, last_sent, .. } = phase {
            let over_at = last_sent.saturating_add(settings.probe);
            if sent > good && now >= over_at {
                phase = Phase::Open { cause: Cause::Probe, until: over_at.saturating_add(settings.span(openings)) };
                openings = openings.saturating_add(1);
            }
        }
        if let Phase::Open { cause, until } = phase
            && now >= until
        {
            phase = Phase::HalfOpen { cause, since: until, sent: 0, good: 0, last_sent: until };
        }
        (phase, openings)
    }

    /// What it lets through at `now`. Changes nothing.
    #[inline]
    fn state(&self, settings: &Settings, now: UnixNanos) -> State {
        if self.phase == Phase::Closed {
            return State::Closed;
        }
        match self.settled(settings, now.max(self.now)).0 {
            Phase::Closed => State::Closed,
            Phase::Open { cause, until } => State::Open { cause, until },
            Phase::HalfOpen { cause, sent, .. } => {
                State::HalfOpen { cause, left: settings.probes.saturating_sub(sent) }
            }
        }
    }

    /// Takes an event. True if the breaker opened with it.
    fn on(&mut self, settings: &Settings, now: UnixNanos, event: Event) -> bool {
        self.now = self.now.max(now);
        let now = self.now;
        (self.phase, self.openings) = self.settled(settings, now);
        match self.phase {
            Phase::Closed => {
                let sums = self.window.add(settings.bucket, now, &Sums::of(event, now));
                match breach(settings, &sums) {
                    Some(cause) => self.open(settings, cause),
                    None => return false,
                }
            }
            // What was sent before may still be answered; it opens nothing that is open.
            Phase::Open { .. } => return false,
            Phase::HalfOpen { ref mut sent, ref mut good, ref mut last_sent, since, .. } => {
                let is_probe = |sent_at: UnixNanos| sent_at >= since;
                match event {
                    Event::Sent => (*sent, *last_sent) = (sent.saturating_add(1), now),
                    Event::Rejected { sent_at } | Event::Failed { sent_at } if is_probe(sent_at) => {
                        self.open(settings, Cause::Probe);
                        return true;
                    }
                    Event::Answered { sent_at } if is_probe(sent_at) => {
                        let slow = settings.latency.is_some_and(|most| now.saturating_sub(sent_at) > most);
                        if slow {
                            self.open(settings, Cause::Probe);
                            return true;
                        }
                        *good = good.saturating_add(1);
                        if *good >= settings.probes {
                            self.close();
                        }
                    }
                    Event::Filled { sent_at, .. } if is_probe(sent_at) => {
                        // One fill is judged by the limits of the window, as if it were alone in it.
                        let alone = Sums::of(event, now);
                        if slips(settings, &alone) || loses(settings, &alone) {
                            self.open(settings, Cause::Probe);
                            return true;
                        }
                    }
                    _ => {}
                }
                return false;
            }
        }
        true
    }

    fn open(&mut self, settings: &Settings, cause: Cause) {
        self.phase = Phase::Open { cause, until: self.now.saturating_add(settings.span(self.openings)) };
        self.openings = self.openings.saturating_add(1);
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.openings = 0;
        self.window.clear();
    }
}

fn slips(settings: &Settings, sums: &Sums) -> bool {
    // slippage ÷ notional > limit, without a division; what does not fit is too much.
    settings.slippage_ppm.is_some_and(|most| {
        sums.slippage_e8 > 0
            && match (sums.slippage_e8.checked_mul(1_000_000), sums.notional_e8.checked_mul(i128::from(most))) {
                (Some(slippage), Some(allowed)) => slippage > allowed,
                (None, _) => true,
                (Some(_), None) => false,
            }
    })
}

fn loses(settings: &Settings, sums: &Sums) -> bool {
    settings.loss_e8.is_some_and(|most| sums.pnl_e8.saturating_neg() > most)
}

/// The first limit that the window passes, in the order of [`Cause`].
fn breach(settings: &Settings, sums: &Sums) -> Option<Cause> {
    let enough = |n: u32| n >= settings.orders_min;
    let rate = |n: u32, most: Option<u32>| {
        most.is_some_and(|most| u64::from(n) * 1_000_000 > u64::from(most) * u64::from(sums.sent.max(1)))
    };
    let slow = settings.latency.is_some_and(|most| sums.latency > i128::from(most) * i128::from(sums.answered));
    // A failure may come when its order has left the window already: there may be more of them than orders.
    if enough(sums.sent.max(sums.failed)) && rate(sums.failed, settings.errors_ppm) {
        Some(Cause::Errors)
    } else if enough(sums.sent.max(sums.rejected)) && rate(sums.rejected, settings.rejects_ppm) {
        Some(Cause::Rejects)
    } else if enough(sums.filled) && slips(settings, sums) {
        Some(Cause::Slippage)
    } else if enough(sums.answered) && slow {
        Some(Cause::Latency)
    } else if loses(settings, sums) {
        Some(Cause::Loss)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
