//! The fused path over the generated market, to be counted under callgrind: `perf/instructions` does it, and takes the
//! difference of two counts, so that the start and the first messages have no part in it.
//!
//! No thread but this one, so that every run executes the same instructions. Orders are sent and filled only where the last
//! part has its turn: what a fill makes the others do is counted there, some instructions a message.

use crate::hot::Build;
use crate::source::market;
use crate::stages::Alone;
use tickpath::config::Config;

/// Messages that are made, however many are sent: making them must not be part of a difference.
pub const MOST: usize = 1 << 14;

/// Sends the first `messages` of the market through the first `parts` of [`PARTS`](crate::stages::PARTS); gives the orders that came of it.
pub fn run(config: &Config, parts: usize, messages: usize) -> u64 {
    let source = market(MOST);
    let mut config = config.clone();
    config.topology.stamps = false;
    let build = Build { config, venue: source.venue, instruments: source.instruments, journal: None };
    let mut alone = Alone::new(&build, source.messages[0].at - 1_000_000);
    for block in source.messages[..messages.min(MOST)].chunks(crate::tick::BLOCK) {
        alone.up_to(block, parts);
        alone.answer();
    }
    alone.came().orders
}
