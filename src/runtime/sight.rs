//! Edge: what bridges see of the running host beside its journal.

use super::bridges::Seen;
use super::recorder::View;
use super::validate::config_text_of;
use crate::acp::agent::{Figures, Percentiles};
use crate::bridge::sight::Sight;
use crate::config::Config;
use crate::event::input::{EpochStart, InputKind};
use crate::event::risk::RiskSection;
use crate::journal::{Entry, Reader};
use crate::metric::latency::SPANS;
use crate::signal::config::ModelConfig;
use crate::types::ids::InstrumentId;
use crate::types::time::UnixNanos;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A host by its recorder's view, which is put there ten times a second.
pub struct HostSight {
    view: Arc<Mutex<View>>,
    journal: PathBuf,
    /// What the journal had before this start.
    before: u64,
    bridges: Vec<Seen>,
    /// When figures were asked for last, and what was counted then.
    asked: (Instant, BTreeMap<&'static str, u64>),
}

impl HostSight {
    /// Of a host whose recorder shows `view`, over the journal in `journal`, which ended with `before` when it started.
    pub fn new(view: Arc<Mutex<View>>, journal: &Path, before: u64, bridges: Vec<Seen>) -> Self {
        let asked = (Instant::now(), BTreeMap::new());
        Self { view, journal: journal.to_path_buf(), before, bridges, asked }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        // It is replaced whole, so a poisoned lock is good.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration that `epoch` ran with, as far as it can be had.
    fn config_of(&self, epoch: u64) -> Option<Config> {
        let (mut audit, mut entry) = (Reader::audit_only(&self.journal).ok()?, Entry::default());
        while audit.next(&mut entry).ok()? {
            if entry.epoch == epoch && entry.input.kind == InputKind::Epoch.code() {
                let start: &EpochStart = entry.input.payload();
                let text = config_text_of(&self.journal, epoch, &start.config_hash).ok()?;
                return toml::from_str(&text).ok();
            }
        }
        None
    }
}

impl Sight for HostSight {
    fn newest(&self) -> u64 {
        self.view().journaled.max(self.before)
    }

    fn models(&self, epoch: u64) -> Vec<String> {
        let config = self.config_of(epoch);
        config.map(|c| c.signal.models.iter().map(ModelConfig::tag).collect()).unwrap_or_default()
    }

    fn accounts(&self) -> Vec<(InstrumentId, RiskSection, UnixNanos)> {
        let view = self.view();
        view.instruments.values().map(|v| (v.instrument.id, v.slot.risk, v.slot.input.ts_recv)).collect()
    }

    fn figures(&mut self) -> Figures {
        let mut figures = Figures::default();
        let counted: BTreeMap<&'static str, u64>;
        {
            let view = self.view();
            for (index, span) in SPANS.iter().enumerate() {
                let histogram = view.latency.get(index);
                if !histogram.is_empty() {
                    let at = |quantile| histogram.value_at_quantile(quantile);
                    let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
                    let figure = Percentiles { count: histogram.len(), p50, p99, p999, max: histogram.max() };
                    figures.latency_ns.insert((*span).to_owned(), figure);
                }
            }
            let counts = &view.counts;
            counted = [
                ("inputs", counts.slots),
                ("market_inputs", counts.market_inputs),
                ("signals", counts.signals),
                ("orders", counts.orders),
                ("fills", counts.fills),
                ("refused", counts.refused),
            ]
            .into();
            let open = view.instruments.values().map(|v| v.slot.execution.open_orders).max().unwrap_or(0);
            figures.depths.insert("open_orders".to_owned(), open.into());
            figures.depths.insert("not_journaled".to_owned(), view.sequence.saturating_sub(view.journaled));
            for bridge in &self.bridges {
                if let (_, Some(lag), _) = bridge.standing(view.journaled) {
                    figures.depths.insert(format!("bridge_{}", bridge.name), lag);
                }
            }
        }
        let seconds = self.asked.0.elapsed().as_secs_f64().max(1e-3);
        for (name, count) in &counted {
            let before = self.asked.1.get(name).copied().unwrap_or(0);
            figures.rates.insert(format!("{name}_per_second"), count.saturating_sub(before) as f64 / seconds);
        }
        self.asked = (Instant::now(), counted);
        figures
    }
}
