//! Hot: latency histograms of a journey, from the stamps that it carries.

use crate::event::slot::Slot;
use hdrhistogram::Histogram;

/// Spans of the journey, in order.
pub const SPANS: [&str; 8] =
    ["decode", "market", "feature", "signal", "risk", "execution", "bytes_to_decision", "bytes_to_order"];

/// Index of `bytes_to_order` in [`SPANS`]: from the bytes in to the encoded order out.
pub const BYTES_TO_ORDER: usize = 7;
/// Index of `bytes_to_decision`: from the bytes in until execution is done, for every complete message.
pub const BYTES_TO_DECISION: usize = 6;

/// One histogram for each span, in nanoseconds, three significant digits, up to 100 s.
#[derive(Clone, Debug)]
pub struct LatencySet {
    histograms: [Histogram<u64>; 8],
}

impl LatencySet {
    /// Empty histograms. Their memory is taken now.
    pub fn new() -> Self {
        let one = Histogram::new_with_bounds(1, 100_000_000_000, 3)
            .unwrap_or_else(|_| Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are allowed")));
        Self { histograms: core::array::from_fn(|_| one.clone()) }
    }

    /// Takes in the stamps of `slot`; `nanos_between` turns two of them into nanoseconds.
    #[inline]
    pub fn record(&mut self, slot: &Slot, nanos_between: impl Fn(u64, u64) -> u64) {
        let start = slot.input.stamp;
        if start == 0 || slot.execution.stamp == 0 {
            return;
        }
        let sequenced = start + u64::from(slot.input.decode_ticks);
        if slot.input.part == 0 {
            self.add(0, nanos_between(start, sequenced));
        }
        self.add(1, nanos_between(sequenced, slot.market.stamp));
        self.add(2, nanos_between(slot.market.stamp, slot.features.stamp));
        self.add(3, nanos_between(slot.features.stamp, slot.signal.stamp));
        self.add(4, nanos_between(slot.signal.stamp, slot.risk.stamp));
        self.add(5, nanos_between(slot.risk.stamp, slot.execution.stamp));
        if slot.input.is_last() {
            self.add(BYTES_TO_DECISION, nanos_between(start, slot.execution.stamp));
        }
        if slot.execution.stamp_encoded != 0 {
            self.add(BYTES_TO_ORDER, nanos_between(start, slot.execution.stamp_encoded));
        }
    }

    #[inline]
    fn add(&mut self, span: usize, nanos: u64) {
        self.histograms[span].saturating_record(nanos.max(1));
    }

    /// The histogram of a span.
    pub fn get(&self, span: usize) -> &Histogram<u64> {
        &self.histograms[span]
    }
}

impl Default for LatencySet {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn spans_come_from_the_stamps() {
        let mut slot = Slot::zeroed();
        let mut set = LatencySet::new();
        set.record(&slot, |a, b| b - a);
        assert_eq!(set.get(0).len(), 0, "not stamped");
        slot.input.flags = crate::event::input::flags::LAST;
        slot.input.stamp = 1000;
        slot.input.decode_ticks = 100;
        slot.market.stamp = 1150;
        slot.features.stamp = 1160;
        slot.signal.stamp = 1180;
        slot.risk.stamp = 1185;
        slot.execution.stamp = 1200;
        set.record(&slot, |a, b| b - a);
        let maxima: Vec<u64> = (0..8).map(|span| set.get(span).max()).collect();
        assert_eq!(maxima, [100, 50, 10, 20, 5, 15, 200, 0]);
        slot.execution.stamp_encoded = 1300;
        set.record(&slot, |a, b| b - a);
        assert_eq!(set.get(BYTES_TO_ORDER).max(), 300);
    }
}
