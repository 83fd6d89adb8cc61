//! The book of levels in two `BTreeMap`s, and its synchronisation with the venue's snapshot.

use super::decode::{Depth, Pair, Snapshot};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, VecDeque};

/// Price and quantity; quantity 0 = there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Price.
    pub px: Decimal,
    /// Quantity.
    pub qty: Decimal,
}

/// Both best levels and how much stands behind them, after the last complete message.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
    /// Σ quantity of the best 5 and of the best 10 bids.
    pub bid_sums: [Decimal; 2],
    /// The same of the asks.
    pub ask_sums: [Decimal; 2],
    /// Update id of the newest message.
    pub update_id: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// A snapshot is needed; differences wait.
    #[default]
    Waiting,
    /// The book is the snapshot; the first difference must join it.
    Loaded,
    /// Whole.
    Live,
}

/// What a message did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// The book changed or was confirmed.
    pub updated: bool,
    /// A message is missing.
    pub gap: bool,
}

/// The book of one instrument.
#[derive(Debug, Default)]
pub struct Book {
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    phase: Phase,
    last_id: u64,
    waiting: VecDeque<Depth>,
}

impl Book {
    /// Whether it is whole.
    pub fn is_valid(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether both sides are there and the best bid is not below the best ask.
    pub fn is_crossed(&self) -> bool {
        match (self.bids.last_key_value(), self.asks.first_key_value()) {
            (Some((bid, _)), Some((ask, _))) => bid >= ask,
            _ => false,
        }
    }

    /// What is shown of it.
    pub fn view(&self) -> View {
        let level = |best: Option<(&Decimal, &Decimal)>| {
            best.map_or_else(Level::default, |(px, qty)| Level { px: *px, qty: *qty })
        };
        View {
            bid: level(self.bids.last_key_value()),
            ask: level(self.asks.first_key_value()),
            bid_sums: sums(self.bids.values().rev()),
            ask_sums: sums(self.asks.values()),
            update_id: self.last_id,
        }
    }

    /// It is no longer whole: a fresh snapshot is needed, and nothing that waited counts.
    pub fn lose(&mut self) {
        self.phase = Phase::Waiting;
        self.waiting.clear();
    }

    /// Takes in a difference.
    pub fn on_depth(&mut self, depth: Depth) -> Done {
        let mut done = Done::default();
        self.take(depth, &mut done);
        done
    }

    /// Takes in a snapshot. Of a whole book only one of the very same update id counts: it is compared.
    pub fn on_snapshot(&mut self, snapshot: &Snapshot) -> Done {
        let mut done = Done::default();
        match self.phase {
            Phase::Live if snapshot.last_id == self.last_id => {
                let holds =
                    |side: &BTreeMap<_, _>, (px, qty): &Pair| side.get(&px.0).is_some_and(|held| *held == qty.0);
                let agrees = snapshot.bids.iter().all(|level| holds(&self.bids, level))
                    && snapshot.asks.iter().all(|level| holds(&self.asks, level));
                if !agrees {
                    self.lose();
                }
                return Done { updated: agrees, gap: !agrees };
            }
            Phase::Live => return done,
            Phase::Loaded if snapshot.last_id <= self.last_id => return done,
            _ => {}
        }
        if let Some(first) = self.waiting.front()
            && first.first_id > reach(first, snapshot.last_id)
        {
            // Too old to be joined: another one is needed.
            return done;
        }
        self.bids.clear();
        self.asks.clear();
        if !self.apply(&snapshot.bids, &snapshot.asks) {
            self.lose();
            return done;
        }
        (self.phase, self.last_id) = (Phase::Loaded, snapshot.last_id);
        for depth in std::mem::take(&mut self.waiting) {
            self.take(depth, &mut done);
        }
        done.updated = true;
        done
    }

    /// Applies a difference, lets it wait, or passes it over.
    fn take(&mut self, depth: Depth, done: &mut Done) {
        let joins = match self.phase {
            Phase::Live if depth.last_id <= self.last_id => return,
            Phase::Live => match depth.prev_id {
                Some(before) => before == self.last_id,
                None => depth.first_id <= self.last_id + 1,
            },
            Phase::Loaded if depth.last_id < reach(&depth, self.last_id) => return,
            Phase::Loaded => depth.first_id <= reach(&depth, self.last_id),
            Phase::Waiting => {
                self.waiting.push_back(depth);
                return;
            }
        };
        if !joins || depth.first_id > depth.last_id {
            done.gap |= self.phase == Phase::Live;
            self.lose();
            self.waiting.push_back(depth);
        } else if self.apply(&depth.bids, &depth.asks) {
            (self.phase, self.last_id) = (Phase::Live, depth.last_id);
            done.updated = true;
        } else {
            self.lose();
        }
    }

    /// Sets levels; `false` if one cannot be.
    fn apply(&mut self, bids: &[Pair], asks: &[Pair]) -> bool {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for (px, qty) in levels {
                if px.0 <= Decimal::ZERO || qty.0 < Decimal::ZERO {
                    return false;
                }
                if qty.0.is_zero() {
                    side.remove(&px.0);
                } else {
                    side.insert(px.0, qty.0);
                }
            }
        }
        true
    }
}

/// The update id that the first difference behind a snapshot must hold: futures the snapshot's own, spot the one behind it.
fn reach(depth: &Depth, snapshot_id: u64) -> u64 {
    if depth.prev_id.is_some() { snapshot_id } else { snapshot_id + 1 }
}

fn sums<'a>(best_first: impl Iterator<Item = &'a Decimal>) -> [Decimal; 2] {
    let (mut five, mut ten) = (Decimal::ZERO, Decimal::ZERO);
    for (place, qty) in best_first.take(10).enumerate() {
        if place < 5 {
            five += *qty;
        }
        ten += *qty;
    }
    [five, ten]
}
