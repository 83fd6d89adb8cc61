//! Hot: the venue goes on while the sequencer waits for room: a journal that stalls may stop new orders, never cancels.
//!
//! The ring is full as long as the journal does not answer. An order that is under way then would wait too, though the venue
//! stands outside the ring and would take it. So while there is no room the venue's side of the loop goes on alone, up to
//! the orders that are known: what happens inside the generated market before the next order arrives, then the order.
//!
//! **Why that is right.** It is what the loop would do next in the venue, in the same order, at the same simulated times:
//! * Orders arrive in the order in which they were decided (one connection), so none that is still unknown comes before
//!   one that is known, and none can come before what happens in the market up to then.
//! * Nothing else acts on the generated market. Frames and reports that come of it are not sequenced here: they wait with the
//!   simulated time of their delivery, as always.
//! * The order acts at its own simulated time; only the wall may be a little behind that, which nobody sees.
//!
//! So the sequence is the one that a ring with more room would have had. What depends on the wall is only what always did, live:
//! whether a new order meets a gate that is closed. In a run at full speed nothing happens here at all.
//!
//! **A recorded market** gets no further than the message that waits for room: its next one is not decoded yet. An order that was
//! let in ahead of that would overtake market data from before its arrival and miss fills that it should have met. So there it
//! waits; no fill can come before it either, since that market's time stands still.

use super::inflow::Inflow;
use super::sequencer::Meanwhile;
use super::simulation::LoopProgress;
use super::venue_side::VenueSide;
use crate::control::gate::Gate;
use crate::venue::directory::Directory;

/// The venue's side, with all that it needs to go on by itself.
pub struct VenueAhead<'a> {
    /// The venue's side.
    pub side: &'a mut VenueSide,
    /// Where the generated market's messages go.
    pub inflow: &'a mut Inflow,
    /// The switches.
    pub gate: &'a Gate,
    /// The instruments.
    pub directory: &'a Directory,
    /// Where orders that arrive are counted.
    pub progress: &'a LoopProgress,
}

impl Meanwhile for VenueAhead<'_> {
    #[inline]
    fn meanwhile(&mut self) {
        self.side.drain();
    }

    #[cold]
    fn no_room(&mut self) -> bool {
        self.side.drain();
        let Some(event) = self.side.next_agents() else { return false };
        let Some(order) = self.side.next_order() else { return false };
        let Some(written) = self.side.need_not_wait(self.gate) else { return false };
        if event <= order {
            self.side.step_agents(self.inflow);
        } else if self.side.deliver(written, self.gate, self.directory) {
            self.progress.one_arrived();
        }
        true
    }
}
