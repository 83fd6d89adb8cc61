//! Edge: what a restart takes from the journal: instruments, positions, orders, and the inputs that begin a new epoch.

use super::group::Stages;
use super::recorder::is_state_change;
use crate::config::Mode;
use crate::control::gate::KillScope;
use crate::control::plane::Journaled;
use crate::event::definition::Definition;
use crate::event::execution::{Agreement, differs};
use crate::event::input::{EpochStart, GateChange, GateReason, Input, InputKind};
use crate::event::operator::{OperatorAction, OperatorCommand};
use crate::event::report::{ExecType, Report, VenueReason};
use crate::journal::{Entry, JournalError, Reader};
use crate::types::ids::{InstrumentId, Sequence, SourceId};
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty};
use crate::types::time::UnixNanos;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// What was recovered.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Epochs so far.
    pub epoch_last: u64,
    /// Last sequence in the journal.
    pub sequence_last: Sequence,
    /// Instruments by id, as last defined.
    pub instruments: Vec<Instrument>,
    /// Last price seen of each instrument in the audit log (an own order or fill), for continuing a generated market.
    pub last_prices: BTreeMap<InstrumentId, Px>,
    /// Latest time of an audit record.
    pub time_last: UnixNanos,
    /// Kills that were latched and not released, with who did it and why.
    pub kills: BTreeMap<KillScope, StandingKill>,
    /// In what the venue and the host held something else, by instrument (`NONE`: all orders) and process start, as long as
    /// nothing has ended it.
    pub differences: BTreeMap<(InstrumentId, u64), String>,
    /// What became of the last commands that had a number, the oldest first.
    pub requests: VecDeque<(u64, Journaled)>,
    /// The last command that set each instrument's own trading state.
    pub states: BTreeMap<InstrumentId, OperatorCommand>,
    /// Records read.
    pub records: u64,
}

/// Commands of which it is remembered what became of them.
const REQUESTS_KEPT: usize = 1024;

/// A kill that nobody has released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingKill {
    /// Its number in the process that it was latched in; 0 = not known.
    pub number: i128,
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
}

/// Restores risk and execution from the audit log of `dir`.
///
/// # Errors
/// [`JournalError`] of the reader.
pub fn restore(dir: &Path, stages: &mut Stages) -> Result<Restored, JournalError> {
    let mut restored = Restored::default();
    let mut reader = Reader::audit_only(dir)?;
    let mut entry = Entry::default();
    while reader.next(&mut entry)? {
        restored.records += 1;
        restored.time_last = restored.time_last.max(entry.input.ts_recv);
        restored.sequence_last = restored.sequence_last.max(entry.sequence);
        if entry.input.kind == InputKind::Epoch.code() {
            restored.epoch_last = entry.input.payload::<EpochStart>().epoch;
        }
        if entry.input.kind == InputKind::Definition.code()
            && let Some(instrument) = entry.input.payload::<Definition>().instrument(entry.input.instrument)
        {
            let at = instrument.id.index();
            if at < restored.instruments.len() {
                restored.instruments[at] = instrument;
            } else if at == restored.instruments.len() {
                restored.instruments.push(instrument);
            }
        }
        restored.remember_kills(&entry.input);
        restored.remember_request(&entry);
        restored.remember_states(&entry);
        restored.remember_differences(&entry);
        if let Some(audit) = &entry.audit {
            if entry.input.instrument.is_some() && audit.risk.px.0 > 0 {
                restored.last_prices.insert(entry.input.instrument, audit.risk.px);
            }
            stages.risk.restore(&entry.input, &audit.risk, &audit.execution);
            stages.execution.restore(&entry.input, &audit.risk, &audit.execution);
        }
    }
    Ok(restored)
}

impl Restored {
    /// What the venue and the host held differently stays so beyond the process, whatever the next one sees: it counts from its
    /// own start. Over when the two agreed again in the same process, or when a person has said that it was put right.
    fn remember_differences(&mut self, entry: &Entry) {
        let input = &entry.input;
        match (input.kind(), &entry.audit) {
            (Some(InputKind::Statement), Some(audit)) => match Agreement::from_code(audit.execution.agreement) {
                Some(Agreement::Differs) => {
                    let known = self.instruments.get(input.instrument.index());
                    let of = known.map_or_else(|| "all orders".to_owned(), Instrument::name);
                    let text = format!("{of}: {}", differs::names(audit.execution.differs));
                    self.differences.insert((input.instrument, entry.epoch), text);
                }
                Some(Agreement::Agrees) => {
                    self.differences.remove(&(input.instrument, entry.epoch));
                }
                Some(Agreement::None) | None => {}
            },
            // What an earlier start left; not what is seen now.
            (Some(InputKind::Operator), _)
                if input.payload::<OperatorCommand>().action() == Some(OperatorAction::Recover) =>
            {
                self.differences.retain(|(_, epoch), _| *epoch == entry.epoch);
            }
            _ => {}
        }
    }

    /// In words, what earlier process starts left behind that differs from what the venue held; `None` if nothing.
    pub fn difference(&self) -> Option<String> {
        let texts: Vec<String> =
            self.differences.iter().map(|((_, epoch), text)| format!("{text} (in start {epoch})")).collect();
        (!texts.is_empty()).then(|| format!("the venue and the host differed before this start: {}", texts.join("; ")))
    }

    /// An agent whose command was taken, and whose host ended before it could say so, gives the command again.
    fn remember_request(&mut self, entry: &Entry) {
        let (InputKind::Operator, Some(audit)) = (entry.input.kind().unwrap_or(InputKind::Epoch), &entry.audit) else {
            return;
        };
        let request = entry.input.payload::<OperatorCommand>().request;
        if request != 0 {
            if self.requests.len() == REQUESTS_KEPT {
                self.requests.pop_front();
            }
            self.requests.push_back((request, Journaled { sequence: entry.sequence, outcome: audit.risk.outcome() }));
        }
    }

    /// Who set what an instrument may do.
    fn remember_states(&mut self, entry: &Entry) {
        if entry.input.kind() != Some(InputKind::Operator) {
            return;
        }
        let command: &OperatorCommand = entry.input.payload();
        if entry.audit.as_ref().is_some_and(|audit| is_state_change(command, audit.risk.operator)) {
            self.states.insert(entry.input.instrument, *command);
        }
    }

    /// A kill is latched beyond the process: only a person's release ends it.
    fn remember_kills(&mut self, input: &Input) {
        match input.kind() {
            // Also where nobody's name came behind it, as with a crash between the two.
            Some(InputKind::Gate) => {
                let change: &GateChange = input.payload();
                if change.reason == GateReason::Kill.code() && change.closed != 0 {
                    let reason = "killed before the restart".to_owned();
                    let unnamed = || StandingKill { number: 0, who: "?".to_owned(), reason };
                    self.kills.entry(KillScope::Host).or_insert_with(unnamed);
                } else if change.reason == GateReason::Kill.code() {
                    // Told when no kill of the host stood any more.
                    self.kills.remove(&KillScope::Host);
                }
            }
            Some(InputKind::Operator) => {
                let command: &OperatorCommand = input.payload();
                let scope = KillScope::of(command.scope(), command.scope_id, input.instrument);
                match command.action() {
                    Some(OperatorAction::Kill) => {
                        let (who, reason) = (command.who().into_owned(), command.reason().into_owned());
                        self.kills.insert(scope, StandingKill { number: command.new, who, reason });
                    }
                    // Of this very kill: a newer one may have come to the record before its release.
                    Some(OperatorAction::Release)
                        if self.kills.get(&scope).is_none_or(|kill| kill.number <= command.new) =>
                    {
                        self.kills.remove(&scope);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// The inputs that begin an epoch: the epoch itself, all definitions, and, for every order that was open and that the
/// venue (a simulated one, gone with the process) no longer has, the report that it is over. The last word is that the host
/// is ready: until then risk refuses everything by itself.
pub fn opening(
    stages: &Stages,
    restored: &Restored,
    instruments: &[Instrument],
    epoch: &EpochStart,
    mode: Mode,
    at: UnixNanos,
) -> Vec<Input> {
    let mut inputs = vec![Input::new(InputKind::Epoch, SourceId::HOST, InstrumentId::NONE, at, epoch)];
    inputs.extend(instruments.iter().map(|instrument| Definition::input(instrument, at)));
    if restored.epoch_last > 0 {
        for order in stages.execution.open_orders() {
            let report = Report {
                fee: 0,
                client_order_id: order.client_order_id,
                venue_order_id: order.venue_order_id,
                trade_id: 0,
                last_px: order.px,
                last_qty: Qty(0),
                cum_qty: order.cum_qty,
                leaves_qty: Qty(0),
                exec_type: ExecType::Expired.code(),
                side: order.side.code(),
                liquidity: 0,
                reason: VenueReason::Reconciled.code(),
                reserved: [0; 4],
            };
            let mut input = Input::new(InputKind::Report, SourceId::REPORT, order.instrument, at, &report);
            input.trace = order.client_order_id.sequence();
            inputs.push(input);
        }
    }
    let mut gate = |reason: GateReason, closed: bool| {
        let change = GateChange { reason: reason.code(), closed: u8::from(closed), reserved: [0; 6] };
        inputs.push(Input::new(InputKind::Gate, SourceId::HOST, InstrumentId::NONE, at, &change));
    };
    // OFF has no run; SHADOW decides, and is held back behind risk, by the last gate.
    if !mode.permits().decisions {
        gate(GateReason::Mode, true);
    }
    if mode == Mode::Live {
        gate(GateReason::Enablement, true);
    }
    gate(GateReason::NotReady, false);
    inputs
}
