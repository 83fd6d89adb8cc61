//! Hot: the input section: one thing that happened, in the order in which the host saw it.

use crate::types::ids::{InstrumentId, Sequence, SourceId};
use crate::types::price::{Px, Qty, Side};
use crate::types::time::UnixNanos;
use bytemuck::{AnyBitPattern, NoUninit, Pod, Zeroable};

/// Bytes of a payload.
pub const PAYLOAD_BYTES: usize = 320;
/// Levels that one depth input carries; a longer message becomes several inputs of one group.
pub const LEVELS_MAX: usize = 18;

crate::code_enum! {
    /// What an input is; decides how its payload is read.
    pub enum InputKind {
        /// Process start: [`EpochStart`]. Market, feature and signal state starts anew, positions and orders stay.
        Epoch = 1, "epoch";
        /// An instrument's definition, new or finer: `definition::Definition`.
        Definition = 2, "definition";
        /// Time passed, for one instrument: no payload; `ts_recv` is the time.
        Timer = 3, "timer";
        /// The execution gate opened or closed: [`GateChange`].
        Gate = 4, "gate";
        /// A venue's report on an order: `report::Report`.
        Report = 5, "report";
        /// Somebody who may (an operator, an agent) wants something: `operator::OperatorCommand`.
        Operator = 6, "operator";
        /// What the venue says that we have there: `statement::Statement`.
        Statement = 7, "statement";
        /// What an agent outside the host thinks of an instrument: `outside::OutsideSignal`.
        Outside = 8, "outside";
        /// Book levels, absolute quantities: [`Depth`].
        Depth = 16, "depth";
        /// A public trade: [`Trade`].
        Trade = 17, "trade";
        /// The venue's own best bid and ask: [`Quote`].
        Quote = 18, "quote";
        /// The venue's own bar: [`Bar`].
        Bar = 19, "bar";
        /// Mark price and funding: [`Mark`].
        Mark = 20, "mark";
        /// An order-by-order book event (ITCH, LOBSTER): [`OrderEvent`].
        OrderEvent = 21, "order_event";
        /// Trading state of an instrument or of the whole venue: [`Status`].
        Status = 22, "status";
        /// The feed lost messages or its connection: [`Gap`]. Books of the source are invalid until whole again.
        Gap = 23, "gap";
    }
}

/// Flags of an input.
pub mod flags {
    /// First input of a group (one venue message may need several inputs).
    pub const FIRST: u8 = 1;
    /// Last input of a group: the venue's message is complete, and stages may act on it.
    pub const LAST: u8 = 2;
    /// The group replaces the book (REST snapshot, partial depth) instead of changing it.
    pub const SNAPSHOT: u8 = 4;
    /// The payload came from the general parser, since the fast path met something that it did not expect.
    pub const FALLBACK: u8 = 8;
}

/// The input section. Header of 64 bytes, payload of 320.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct Input {
    /// TSC when the bytes were taken from the feed; 0 if not stamped. Not hashed.
    pub stamp: u64,
    /// Place in the one total order.
    pub sequence: Sequence,
    /// Sequence of the input that caused this one (a report: the input that led to the order); 0 = an outside cause.
    pub trace: Sequence,
    /// When the host received it (local clock), or simulated time. May lie before `ts_event`: clocks differ.
    pub ts_recv: UnixNanos,
    /// The venue's time of the event (engine time where there is one); `NO_TIME` if it gives none.
    pub ts_event: UnixNanos,
    /// The venue's final update id, trade id or message number: see the payload.
    pub venue_id: u64,
    /// Instrument, or `InstrumentId::NONE`.
    pub instrument: InstrumentId,
    /// Where it came from.
    pub source: SourceId,
    /// Code of an [`InputKind`].
    pub kind: u8,
    /// See [`flags`].
    pub flags: u8,
    /// Bytes of the payload in use; the rest means nothing.
    pub payload_len: u16,
    /// Number of this input in its group, from 0.
    pub part: u16,
    /// Nanoseconds from bytes to decoded input in TSC ticks, saturated; 0 if not stamped. Not hashed, not journaled.
    pub decode_ticks: u32,
    /// The payload's bytes.
    pub payload: [u8; PAYLOAD_BYTES],
}

impl Input {
    /// An input of `kind` for `instrument` with a payload; FIRST and LAST are set. The sequencer gives the sequence.
    pub fn new<P: NoUninit>(
        kind: InputKind,
        source: SourceId,
        instrument: InstrumentId,
        ts_recv: UnixNanos,
        payload: &P,
    ) -> Self {
        const { assert!(size_of::<P>() <= PAYLOAD_BYTES) };
        let mut input = Self::zeroed();
        input.kind = kind.code();
        input.source = source;
        input.instrument = instrument;
        input.ts_recv = ts_recv;
        input.ts_event = crate::types::time::NO_TIME;
        input.flags = flags::FIRST | flags::LAST;
        input.payload_len = size_of::<P>() as u16;
        input.payload[..size_of::<P>()].copy_from_slice(bytemuck::bytes_of(payload));
        input
    }

    /// The kind, or `None` for an unknown code.
    #[inline]
    pub fn kind(&self) -> Option<InputKind> {
        InputKind::from_code(self.kind)
    }

    /// Whether this is the first input of its group.
    #[inline]
    pub fn is_first(&self) -> bool {
        self.flags & flags::FIRST != 0
    }

    /// Whether this is the last input of its group.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.flags & flags::LAST != 0
    }

    /// The payload as `P`. Which type goes with which kind stands at [`InputKind`].
    #[inline]
    pub fn payload<P: AnyBitPattern>(&self) -> &P {
        const {
            assert!(size_of::<P>() <= PAYLOAD_BYTES);
            assert!(align_of::<P>() <= 64);
        };
        bytemuck::from_bytes(&self.payload[..size_of::<P>()])
    }

    /// The payload as `P`, to fill in.
    #[inline]
    pub fn payload_mut<P: Pod>(&mut self) -> &mut P {
        const {
            assert!(size_of::<P>() <= PAYLOAD_BYTES);
            assert!(align_of::<P>() <= 64);
        };
        bytemuck::from_bytes_mut(&mut self.payload[..size_of::<P>()])
    }
}

/// One price level with its absolute quantity; quantity 0 deletes the level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Level {
    /// Price.
    pub px: Px,
    /// Absolute quantity at this price.
    pub qty: Qty,
}

/// Payload of [`InputKind::Depth`]: bids first, then asks. With `flags::SNAPSHOT` the group replaces the book.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Depth {
    /// First update id of the message (`U`); for a snapshot the same as `last_id`.
    pub first_id: u64,
    /// Final update id of the message (`u`, or `lastUpdateId`).
    pub last_id: u64,
    /// Final update id of the message before (`pu`; futures only), else 0.
    pub prev_id: u64,
    /// Bids in `levels`.
    pub bids: u8,
    /// Asks in `levels`, behind the bids.
    pub asks: u8,
    /// A [`DepthStyle`] code.
    pub style: u8,
    /// Zero.
    pub reserved: [u8; 5],
    /// `bids + asks` levels.
    pub levels: [Level; LEVELS_MAX],
}

crate::code_enum! {
    /// How a depth message continues the ones before it; the rules are those of `venues/binance` synchronisation.
    pub enum DepthStyle {
        /// A difference whose `first_id` must be the last `last_id` + 1 (Binance spot).
        DiffByFirst = 1, "diff_by_first";
        /// A difference whose `prev_id` must be the last `last_id` (Binance futures).
        DiffByPrev = 2, "diff_by_prev";
        /// A full snapshot that starts synchronisation (REST).
        Snapshot = 3, "snapshot";
        /// The top levels only, each message complete in itself (partial depth).
        TopLevels = 4, "top_levels";
    }
}

/// Payload of [`InputKind::Trade`].
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Trade {
    /// The venue's trade id (for aggTrade: the last of them).
    pub trade_id: u64,
    /// First trade id that it covers; the same as `trade_id` for a single trade.
    pub first_trade_id: u64,
    /// Price.
    pub px: Px,
    /// Quantity, > 0.
    pub qty: Qty,
    /// Code of the aggressor's `Side`; 0 = unknown.
    pub aggressor: u8,
    /// 1 if it may be counted in volume, last price and bars.
    pub printable: u8,
    /// 1 if it stands for several trades (aggTrade).
    pub aggregated: u8,
    /// Zero.
    pub reserved: [u8; 5],
}

impl Trade {
    /// Side of the aggressor, if known.
    #[inline]
    pub fn aggressor(&self) -> Option<Side> {
        Side::from_code(self.aggressor)
    }
}

/// Payload of [`InputKind::Quote`] (bookTicker). A side that is not there has quantity 0.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Quote {
    /// The book's update id at this quote.
    pub update_id: u64,
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

/// Payload of [`InputKind::Bar`] (kline).
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Bar {
    /// Open time, UTC.
    pub open_time: UnixNanos,
    /// Length in nanoseconds; 0 for calendar months.
    pub interval: i64,
    /// Open.
    pub open: Px,
    /// High.
    pub high: Px,
    /// Low.
    pub low: Px,
    /// Close so far.
    pub close: Px,
    /// Base volume so far.
    pub volume: Qty,
    /// Trades so far.
    pub trades: u64,
    /// 1 when the bar is final.
    pub closed: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

/// Payload of [`InputKind::Mark`] (markPriceUpdate).
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Mark {
    /// Mark price.
    pub mark: Px,
    /// Index price; 0 if absent.
    pub index: Px,
    /// Estimated settlement price; 0 if absent.
    pub settle: Px,
    /// Funding rate in 10⁻⁸; 0 if absent.
    pub funding_rate_e8: i64,
    /// Next funding; `NO_TIME` if absent.
    pub next_funding: UnixNanos,
}

crate::code_enum! {
    /// What happened to an order in an order-by-order book.
    pub enum OrderAction {
        /// New at the tail of its level (ITCH A, F; LOBSTER 1).
        Add = 1, "add";
        /// Executed at its own price (ITCH E; LOBSTER 4).
        Execute = 2, "execute";
        /// Executed at another price (ITCH C): `px` is the trade's price.
        ExecuteAt = 3, "execute_at";
        /// Partly cancelled (ITCH X; LOBSTER 2).
        Reduce = 4, "reduce";
        /// Removed (ITCH D; LOBSTER 3).
        Delete = 5, "delete";
        /// Replaced by `new_ref` with a new size and price, at the tail (ITCH U).
        Replace = 6, "replace";
        /// A trade against a hidden order; the visible book does not change (ITCH P; LOBSTER 5).
        HiddenTrade = 7, "hidden_trade";
        /// A cross or auction print (ITCH Q; LOBSTER 6).
        Cross = 8, "cross";
        /// A trade is broken (ITCH B): `match_number` names it.
        Broken = 9, "broken";
    }
}

/// Payload of [`InputKind::OrderEvent`].
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct OrderEvent {
    /// The order's reference.
    pub order_ref: u64,
    /// Replace: the new reference; else 0.
    pub new_ref: u64,
    /// Match number of a trade; else 0.
    pub match_number: u64,
    /// Price of the order (Add, Replace) or of the trade (ExecuteAt, HiddenTrade, Cross); else 0.
    pub px: Px,
    /// Quantity added, executed or taken away.
    pub qty: Qty,
    /// Code of an [`OrderAction`].
    pub action: u8,
    /// Code of the resting order's `Side`; 0 where the message does not give it.
    pub side: u8,
    /// 1 if a trade counts in volume and last price.
    pub printable: u8,
    /// 1 if the order may be one that was there before the data begins (LOBSTER), so that an unknown reference is no fault.
    pub may_be_unknown: u8,
    /// Zero.
    pub reserved: [u8; 4],
}

crate::code_enum! {
    /// Trading state.
    pub enum TradingState {
        /// Continuous trading.
        Trading = 1, "trading";
        /// Halted or paused.
        Halted = 2, "halted";
        /// Quotation only.
        QuoteOnly = 3, "quote_only";
        /// Session closed.
        Closed = 4, "closed";
    }
}

/// Payload of [`InputKind::Status`]. The instrument `NONE` means all of the source's instruments.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Status {
    /// Code of a [`TradingState`].
    pub state: u8,
    /// The venue's own code (ITCH: message type, then the event or state letter).
    pub venue_code: [u8; 2],
    /// Zero.
    pub reserved: [u8; 5],
}

crate::code_enum! {
    /// Why data is missing.
    pub enum GapReason {
        /// Sequence numbers jump (MoldUDP64).
        SequenceJump = 1, "sequence_jump";
        /// The connection was lost.
        Disconnected = 2, "disconnected";
        /// A message could not be read.
        Undecodable = 3, "undecodable";
        /// The capture itself is cut off.
        Truncated = 4, "truncated";
        /// A number did not fit the instrument's scale, nor any finer one.
        OutOfRange = 5, "out_of_range";
    }
}

/// Payload of [`InputKind::Gap`]. The instrument `NONE` means all of the source's instruments.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Gap {
    /// First missing number; 0 if unknown.
    pub from: u64,
    /// First number after the gap; 0 if unknown.
    pub to: u64,
    /// Code of a [`GapReason`].
    pub reason: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

/// Payload of [`InputKind::Epoch`].
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct EpochStart {
    /// Number of this process start in its journal, from 1.
    pub epoch: u64,
    /// First bytes of the SHA-256 of the resolved configuration.
    pub config_hash: [u8; 16],
    /// First bytes of the SHA-256 of the program's version and build.
    pub build_hash: [u8; 16],
}

crate::code_enum! {
    /// Why the execution gate is closed.
    pub enum GateReason {
        /// The journal cannot keep up.
        JournalLag = 1, "journal_lag";
        /// The journal failed (disk full, I/O error).
        JournalFault = 2, "journal_fault";
        /// The kill switch.
        Kill = 3, "kill";
        /// The host observes only.
        Mode = 4, "mode_observe";
        /// Shutting down.
        Shutdown = 5, "shutdown";
        /// Not yet recovered and reconciled (execution state `INIT`).
        NotReady = 6, "not_ready";
        /// No source of the host has fresh market data (execution state `DEGRADED`).
        MarketDataStale = 7, "marketdata_stale";
        /// The clock cannot be believed: it jumped, drifted, or is not synchronised.
        Clock = 8, "clock";
        /// What the venue holds and what we hold differ, or was not compared yet.
        Reconciliation = 9, "reconciliation";
        /// A real venue, and no valid enablement by two people.
        Enablement = 10, "enablement";
        /// An unexpected fault (execution state `ERROR`): a person or the back-off recovers.
        Fault = 11, "fault";
        /// Degraded until somebody recovers it, for a reason told with the command.
        Degraded = 12, "degraded";
        /// A halt that environment or file demands; over when they say so. (`Kill` is what somebody latched.)
        Halt = 13, "halted";
    }
}

impl GateReason {
    /// Bits of the reasons that an audited flatten passes, in risk and at the last gate. The others say that we do not know
    /// what we hold, what it is worth or what time it is, that an order could not be recorded, or that this host may not trade
    /// at all: then a flatten could make it worse.
    pub const FLATTEN_PASSES: u32 = 1 << Self::Kill as u32
        | 1 << Self::Halt as u32
        | 1 << Self::Shutdown as u32
        | 1 << Self::Fault as u32
        | 1 << Self::Degraded as u32;

    /// The names of the reasons in `bits` (bit = code), with a comma between; empty if there are none.
    pub fn names(bits: u32) -> String {
        let names: Vec<&str> = Self::ALL.iter().filter(|r| bits >> r.code() & 1 == 1).map(|r| r.name()).collect();
        names.join(", ")
    }
}

/// Payload of [`InputKind::Gate`].
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct GateChange {
    /// Code of a [`GateReason`].
    pub reason: u8,
    /// 1 = this reason now holds (closed), 0 = it holds no longer. The gate is open when no reason holds.
    pub closed: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

/// Payload of inputs without one.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Nothing {}
