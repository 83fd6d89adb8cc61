//! Edge: an event as messages: what the topics, the audit stream and the engine hear of it.

use super::audit;
use super::batch::Batch;
use super::publish::Publisher;
use crate::acp::agent::{AuditEntry, StateChange};
use crate::acp::decision::Decision;
use crate::acp::event::FIELDS;
use crate::acp::head::Head;
use crate::acp::market::{CandleClosed, Vector, write_raw};
use crate::acp::names::Names;
use crate::acp::ops::{Level, Log};
use crate::acp::payload::{Scales, word};
use crate::acp::signal::{Signal, topic_of};
use crate::acp::topic::Topic;
use crate::acp::trade::{Decided, Fill, Target};
use crate::bridge::id::Id;
use crate::bridge::sampler::{Sample, Sampler};
use crate::bridge::sight::Sight;
use crate::event::input::{GateChange, GateReason, InputKind};
use crate::event::operator::{OperatorAction, OperatorCommand};
use crate::event::risk::{OperatorOutcome, Verdict};
use crate::journal::{AuditSections, Entry};
use crate::types::instrument::Instrument;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The agent that is told to be open or closed with the gate.
pub const GATE_AGENT: &str = "gate";

/// An event on its way out.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// Its id.
    pub id: Id,
    /// As the journal has it.
    pub entry: &'a Entry,
    /// Its instrument, once defined.
    pub instrument: Option<&'a Instrument>,
    /// Values of the fields of its entry in the stream.
    pub values: &'a [&'a [u8]; FIELDS.len()],
    /// What held the gate closed before it; `None` if that is not known.
    pub gate_before: Option<u32>,
}

impl<'a> Event<'a> {
    fn field(&self, name: &str) -> &'a str {
        let at = FIELDS.iter().position(|field| *field == name);
        at.and_then(|at| std::str::from_utf8(self.values[at]).ok()).unwrap_or("")
    }

    /// The head of a message on it, of `agent`.
    fn head(&self, host: &str, agent: &str) -> Head<'a> {
        Head {
            timestamp: self.field("timestamp").into(),
            source: format!("{host}.{agent}").into(),
            trace_id: self.field("traceId").into(),
            sequence: self.id.sequence,
        }
    }
}

/// The state that a gate gives its agent.
pub const fn gate_state(reasons: u32) -> &'static str {
    if reasons == 0 { "OPEN" } else { "CLOSED" }
}

/// Makes the messages.
pub struct Mirror {
    names: Names,
    audit_length: u64,
    sampler: Option<Box<dyn Sampler>>,
    /// The models' tags, and the process start that had them.
    tags: (u64, Vec<String>),
    raw: Vec<u8>,
    /// What the sampler gave and is not said for sure, oldest first: it gives nothing twice, and a batch may have to be made again.
    unsaid: VecDeque<(Id, Sample)>,
}

impl Mirror {
    /// For a host's names; features only with a sampler.
    pub fn new(names: &Names, audit_length: u64, sampler: Option<Box<dyn Sampler>>) -> Self {
        Self {
            names: names.clone(),
            audit_length,
            sampler,
            tags: (0, Vec::new()),
            raw: Vec::new(),
            unsaid: VecDeque::new(),
        }
    }

    /// Adds to `batch` what follows from `event`, whose entry is in it: always what must be exact (audit, states), and with
    /// `speaks` the messages.
    pub fn event(
        &mut self,
        batch: &mut Batch,
        publisher: &mut Publisher,
        sight: &dyn Sight,
        event: &Event<'_>,
        speaks: bool,
    ) {
        let kind = event.entry.input.kind();
        if speaks && event.entry.input.kind >= InputKind::Depth.code() && publisher.wants(Topic::MarketRaw) {
            write_raw(&mut self.raw, event.values);
            publisher.say_text(batch, Topic::MarketRaw, &self.raw);
        }
        // It must see every entry, whoever listens.
        let sample = self.sampler.as_mut().and_then(|sampler| sampler.take(event.entry));
        if speaks {
            if let Some(sample) = sample {
                self.unsaid.push_back((event.id, sample));
            }
            if let Ok(at) = self.unsaid.binary_search_by_key(&event.id, |(id, _)| *id) {
                self.sampled(batch, publisher, event, &self.unsaid[at].1);
            }
        }
        let Some(audit) = &event.entry.audit else { return };
        if speaks {
            self.decided(batch, publisher, sight, event, audit);
        }
        match kind {
            Some(InputKind::Gate) => self.gate(batch, publisher, event, speaks),
            Some(InputKind::Operator) => self.command(batch, publisher, event, audit, speaks),
            _ => {}
        }
        self.gate_moved(batch, publisher, event, audit.risk.gate, speaks);
    }

    /// Everything up to `at` is said.
    pub fn said(&mut self, at: Id) {
        while self.unsaid.front().is_some_and(|(id, _)| *id <= at) {
            self.unsaid.pop_front();
        }
    }

    /// An event whose messages went out before: it is only seen.
    pub fn pass(&mut self, event: &Event<'_>) {
        if let Some(sampler) = &mut self.sampler {
            sampler.take(event.entry);
        }
    }

    fn sampled(&self, batch: &mut Batch, publisher: &mut Publisher, event: &Event<'_>, sample: &Sample) {
        let name = event.field("instrument");
        let scales = Scales(event.instrument);
        let head = || event.head(self.names.host(), "feature");
        if publisher.wants(Topic::Candles) {
            for (interval, candle) in &sample.candles {
                let told = CandleClosed::of(head(), name, interval, candle, scales);
                publisher.say(batch, Topic::Candles, &told);
            }
        }
        if let Some(vector) = sample.vector.as_ref().filter(|_| publisher.wants(Topic::Micro)) {
            let told = Vector::of(head(), name, &vector.names, &vector.values, vector.warm);
            publisher.say(batch, Topic::Micro, &told);
        }
    }

    /// Signals, targets, fills.
    fn decided(
        &mut self,
        batch: &mut Batch,
        publisher: &mut Publisher,
        sight: &dyn Sight,
        event: &Event<'_>,
        audit: &AuditSections,
    ) {
        let (name, scales) = (event.field("instrument"), Scales(event.instrument));
        if audit.signal.present != 0 {
            if self.tags.0 != event.id.epoch {
                self.tags = (event.id.epoch, sight.models(event.id.epoch));
            }
            let signal = Signal::of(event.head(self.names.host(), "signal"), name, &audit.signal, &self.tags.1);
            publisher.say(batch, topic_of(audit.signal.direction()), &signal);
            publisher.say(batch, Topic::Signals, &signal);
        }
        let verdict = audit.risk.verdict();
        if verdict != Verdict::None {
            let target =
                Target { head: event.head(self.names.host(), "risk"), decided: Decided::of(name, &audit.risk, scales) };
            publisher.say(batch, Topic::Target, &target);
            if publisher.wants(Topic::Decisions) || publisher.wants(Topic::Logs) {
                let payload = serde_json::to_value(&target.decided).unwrap_or_default();
                if verdict == Verdict::Refused {
                    let fields = payload.clone();
                    self.log(batch, publisher, event, "risk", Level::Warning, "target.refused", fields);
                }
                self.decision(batch, publisher, event, &format!("target.{}", verdict.name()), payload);
            }
        }
        if event.entry.input.kind() == Some(InputKind::Report) {
            let head = event.head(self.names.host(), "execution");
            let sections = (&audit.risk, &audit.execution);
            if let Some(fill) = Fill::of(head, name, event.entry.input.payload(), sections, scales) {
                publisher.say(batch, Topic::Fill, &fill);
            }
        }
    }

    fn gate(&self, batch: &mut Batch, publisher: &mut Publisher, event: &Event<'_>, speaks: bool) {
        let change: &GateChange = event.entry.input.payload();
        let reason = word(GateReason::from_code(change.reason).map(GateReason::name), change.reason);
        let closed = change.closed != 0;
        let data = json!({ "event": "gate", "reason": reason, "closed": closed });
        self.audit(batch, event, "transition", &data);
        if speaks {
            let (level, what) = if closed { (Level::Warning, "gate.closed") } else { (Level::Info, "gate.opened") };
            self.log(batch, publisher, event, "risk", level, what, json!({ "reason": reason }));
        }
    }

    /// The gate as a whole opened or closed.
    fn gate_moved(&self, batch: &mut Batch, publisher: &mut Publisher, event: &Event<'_>, now: u32, speaks: bool) {
        let (old, new) = (event.gate_before.map_or("UNKNOWN", gate_state), gate_state(now));
        if old == new {
            return;
        }
        let mut command = redis::cmd("SET");
        command.arg(self.names.agent_state(GATE_AGENT)).arg(new);
        batch.anywhere(command);
        if speaks {
            let change = StateChange {
                head: event.head(self.names.host(), GATE_AGENT),
                agent_id: self.names.agent(GATE_AGENT).into(),
                old_state: old.into(),
                new_state: new.into(),
                trigger: "gate".into(),
                reason: GateReason::names(now).into(),
            };
            publisher.say(batch, Topic::StateChanges, &change);
        }
    }

    fn command(
        &self,
        batch: &mut Batch,
        publisher: &mut Publisher,
        event: &Event<'_>,
        audit: &AuditSections,
        speaks: bool,
    ) {
        let wanted: &OperatorCommand = event.entry.input.payload();
        let mut data: Value = serde_json::from_str(event.field("data")).unwrap_or_default();
        data["instrument"] = event.field("instrument").into();
        data["outcome"] =
            word(OperatorOutcome::from_code(audit.risk.operator).map(OperatorOutcome::name), audit.risk.operator)
                .into();
        self.audit(batch, event, "command", &data);
        if speaks {
            let action = word(wanted.action().map(OperatorAction::name), wanted.action);
            self.decision(batch, publisher, event, &format!("command.{action}"), data);
        }
    }

    fn decision(&self, batch: &mut Batch, publisher: &mut Publisher, event: &Event<'_>, what: &str, payload: Value) {
        let head = event.head(self.names.host(), "risk");
        publisher.say(batch, Topic::Decisions, &Decision { head, decision: what.into(), payload });
    }

    #[expect(clippy::too_many_arguments, reason = "a log line has so many parts")]
    fn log(
        &self,
        batch: &mut Batch,
        publisher: &mut Publisher,
        event: &Event<'_>,
        agent: &str,
        level: Level,
        what: &str,
        fields: Value,
    ) {
        let log = Log { head: event.head(self.names.host(), agent), level, event: what.into(), fields };
        publisher.say(batch, Topic::Logs, &log);
    }

    fn audit(&self, batch: &mut Batch, event: &Event<'_>, kind: &str, data: &Value) {
        let entry = AuditEntry {
            head: event.head(self.names.host(), "risk"),
            kind,
            agent_id: self.names.agent("risk").into(),
            data: data.to_string(),
        };
        batch.once(audit::add(&self.names, self.audit_length, &entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acp::agent::Figures;
    use crate::acp::topic::Topics;
    use crate::bridge::sampler::FeatureVector;
    use crate::event::feature::FEATURES_MAX;
    use crate::event::risk::RiskSection;
    use crate::types::ids::InstrumentId;
    use crate::types::time::UnixNanos;

    /// Gives a vector of each entry, once.
    struct Once(Id);

    impl Sampler for Once {
        fn take(&mut self, entry: &Entry) -> Option<Sample> {
            let id = Id { epoch: entry.epoch, sequence: entry.sequence };
            let vector = FeatureVector { names: ["f".to_owned()].into(), values: [0.5; FEATURES_MAX], warm: 1 };
            let is_new = id > self.0;
            self.0 = self.0.max(id);
            is_new.then_some(Sample { instrument: InstrumentId(0), candles: Vec::new(), vector: Some(vector) })
        }

        fn ready(&mut self, _: &Entry) -> bool {
            true
        }

        fn reset(&mut self, _: Id) {}
    }

    struct Nothing;

    impl Sight for Nothing {
        fn newest(&self) -> u64 {
            0
        }

        fn models(&self, _: u64) -> Vec<String> {
            Vec::new()
        }

        fn accounts(&self) -> Vec<(InstrumentId, RiskSection, UnixNanos)> {
            Vec::new()
        }

        fn figures(&mut self) -> Figures {
            Figures::default()
        }
    }

    #[test]
    fn what_a_lost_batch_had_of_features_is_said_with_the_next_and_not_again_behind_it() {
        let names = Names::new("p", "h").unwrap();
        let mut publisher = Publisher::new(&names, Topics::NONE.with(Topic::Micro));
        let mut mirror = Mirror::new(&names, 0, Some(Box::new(Once(Id::default()))));
        let mut messages = |mirror: &mut Mirror, sequences: std::ops::RangeInclusive<u64>| {
            let mut batch = Batch::new("s", 0, false);
            for sequence in sequences {
                let entry = Entry { sequence, epoch: 1, ..Entry::default() };
                let values = &[b"".as_slice(); FIELDS.len()];
                let id = Id { epoch: 1, sequence };
                let event = Event { id, entry: &entry, instrument: None, values, gate_before: None };
                mirror.event(&mut batch, &mut publisher, &Nothing, &event, true);
            }
            batch.messages()
        };
        assert_eq!(messages(&mut mirror, 1..=3), 3);
        mirror.said(Id { epoch: 1, sequence: 1 });
        // It is not known what became of 2 and 3.
        assert_eq!(messages(&mut mirror, 1..=5), 4);
        mirror.said(Id { epoch: 1, sequence: 5 });
        assert_eq!((messages(&mut mirror, 1..=6), mirror.unsaid.len()), (1, 1));
    }
}
