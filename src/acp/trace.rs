//! Edge: whose wish an event follows: the trace of the agent or person whose signal or command led to it, or else the host's own.
//!
//! An outside agent gives its message a `traceId`; the message becomes an input. Orders that follow it name that input
//! (`RiskSection::origin`), their reports name the order, so the trace can be told of all of them without riding on the ring.

use crate::event::input::{Input, InputKind};
use crate::event::operator::{OperatorAction, OperatorCommand};
use crate::event::outside::OutsideSignal;
use crate::event::report::Report;
use crate::event::risk::{RiskSection, Verdict};
use std::collections::BTreeMap;

/// Wishes, and orders that followed one, that are remembered; the oldest are forgotten first. An order that is older than so many
/// others of outside agents shows the host's own trace.
const KEPT: usize = 65_536;

/// The trace of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace<'a> {
    /// As its sender gave it.
    Given(&'a str),
    /// The host's own: the input that began it, `{host}-{epoch}-{sequence}` on the wire.
    Own {
        /// Its process start.
        epoch: u64,
        /// Its sequence.
        sequence: u64,
    },
}

impl Trace<'_> {
    /// What an event's own header says: a report's order, or the event itself.
    pub fn of_header(epoch: u64, input: &Input) -> Self {
        let sequence = if input.trace == 0 { input.sequence } else { input.trace };
        // A report may be about an order of an earlier start.
        let epoch = match input.kind() {
            Some(InputKind::Report) if input.trace != 0 => u64::from(input.payload::<Report>().client_order_id.epoch()),
            _ => epoch,
        };
        Self::Own { epoch, sequence }
    }

    /// Appends the `traceId` as it goes over the wire.
    pub fn write(self, out: &mut String, host: &str) {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Given(text) => write!(out, "{text}"),
            Self::Own { epoch, sequence } => write!(out, "{host}-{epoch}-{sequence}"),
        };
    }
}

/// A wish: when it was told, and under which trace.
#[derive(Clone, Debug)]
struct Wish {
    epoch: u64,
    text: String,
}

/// The wishes of a journal, as far as it was read.
#[derive(Debug, Default)]
pub struct Traces {
    /// By their sequence.
    wishes: BTreeMap<u64, Wish>,
    /// Sequence of an order's input → sequence of the wish.
    orders: BTreeMap<u64, u64>,
}

fn bounded<T>(map: &mut BTreeMap<u64, T>, key: u64, value: T) {
    map.insert(key, value);
    if map.len() > KEPT {
        map.pop_first();
    }
}

impl Traces {
    /// Takes in an event, in the journal's order; `risk` where the journal keeps it.
    pub fn learn(&mut self, epoch: u64, input: &Input, risk: Option<&RiskSection>) {
        let text = match input.kind() {
            Some(InputKind::Outside) => Some(input.payload::<OutsideSignal>().trace().into_owned()),
            Some(InputKind::Operator) => {
                let command: &OperatorCommand = input.payload();
                let wants = matches!(command.action(), Some(OperatorAction::Target | OperatorAction::Flatten));
                let trace = command.trace();
                (wants || !trace.is_empty()).then(|| trace.into_owned())
            }
            _ => None,
        };
        if let Some(text) = text {
            bounded(&mut self.wishes, input.sequence, Wish { epoch, text });
        }
        if let Some(risk) = risk.filter(|risk| risk.origin != 0 && risk.verdict() == Verdict::Approved) {
            bounded(&mut self.orders, input.sequence, risk.origin);
        }
    }

    /// The trace of an event that was [taken in](Self::learn).
    pub fn of(&self, epoch: u64, input: &Input, risk: Option<&RiskSection>) -> Trace<'_> {
        let origin = match (input.kind(), risk) {
            (Some(InputKind::Outside | InputKind::Operator), _) => Some(input.sequence),
            (Some(InputKind::Report), _) if input.trace != 0 => self.orders.get(&input.trace).copied(),
            (_, Some(risk)) if risk.origin != 0 && risk.verdict() != Verdict::None => Some(risk.origin),
            _ => None,
        };
        let wish = origin.and_then(|sequence| Some((sequence, self.wishes.get(&sequence)?)));
        match wish {
            Some((sequence, wish)) if wish.text.is_empty() => Trace::Own { epoch: wish.epoch, sequence },
            Some((_, wish)) => Trace::Given(&wish.text),
            None => Trace::of_header(epoch, input),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::operator::Scope;
    use crate::event::signal::Direction;
    use crate::types::ids::{ClientOrderId, InstrumentId, SourceId};
    use bytemuck::Zeroable;

    fn at(mut input: Input, sequence: u64) -> Input {
        input.sequence = sequence;
        input
    }

    #[test]
    fn orders_and_their_reports_follow_who_wished_them() {
        let mut traces = Traces::default();
        let one = InstrumentId(0);
        let signal = OutsideSignal::new("agent:002", Direction::Long, 0.9, 99).with_origin("", "abc-1").input(one, 1);
        let target = OperatorCommand::new(OperatorAction::Target, Scope::Instrument, "ada", "why").input(one, 1);
        let tick = Input::new(InputKind::Quote, SourceId::FEED_FIRST, one, 1, &[0u8; 8]);
        let verdict =
            |origin: u64, verdict: Verdict| RiskSection { origin, verdict: verdict.code(), ..Zeroable::zeroed() };
        let report = |order: u64, sequence: u64| {
            let mut payload = Report::zeroed();
            payload.client_order_id = ClientOrderId::new(2, order, 0).unwrap();
            let mut input = Input::new(InputKind::Report, SourceId::REPORT, one, 1, &payload);
            (input.trace, input.sequence) = (order, sequence);
            input
        };
        let steps = [
            (at(signal, 10), None),
            (at(tick, 11), Some(verdict(10, Verdict::Approved))),
            (at(target, 12), None),
            (at(tick, 13), Some(verdict(12, Verdict::Approved))),
            (at(tick, 14), Some(verdict(10, Verdict::Refused))),
            (at(tick, 15), Some(verdict(10, Verdict::None))),
            (report(11, 16), None),
            (report(13, 17), None),
            (report(9, 18), None),
        ];
        for (input, risk) in &steps {
            traces.learn(3, input, risk.as_ref());
        }
        let expected = [
            Trace::Given("abc-1"),
            Trace::Given("abc-1"),
            Trace::Own { epoch: 3, sequence: 12 },
            Trace::Own { epoch: 3, sequence: 12 },
            Trace::Given("abc-1"),
            Trace::Own { epoch: 3, sequence: 15 },
            Trace::Given("abc-1"),
            Trace::Own { epoch: 3, sequence: 12 },
            Trace::Own { epoch: 2, sequence: 9 },
        ];
        for ((input, risk), trace) in steps.iter().zip(expected) {
            assert_eq!(traces.of(3, input, risk.as_ref()), trace, "{}", input.sequence);
        }
        let mut text = String::new();
        Trace::Own { epoch: 3, sequence: 12 }.write(&mut text, "tickpath-1");
        assert_eq!(text, "tickpath-1-3-12");
    }

    #[test]
    fn memory_is_bounded() {
        let mut traces = Traces::default();
        let signal = OutsideSignal::new("a", Direction::Long, 0.9, 99).input(InstrumentId(0), 1);
        for sequence in 1..KEPT as u64 + 10 {
            traces.learn(1, &at(signal, sequence), None);
        }
        assert_eq!((traces.wishes.len(), traces.wishes.first_key_value().unwrap().0), (KEPT, &10));
    }
}
