//! Hot: the last words before the wire: a handful of atomics that any thread may set and the gateway asks.
//!
//! Gate *reasons* are inputs (journaled, so that replay sees them in their place, and risk refuses by them). What stands
//! here acts at once, needs no ring, no journal and no lock, and is asked last for every order.

use crate::event::input::GateReason;
use crate::types::ids::InstrumentId;
use crate::types::instrument::VenueKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Instruments that a gate made by default can tell apart.
pub const INSTRUMENTS_DEFAULT: usize = 1024;
/// Strategies that can be killed alone: ids below this. 0 is the ensemble of this host.
pub const STRATEGIES_MAX: usize = 64;
/// Codes of venue kinds are bytes.
const VENUES: usize = 256;

/// A kill that stays until the very kill that somebody saw is released: how often it was set (upper half) and up to
/// which of these it was released (lower half). Closed while the two differ, so a release can never undo a kill that
/// came after the one it is about.
#[derive(Debug, Default)]
struct Latch(AtomicU64);

impl Latch {
    const ONE: u64 = 1 << 32;

    const fn halves(word: u64) -> (u32, u32) {
        ((word >> 32) as u32, word as u32)
    }

    /// Sets it; the number of this kill, from 1.
    fn kill(&self) -> u32 {
        Self::halves(self.0.fetch_add(Self::ONE, Ordering::AcqRel).wrapping_add(Self::ONE)).0
    }

    #[inline]
    fn is_killed(&self) -> bool {
        let (kills, released) = Self::halves(self.0.load(Ordering::Acquire));
        kills != released
    }

    fn kills(&self) -> u32 {
        Self::halves(self.0.load(Ordering::Acquire)).0
    }

    /// Releases it, if kill number `seen` is the last one; else the number of the last one.
    fn release(&self, seen: u32) -> Result<(), u32> {
        let free = u64::from(seen) << 32 | u64::from(seen);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| (Self::halves(word).0 == seen).then_some(free))
            .map(|_| ())
            .map_err(|word| Self::halves(word).0)
    }
}

/// What a kill is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KillScope {
    /// The whole host.
    Host,
    /// All instruments of a kind of venue.
    Venue(VenueKind),
    /// One instrument.
    Instrument(InstrumentId),
    /// One strategy; 0 = the ensemble of this host.
    Strategy(u32),
}

impl core::fmt::Display for KillScope {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Venue(venue) => write!(f, "venue {venue}"),
            Self::Instrument(id) => write!(f, "instrument {}", id.0),
            Self::Strategy(id) => write!(f, "strategy {id}"),
        }
    }
}

/// The switches. Everything that guards an order fails closed.
#[derive(Debug)]
pub struct Gate {
    /// Kills of the whole host.
    host: Latch,
    /// Raised by a signal handler, which may do no more than store.
    signal: Arc<AtomicBool>,
    /// Bits of the [`GateReason`]s that hold at once, whatever the ring has heard of them (bit = code).
    holds: AtomicU32,
    stop: AtomicBool,
    /// Decisions are kept, and none leaves: set once, before the run.
    shadow: AtomicBool,
    venues: Box<[Latch]>,
    strategies: Box<[Latch]>,
    instruments: Box<[Latch]>,
    /// Instruments whose market data is not fresh.
    stale: Box<[AtomicBool]>,
    /// Clock reading at which the journal began the piece of work that it is at; 0 = none.
    journal_busy_since: AtomicU64,
    /// Of which such piece it was said that it takes too long; 0 = of none.
    journal_stalled_since: AtomicU64,
    /// When whoever watches over the host looked last; 0 = nobody does.
    looked_at: AtomicU64,
    blocked: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(INSTRUMENTS_DEFAULT)
    }
}

const fn bit(reason: GateReason) -> u32 {
    1 << reason.code()
}

impl Gate {
    /// A gate for instruments with ids below `instruments_max`. All memory is taken here.
    pub fn new(instruments_max: usize) -> Self {
        let latches = |n: usize| (0..n).map(|_| Latch::default()).collect();
        Self {
            host: Latch::default(),
            signal: Arc::default(),
            holds: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            shadow: AtomicBool::new(false),
            venues: latches(VENUES),
            strategies: latches(STRATEGIES_MAX),
            instruments: latches(instruments_max),
            stale: (0..instruments_max).map(|_| AtomicBool::new(false)).collect(),
            journal_busy_since: AtomicU64::new(0),
            journal_stalled_since: AtomicU64::new(0),
            looked_at: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
        }
    }

    /// From now on no new order leaves, whatever the reasons say: SHADOW. It is no reason, so that risk goes on deciding.
    pub fn hold_all_back(&self) {
        self.shadow.store(true, Ordering::Release);
    }

    /// Whether decisions are only kept.
    #[inline]
    pub fn holds_all_back(&self) -> bool {
        self.shadow.load(Ordering::Acquire)
    }

    /// Latches the kill switch of the host: from now on no new order leaves this process; cancels still do.
    pub fn kill(&self) {
        self.host.kill();
    }

    /// Latches the kill switch of `scope`. Needs no lock and no memory, from any thread.
    ///
    /// Gives what was closed, and the number of this kill there. A scope that the gate has no room for closes the host:
    /// it may not stay open because it is unknown.
    pub fn kill_scope(&self, scope: KillScope) -> (KillScope, u32) {
        match self.latch(scope) {
            Some(latch) => (scope, latch.kill()),
            None => (KillScope::Host, self.host.kill()),
        }
    }

    /// Releases the kill of `scope`, if kill number `seen` is the last one that came in there.
    ///
    /// # Errors
    /// The number of the last kill: a newer one came in, and it stays.
    pub(super) fn release(&self, scope: KillScope, seen: u32) -> Result<(), u32> {
        self.latch(scope).unwrap_or(&self.host).release(seen)
    }

    /// Whether `scope` itself is killed (the host's kill is not counted in).
    pub fn is_scope_killed(&self, scope: KillScope) -> bool {
        self.latch(scope).is_none_or(Latch::is_killed)
    }

    /// Kills of `scope` so far, released ones included.
    pub fn kills(&self, scope: KillScope) -> u32 {
        self.latch(scope).unwrap_or(&self.host).kills()
    }

    #[inline]
    fn latch(&self, scope: KillScope) -> Option<&Latch> {
        match scope {
            KillScope::Host => Some(&self.host),
            KillScope::Venue(venue) => self.venues.get(usize::from(venue.code())),
            KillScope::Instrument(id) => self.instruments.get(id.index()),
            KillScope::Strategy(id) => self.strategies.get(id as usize),
        }
    }

    /// Whether the kill switch of the host is set.
    #[inline]
    pub fn is_killed(&self) -> bool {
        self.host.is_killed() || self.signal.load(Ordering::Acquire)
    }

    /// The flag that a signal handler raises. It closes the gate as it stands.
    pub(super) fn signal_flag(&self) -> &Arc<AtomicBool> {
        &self.signal
    }

    /// `reason` holds at once: the gate is closed until it is [lifted](Self::lift).
    pub fn hold(&self, reason: GateReason) {
        self.holds.fetch_or(bit(reason), Ordering::AcqRel);
    }

    /// `reason` holds no longer. A failed journal is never lifted: what it lost stays lost.
    pub fn lift(&self, reason: GateReason) {
        if reason != GateReason::JournalFault {
            self.holds.fetch_and(!bit(reason), Ordering::AcqRel);
        }
    }

    /// Of the reasons in `owned` those in `bits` hold from now on, and no other: in one step, so that the gate is never open
    /// between one that ends and one that begins. A failed journal is never lifted.
    pub fn set_holds(&self, owned: u32, bits: u32) {
        let owned = owned & !bit(GateReason::JournalFault);
        let set = |holds: u32| Some(holds & !owned | bits & owned);
        // It always gives something, so it cannot fail.
        let _ = self.holds.fetch_update(Ordering::AcqRel, Ordering::Acquire, set);
    }

    /// Somebody watches over the host, and looked at clock reading `now`, which is not 0.
    pub fn was_looked_after(&self, now: u64) {
        self.looked_at.store(now, Ordering::Release);
    }

    /// Clock reading of the last look; 0 = nobody watches.
    #[inline]
    pub fn looked_after_at(&self) -> u64 {
        self.looked_at.load(Ordering::Acquire)
    }

    /// Bits of all gate reasons that hold here now, the kill of the host included (bit = code of [`GateReason`]).
    pub fn reasons(&self) -> u32 {
        self.holds.load(Ordering::Acquire) | if self.is_killed() { bit(GateReason::Kill) } else { 0 }
    }

    /// Market data of the instrument is not fresh (any more), or is fresh again: no new order in it leaves meanwhile. One
    /// that the gate has no room for is closed anyway.
    pub fn instrument_is_stale(&self, instrument: InstrumentId, is_stale: bool) {
        if let Some(stale) = self.stale.get(instrument.index()) {
            stale.store(is_stale, Ordering::Release);
        }
    }

    /// No instrument's market data is fresh until somebody says so.
    pub fn all_instruments_are_stale(&self) {
        for stale in &self.stale {
            stale.store(true, Ordering::Release);
        }
    }

    #[inline]
    fn is_stale(&self, instrument: InstrumentId) -> bool {
        self.stale.get(instrument.index()).is_none_or(|stale| stale.load(Ordering::Acquire))
    }

    /// Asks the run to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether the run is to end.
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The journal cannot write: no new order may leave from now on.
    pub fn journal_failed(&self) {
        self.hold(GateReason::JournalFault);
    }

    /// Whether the journal failed.
    #[inline]
    pub fn is_journal_faulted(&self) -> bool {
        self.holds.load(Ordering::Acquire) & bit(GateReason::JournalFault) != 0
    }

    /// The journal begins a piece of work (a batch, with its sync) at clock reading `now`, which is not 0.
    #[inline]
    pub fn journal_begins(&self, now: u64) {
        self.journal_busy_since.store(now, Ordering::Release);
    }

    /// The journal has done it: whatever stalled it is over.
    #[inline]
    pub fn journal_is_done(&self) {
        self.journal_busy_since.store(0, Ordering::Release);
    }

    /// Since which clock reading the journal is at one piece of work; 0 = it is at none.
    #[inline]
    pub fn journal_busy_since(&self) -> u64 {
        self.journal_busy_since.load(Ordering::Acquire)
    }

    /// The piece of work that the journal began at clock reading `since` takes too long (a disk that does not answer): no
    /// new order may leave until that very piece is done. Said too late, about one that is done by now, it closes nothing.
    pub fn journal_stalls(&self, since: u64) {
        self.journal_stalled_since.store(since, Ordering::Release);
    }

    /// Whether the journal takes too long.
    #[inline]
    pub fn is_journal_stalled(&self) -> bool {
        let busy = self.journal_busy_since();
        busy != 0 && self.journal_stalled_since.load(Ordering::Acquire) == busy
    }

    /// Whether the gate is open for the host as a whole.
    #[inline]
    fn is_open(&self) -> bool {
        self.holds.load(Ordering::Acquire) == 0
            && !self.is_killed()
            && !self.is_journal_stalled()
            && !self.holds_all_back()
    }

    /// Whether a *new* order may leave now, whatever it is about. Counts the refusals.
    #[inline]
    pub fn lets_new_order_pass(&self) -> bool {
        self.counted(self.is_open())
    }

    /// Whether a *new* order of `strategy` in `instrument` at `venue` may leave now. Counts the refusals. What the gate
    /// has no room for may not leave.
    #[inline]
    pub fn lets_pass(&self, instrument: InstrumentId, venue: VenueKind, strategy: u32) -> bool {
        let pass = self.is_open()
            && !self.is_stale(instrument)
            && !self.is_scope_killed(KillScope::Instrument(instrument))
            && !self.is_scope_killed(KillScope::Venue(venue))
            && !self.is_scope_killed(KillScope::Strategy(strategy));
        self.counted(pass)
    }

    /// Whether an order of an operator's flatten, which only reduces, may leave now: also while killed or halted, but past no
    /// other reason ([`GateReason::FLATTEN_PASSES`]), not at a price that nobody knows, nor in SHADOW, which holds nothing.
    /// Counts the refusals.
    #[inline]
    pub fn lets_flatten_pass(&self, instrument: InstrumentId) -> bool {
        let held = self.holds.load(Ordering::Acquire) & !GateReason::FLATTEN_PASSES;
        self.counted(held == 0 && !self.is_journal_stalled() && !self.holds_all_back() && !self.is_stale(instrument))
    }

    /// Counts an order that was stopped before the wire for another reason: it is not written as it must be.
    pub fn stopped_one(&self) {
        self.blocked.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn counted(&self, pass: bool) -> bool {
        if !pass {
            self.blocked.fetch_add(1, Ordering::Relaxed);
        }
        pass
    }

    /// New orders that were stopped here.
    pub fn blocked(&self) -> u64 {
        self.blocked.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kill_is_latched_and_counted() {
        let gate = Gate::default();
        assert!(gate.lets_new_order_pass());
        gate.kill();
        assert!(!gate.lets_new_order_pass());
        assert!(!gate.lets_new_order_pass());
        assert_eq!((gate.blocked(), gate.reasons()), (2, bit(GateReason::Kill)));
    }

    /// A stall that is told when it is over, or that was one of an earlier piece of work, closes nothing.
    #[test]
    fn only_the_piece_of_work_that_takes_too_long_closes_it() {
        let gate = Gate::default();
        gate.journal_begins(5);
        gate.journal_is_done();
        gate.journal_stalls(5);
        assert!(!gate.is_journal_stalled() && gate.lets_new_order_pass());
        gate.journal_begins(6);
        assert!(!gate.is_journal_stalled());
        gate.journal_stalls(6);
        assert!(gate.is_journal_stalled() && !gate.lets_new_order_pass());
        gate.journal_is_done();
        assert!(gate.lets_new_order_pass());
    }

    #[test]
    fn a_failed_journal_closes_it_for_good() {
        let gate = Gate::default();
        gate.journal_failed();
        gate.lift(GateReason::JournalFault);
        assert!(gate.is_journal_faulted() && !gate.lets_new_order_pass());
    }

    #[test]
    fn every_reason_closes_it_until_it_is_lifted() {
        let gate = Gate::default();
        for &reason in GateReason::ALL.iter().filter(|&&r| r != GateReason::JournalFault) {
            gate.hold(reason);
            assert!(!gate.lets_new_order_pass(), "{reason}");
            assert_eq!(gate.reasons(), bit(reason));
            gate.lift(reason);
            assert!(gate.lets_new_order_pass(), "{reason}");
        }
        gate.kill();
        gate.lift(GateReason::Kill);
        assert!(!gate.lets_new_order_pass(), "a latched kill is not lifted with the reason");
    }

    #[test]
    fn what_is_held_back_is_no_reason() {
        let gate = Gate::default();
        gate.hold_all_back();
        assert!(!gate.lets_new_order_pass() && !gate.lets_flatten_pass(InstrumentId(0)));
        assert!(!gate.lets_pass(InstrumentId(0), VenueKind::Simulated, 0));
        assert_eq!(gate.reasons(), 0, "risk goes on deciding");
    }

    #[test]
    fn reasons_change_in_one_step_and_only_those_of_their_owner() {
        let gate = Gate::default();
        gate.hold(GateReason::JournalLag);
        let owned = bit(GateReason::Halt) | bit(GateReason::Clock);
        gate.set_holds(owned, bit(GateReason::Halt) | bit(GateReason::Shutdown));
        assert_eq!(gate.reasons(), bit(GateReason::JournalLag) | bit(GateReason::Halt));
        gate.set_holds(owned, bit(GateReason::Clock));
        assert_eq!(gate.reasons(), bit(GateReason::JournalLag) | bit(GateReason::Clock));
        gate.journal_failed();
        gate.set_holds(u32::MAX, 0);
        assert_eq!(gate.reasons(), bit(GateReason::JournalFault));
    }

    /// The last gate lets a flatten through where risk does, and nowhere else.
    #[test]
    fn a_flatten_passes_what_only_halts() {
        for &reason in GateReason::ALL {
            let gate = Gate::default();
            gate.hold(reason);
            assert_eq!(
                gate.lets_flatten_pass(InstrumentId(0)),
                GateReason::FLATTEN_PASSES & bit(reason) != 0,
                "{reason}"
            );
        }
        let gate = Gate::default();
        gate.kill();
        assert!(gate.lets_flatten_pass(InstrumentId(0)));
        gate.journal_begins(5);
        gate.journal_stalls(5);
        assert!(!gate.lets_flatten_pass(InstrumentId(0)));
    }

    /// What is killed → what still passes, as (instrument, venue, strategy).
    #[test]
    fn a_scope_closes_what_it_names_and_nothing_else() {
        use KillScope::{Host, Instrument, Strategy, Venue};
        let (spot, sim) = (VenueKind::BinanceSpot, VenueKind::Simulated);
        let orders = [(0, spot, 0), (1, spot, 0), (0, sim, 0), (1, sim, 0), (0, sim, 63)];
        let check = |scope: KillScope, closed: KillScope, expected: [bool; 5]| {
            let gate = Gate::new(2);
            assert_eq!(gate.kill_scope(scope), (closed, 1), "{scope}");
            let passes = orders.map(|(id, venue, strategy)| gate.lets_pass(InstrumentId(id), venue, strategy));
            assert_eq!(passes, expected, "{scope}");
            assert_eq!(gate.blocked(), expected.iter().filter(|&&pass| !pass).count() as u64, "{scope}");
            assert_eq!(gate.lets_new_order_pass(), closed != Host, "{scope}");
            assert_eq!((gate.release(closed, 1), gate.release(closed, 0)), (Ok(()), Err(1)), "{scope}");
            assert!(orders.iter().all(|&(id, venue, strategy)| gate.lets_pass(InstrumentId(id), venue, strategy)));
        };
        check(Host, Host, [false; 5]);
        check(Venue(spot), Venue(spot), [false, false, true, true, true]);
        check(Instrument(InstrumentId(0)), Instrument(InstrumentId(0)), [false, true, false, true, false]);
        check(Strategy(63), Strategy(63), [true, true, true, true, false]);
        check(Strategy(0), Strategy(0), [false, false, false, false, true]);
        // No room: the host is closed.
        check(Instrument(InstrumentId(2)), Host, [false; 5]);
        check(Instrument(InstrumentId::NONE), Host, [false; 5]);
        check(Strategy(64), Host, [false; 5]);
    }

    #[test]
    fn an_instrument_without_fresh_data_is_closed_and_no_other() {
        let gate = Gate::new(2);
        let passes = || [0, 1, 2].map(|id| gate.lets_pass(InstrumentId(id), VenueKind::Simulated, 0));
        gate.instrument_is_stale(InstrumentId(0), true);
        gate.instrument_is_stale(InstrumentId(2), false);
        assert_eq!(passes(), [false, true, false]);
        assert!(!gate.lets_flatten_pass(InstrumentId(0)) && gate.lets_flatten_pass(InstrumentId(1)));
        assert!(!gate.lets_flatten_pass(InstrumentId(2)) && gate.reasons() == 0);
        gate.instrument_is_stale(InstrumentId(0), false);
        assert_eq!(passes(), [true, true, false]);
    }

    #[test]
    fn what_the_gate_has_no_room_for_may_not_leave() {
        let gate = Gate::new(1);
        assert!(gate.lets_pass(InstrumentId(0), VenueKind::Simulated, 0));
        assert!(!gate.lets_pass(InstrumentId(1), VenueKind::Simulated, 0));
        assert!(!gate.lets_pass(InstrumentId::NONE, VenueKind::Simulated, 0));
        assert!(!gate.lets_pass(InstrumentId(0), VenueKind::Simulated, 64));
    }

    #[test]
    fn a_release_never_undoes_a_kill_that_it_has_not_seen() {
        let gate = Gate::default();
        let (scope, first) = gate.kill_scope(KillScope::Host);
        gate.kill();
        assert_eq!(gate.release(scope, first), Err(2));
        assert!(gate.is_killed());
        assert_eq!(gate.release(scope, 3), Err(2), "nor one that is still to come");
        assert_eq!(gate.release(scope, 2), Ok(()));
        assert!(!gate.is_killed());
        assert_eq!(gate.release(scope, 2), Ok(()), "again: nothing changes");
        assert_eq!(gate.kill_scope(scope), (scope, 3));
        assert!(gate.is_killed());
    }
}
