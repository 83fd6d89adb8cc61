//! Hot: stages fused on one thread. Which ones is decided at start-up by type: inside there is no barrier and no branch.

use super::clock::Tsc;
use super::outlet::OrderOutlet;
use crate::event::execution::ExecutionSection;
use crate::event::feature::FeatureSection;
use crate::event::input::Input;
use crate::event::market::MarketSection;
use crate::event::risk::RiskSection;
use crate::event::signal::SignalSection;
use crate::event::slot::Slot;
use crate::execution::ExecutionStage;
use crate::feature::FeatureStage;
use crate::market::MarketStage;
use crate::ring::lane::SlotMut;
use crate::risk::RiskStage;
use crate::signal::SignalStage;

/// All five stages, before they are dealt out to threads.
pub struct Stages {
    /// Books, candles, staleness, anomalies.
    pub market: MarketStage,
    /// The feature vector.
    pub feature: FeatureStage,
    /// Models and ensemble.
    pub signal: SignalStage,
    /// Positions, checks, approvals.
    pub risk: RiskStage,
    /// Orders.
    pub execution: ExecutionStage,
}

impl Stages {
    /// One slot through all stages, one after the other, on this thread and without a ring (journal playback).
    #[inline]
    pub fn run_whole(&mut self, slot: &mut Slot) {
        self.market.on_slot(&slot.input, &mut slot.market);
        self.feature.on_slot(&slot.input, &slot.market, &mut slot.features);
        self.signal.on_slot(&slot.input, &slot.market, &slot.features, &mut slot.signal);
        self.risk.on_slot(&slot.input, &slot.market, &slot.signal, &mut slot.risk);
        self.execution.on_slot(&slot.input, &slot.market, &slot.risk, &mut slot.execution);
    }
}

/// Stages that are dealt out one by one.
#[derive(Default)]
pub struct Hand {
    market: Option<MarketStage>,
    feature: Option<FeatureStage>,
    signal: Option<SignalStage>,
    risk: Option<RiskStage>,
    execution: Option<(ExecutionStage, OrderOutlet)>,
}

impl Hand {
    /// Takes the stages of a host.
    pub fn new(stages: Stages, outlet: OrderOutlet) -> Self {
        Self {
            market: Some(stages.market),
            feature: Some(stages.feature),
            signal: Some(stages.signal),
            risk: Some(stages.risk),
            execution: Some((stages.execution, outlet)),
        }
    }

    /// Deals the stages `from..to`, to run on one thread.
    pub fn deal(&mut self, from: usize, to: usize, stamps: Option<Tsc>) -> Box<dyn StageGroup> {
        let take = |stage: usize| (from..to).contains(&stage);
        let group = Group {
            market: if take(0) { self.market.take() } else { None },
            feature: if take(1) { self.feature.take() } else { None },
            signal: if take(2) { self.signal.take() } else { None },
            risk: if take(3) { self.risk.take() } else { None },
            execution: if take(4) { self.execution.take() } else { None },
            tsc: stamps.clone().unwrap_or_default(),
        };
        if stamps.is_some() { Box::new(Stamped(group)) } else { Box::new(Unstamped(group)) }
    }
}

/// Stages on one thread, ready to run.
pub trait StageGroup: Send {
    /// Runs the stages of the group on one slot, in order.
    fn run(&mut self, slot: &mut SlotMut<'_, Slot>);

    /// The execution stage's way out, where this group has it.
    fn outlet(&mut self) -> Option<&mut OrderOutlet>;
}

struct Group {
    market: Option<MarketStage>,
    feature: Option<FeatureStage>,
    signal: Option<SignalStage>,
    risk: Option<RiskStage>,
    execution: Option<(ExecutionStage, OrderOutlet)>,
    tsc: Tsc,
}

struct Stamped(Group);
struct Unstamped(Group);

impl StageGroup for Stamped {
    #[inline]
    fn run(&mut self, slot: &mut SlotMut<'_, Slot>) {
        self.0.run::<true>(slot);
    }

    fn outlet(&mut self) -> Option<&mut OrderOutlet> {
        self.0.execution.as_mut().map(|(_, outlet)| outlet)
    }
}

impl StageGroup for Unstamped {
    #[inline]
    fn run(&mut self, slot: &mut SlotMut<'_, Slot>) {
        self.0.run::<false>(slot);
    }

    fn outlet(&mut self) -> Option<&mut OrderOutlet> {
        self.0.execution.as_mut().map(|(_, outlet)| outlet)
    }
}

impl Group {
    #[inline(always)]
    fn stamp<const STAMPED: bool>(&self) -> u64 {
        if STAMPED { self.tsc.read() } else { 0 }
    }

    #[inline(always)]
    fn run<const STAMPED: bool>(&mut self, slot: &mut SlotMut<'_, Slot>) {
        if let Some(stage) = &mut self.market {
            let (view, out) = slot.split::<MarketSection>();
            stage.on_slot(view.read::<Input>(), out);
            out.stamp = self.stamp::<STAMPED>();
        }
        if let Some(stage) = &mut self.feature {
            let (view, out) = slot.split::<FeatureSection>();
            stage.on_slot(view.read::<Input>(), view.read::<MarketSection>(), out);
            out.stamp = self.stamp::<STAMPED>();
        }
        if let Some(stage) = &mut self.signal {
            let (view, out) = slot.split::<SignalSection>();
            stage.on_slot(view.read::<Input>(), view.read::<MarketSection>(), view.read::<FeatureSection>(), out);
            out.stamp = self.stamp::<STAMPED>();
        }
        if let Some(stage) = &mut self.risk {
            let (view, out) = slot.split::<RiskSection>();
            stage.on_slot(view.read::<Input>(), view.read::<MarketSection>(), view.read::<SignalSection>(), out);
            out.stamp = self.stamp::<STAMPED>();
        }
        if let Some((stage, outlet)) = &mut self.execution {
            let (view, out) = slot.split::<ExecutionSection>();
            let (input, risk) = (view.read::<Input>(), view.read::<RiskSection>());
            stage.on_slot(input, view.read::<MarketSection>(), risk, out);
            out.stamp = if STAMPED { self.tsc.read() } else { 0 };
            out.stamp_encoded = 0;
            if out.commands_len > 0 {
                outlet.encode(input, risk, out);
                if STAMPED {
                    out.stamp_encoded = self.tsc.read();
                }
                outlet.hand_over();
            }
            outlet.observe(input, out);
        }
    }
}
