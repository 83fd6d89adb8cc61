//! Hot: the states of an order and the table of its legal moves.

use crate::event::execution::OrderState;
use crate::event::report::ExecType;
use OrderState as S;

/// What happens to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// We sent it.
    Submit = 0,
    /// We refused it ourselves.
    Deny,
    /// The venue has it.
    New,
    /// A fill that leaves something open.
    Partial,
    /// A fill of all that was left.
    Fill,
    /// We asked for its cancel.
    AskCancel,
    /// Cancelled.
    Canceled,
    /// Refused by the venue.
    Rejected,
    /// Ended by the venue.
    Expired,
    /// Changed as asked.
    Replaced,
    /// Our cancel or change was refused.
    CancelRejected,
    /// A stop was triggered.
    Triggered,
}

impl Event {
    /// The event of a report; a trade is a [`Event::Fill`] if it `completes` the order.
    pub const fn of(exec: ExecType, completes: bool) -> Self {
        match exec {
            ExecType::New => Self::New,
            ExecType::Trade if completes => Self::Fill,
            ExecType::Trade => Self::Partial,
            ExecType::Canceled => Self::Canceled,
            ExecType::Rejected => Self::Rejected,
            ExecType::Expired => Self::Expired,
            ExecType::Replaced => Self::Replaced,
            ExecType::CancelRejected => Self::CancelRejected,
            ExecType::Triggered => Self::Triggered,
        }
    }
}

/// Where a move leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// To this state.
    To(OrderState),
    /// To the state that an order has when no request is pending: filled in part, accepted, or still only sent.
    Working,
    /// Nothing changes: a repeated, late or overtaken message that is no fault.
    Stay,
    /// It cannot happen.
    Illegal,
}

const EVENTS: usize = 12;
const __: Move = Move::Illegal;
const ST: Move = Move::Stay;
const WK: Move = Move::Working;
const SU: Move = Move::To(S::Submitted);
const DE: Move = Move::To(S::Denied);
const AC: Move = Move::To(S::Accepted);
const PC: Move = Move::To(S::PendingCancel);
const TR: Move = Move::To(S::Triggered);
const PF: Move = Move::To(S::PartiallyFilled);
const FI: Move = Move::To(S::Filled);
const CA: Move = Move::To(S::Canceled);
const RE: Move = Move::To(S::Rejected);
const EX: Move = Move::To(S::Expired);

/// One row per state, one column per event.
///
/// A fill may come before the acknowledgement and after the end: what was filled was filled. An end that comes after
/// another end changes nothing.
#[rustfmt::skip]
const TABLE: [(OrderState, [Move; EVENTS]); 12] = [
    //                    Submit Deny New Part Fill Ask Canc Rej Exp Repl CRej Trig
    (S::Initialized,     [SU,    DE,  __, __,  __,  __, __,  __, __, __,  __,  __]),
    (S::Denied,          [__,    __,  __, __,  __,  __, __,  __, __, __,  __,  __]),
    (S::Submitted,       [__,    __,  AC, PF,  FI,  PC, CA,  RE, EX, WK,  ST,  TR]),
    (S::Accepted,        [__,    __,  ST, PF,  FI,  PC, CA,  RE, EX, WK,  ST,  TR]),
    (S::Rejected,        [__,    __,  ST, __,  __,  __, ST,  ST, ST, __,  ST,  __]),
    (S::PendingUpdate,   [__,    __,  ST, ST,  FI,  PC, CA,  RE, EX, WK,  WK,  TR]),
    (S::PendingCancel,   [__,    __,  ST, ST,  FI,  ST, CA,  RE, EX, ST,  WK,  ST]),
    (S::Triggered,       [__,    __,  ST, PF,  FI,  PC, CA,  RE, EX, WK,  ST,  ST]),
    (S::PartiallyFilled, [__,    __,  ST, ST,  FI,  PC, CA,  __, EX, WK,  ST,  TR]),
    (S::Filled,          [__,    __,  ST, ST,  ST,  __, ST,  __, ST, __,  ST,  ST]),
    (S::Canceled,        [__,    __,  ST, ST,  FI,  __, ST,  ST, ST, ST,  ST,  ST]),
    (S::Expired,         [__,    __,  ST, ST,  FI,  __, ST,  ST, ST, ST,  ST,  ST]),
];

/// The move that `event` makes from `from`.
#[inline]
pub fn next(from: OrderState, event: Event) -> Move {
    // Codes are 1..=12, in the order of the rows.
    TABLE.get(from.code() as usize - 1).map_or(Move::Illegal, |row| row.1[event as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_every_state_in_the_order_of_the_codes() {
        assert_eq!(TABLE.len(), OrderState::ALL.len());
        for (row, &state) in TABLE.iter().zip(OrderState::ALL) {
            assert_eq!(row.0, state);
        }
    }

    #[test]
    fn from_an_end_there_is_no_way_back_to_work() {
        for (from, row) in TABLE.iter().filter(|row| row.0.is_over()) {
            for to in row {
                assert!(matches!(to, Move::Illegal | Move::Stay | Move::To(S::Filled)), "{from} {to:?}");
            }
        }
    }

    #[test]
    fn a_cancel_can_be_asked_for_in_every_working_state() {
        for (from, _) in TABLE.iter().filter(|row| !row.0.is_over() && row.0 != S::Initialized) {
            assert_ne!(next(*from, Event::AskCancel), Move::Illegal, "{from}");
        }
    }
}
