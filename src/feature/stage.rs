//! Hot: the feature stage.

use super::tick::{Tick, wakes};
use super::{AnyFeature, Config, ConfigError};
use crate::event::feature::{FEATURES_MAX, FeatureSection};
use crate::event::input::{Input, InputKind};
use crate::event::market::MarketSection;
use crate::types::time::{NO_TIME, UnixNanos};

/// All features of one instrument, side by side.
#[derive(Debug)]
struct Lane {
    features: Box<[AnyFeature]>,
    /// Time of the last input; time never goes back.
    now: UnixNanos,
    /// A fresh book was taken in since the market became tradable.
    seen_book: bool,
    /// Whether the market was tradable with the last input; `None`: all features are to be asked, whatever comes.
    was_tradable: Option<bool>,
    /// What the features said last, as the section has it.
    values: [f64; FEATURES_MAX],
    warm: u64,
    /// From when on each feature is to be asked since time has passed; `UnixNanos::MAX` for those that time does not change.
    wake_at: [UnixNanos; FEATURES_MAX],
    /// Not later than the least of them.
    next_wake: UnixNanos,
    /// Scales of the integers that the features hold.
    price_decimals: u8,
    qty_decimals: u8,
}

/// The feature stage: a pure state machine over inputs and market sections.
///
/// It allocates when an instrument is seen for the first time after an epoch, and never else.
#[derive(Debug)]
pub struct FeatureStage {
    names: Vec<String>,
    /// A cold copy of each feature.
    cold: Box<[AnyFeature]>,
    /// Which features what an input brings can change, by the bits of `wakes`; time has one of its own.
    woken: [u64; 1 << 4],
    /// By instrument id; a lane takes room once its instrument is seen.
    lanes: Box<[Option<Box<Lane>>]>,
}

impl FeatureStage {
    /// A stage for ids below `instruments_max`.
    ///
    /// # Errors
    /// [`ConfigError`], if the configuration asks for something that is not there or not allowed.
    pub fn new(config: &Config, instruments_max: usize) -> Result<Self, ConfigError> {
        let (names, cold) = config.build()?;
        let wakes = |bits: u8| {
            let woken = cold.iter().enumerate().filter(|(_, feature)| feature.wakes() & bits != 0);
            woken.fold(0, |all, (index, _)| all | 1 << index)
        };
        Ok(Self {
            names,
            woken: core::array::from_fn(|bits| wakes(bits as u8)),
            cold: cold.into_boxed_slice(),
            lanes: (0..instruments_max).map(|_| None).collect::<Vec<_>>().into_boxed_slice(),
        })
    }

    /// Names of the features; the position is the index in `FeatureSection::values`.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Takes in one input and the market after it, and writes all features of the input's instrument.
    #[inline]
    pub fn on_slot(&mut self, input: &Input, market: &MarketSection, out: &mut FeatureSection) {
        let count = self.names.len();
        out.clear(count);
        if input.kind == InputKind::Epoch.code() {
            self.lanes.fill_with(|| None);
            out.values[..count].fill(0.0);
            return;
        }
        let Some(slot) = self.lanes.get_mut(input.instrument.index()) else {
            out.values[..count].fill(0.0);
            return;
        };
        let lane = match slot {
            Some(lane) => lane,
            None => slot.insert(Box::new(Lane::new(&self.cold, market))),
        };
        if (lane.price_decimals, lane.qty_decimals) != (market.price_decimals, market.qty_decimals) {
            lane.rescale(&self.cold, market);
        }
        lane.now = lane.now.max(input.ts_recv);
        let tick = Tick::new(input, market, lane.now, lane.seen_book);
        lane.seen_book = tick.tradable && (lane.seen_book || tick.book_fresh);

        let timed = self.woken[usize::from(wakes::TIME)];
        let mut awake = match lane.was_tradable {
            Some(was_tradable) => self.woken[usize::from(tick.brings(was_tradable) & wakes::ALL)],
            None => self.woken[usize::from(wakes::ALL)],
        };
        if lane.now >= lane.next_wake {
            awake |= lane.due(timed);
        }
        lane.was_tradable = Some(tick.tradable);
        while awake != 0 {
            let index = awake.trailing_zeros() as usize;
            awake &= awake - 1;
            lane.ask(index, &tick, timed >> index & 1 == 1, &mut out.updated);
        }
        out.values[..count].copy_from_slice(&lane.values[..count]);
        out.warm = lane.warm;
    }
}

impl Lane {
    #[cold]
    fn new(cold: &[AnyFeature], market: &MarketSection) -> Self {
        Self {
            features: cold.into(),
            now: NO_TIME,
            seen_book: false,
            was_tradable: None,
            values: [0.0; FEATURES_MAX],
            warm: 0,
            wake_at: core::array::from_fn(|index| match cold.get(index) {
                Some(feature) if feature.wakes() & wakes::TIME != 0 => UnixNanos::MIN,
                _ => UnixNanos::MAX,
            }),
            next_wake: UnixNanos::MIN,
            price_decimals: market.price_decimals,
            qty_decimals: market.qty_decimals,
        }
    }

    /// Those of the `timed` features that time changes now. In a busy market the windows of some end with nearly every input.
    #[inline]
    fn due(&mut self, mut timed: u64) -> u64 {
        self.next_wake = UnixNanos::MAX;
        let mut due = 0;
        while timed != 0 {
            let index = timed.trailing_zeros();
            timed &= timed - 1;
            let at = self.wake_at.get(index as usize).copied().unwrap_or(UnixNanos::MIN);
            if self.now >= at {
                due |= 1 << index;
            } else {
                self.next_wake = self.next_wake.min(at);
            }
        }
        due
    }

    /// Shows the tick to a feature, and keeps what it says; and, if it is `timed`, when it is to be asked again.
    #[inline]
    fn ask(&mut self, index: usize, tick: &Tick<'_>, timed: bool, updated: &mut u64) {
        let (Some(feature), Some(wake_at)) = (self.features.get_mut(index), self.wake_at.get_mut(index)) else {
            return;
        };
        let step = feature.step(tick);
        self.values[index] = step.value.unwrap_or(0.0);
        self.warm = self.warm & !(1 << index) | u64::from(step.value.is_some()) << index;
        *updated |= u64::from(step.updated) << index;
        if timed {
            *wake_at = feature.wakes_at();
            self.next_wake = self.next_wake.min(*wake_at);
        }
    }

    /// The definition changed. It may only get finer; anything else, or what no longer fits, starts anew.
    #[cold]
    fn rescale(&mut self, cold: &[AnyFeature], market: &MarketSection) {
        let px = market.price_decimals.checked_sub(self.price_decimals);
        let qty = market.qty_decimals.checked_sub(self.qty_decimals);
        for (feature, fresh) in self.features.iter_mut().zip(cold) {
            let kept = px.zip(qty).is_some_and(|(px, qty)| feature.rescale(px, qty));
            if !kept {
                *feature = fresh.clone();
            }
        }
        self.price_decimals = market.price_decimals;
        self.qty_decimals = market.qty_decimals;
        self.was_tradable = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::feature::FEATURES_MAX;
    use crate::event::market::{CANDLE_INTERVALS, flags};
    use crate::feature::testkit::{GOOD, Scene};
    use crate::types::ids::InstrumentId;
    use crate::types::price::{Px, Qty, Side};
    use proptest::prelude::*;

    /// Every bar feature in every output, over three bars.
    const BARS: &str = "
        [[features]]\nkind='sma'\nperiod=3
        [[features]]\nkind='ema'\nperiod=3
        [[features]]\nkind='rsi'\nperiod=3
        [[features]]\nname='line'\nkind='macd'\nfast=2\nslow=3\nsignal=2
        [[features]]\nname='signal'\nkind='macd'\nfast=2\nslow=3\nsignal=2\noutput='signal'
        [[features]]\nname='histogram'\nkind='macd'\nfast=2\nslow=3\nsignal=2\noutput='histogram'
        [[features]]\nkind='atr'\nperiod=3
        [[features]]\nname='simple'\nkind='atr'\nperiod=3\nsmoothing='simple'
        [[features]]\nname='middle'\nkind='bollinger'\nperiod=3
        [[features]]\nname='upper'\nkind='bollinger'\nperiod=3\noutput='upper'
        [[features]]\nname='lower'\nkind='bollinger'\nperiod=3\noutput='lower'
        [[features]]\nname='b'\nkind='bollinger'\nperiod=3\noutput='percent_b'
        [[features]]\nname='bandwidth'\nkind='bollinger'\nperiod=3\noutput='bandwidth'
        [[features]]\nkind='bar_vwap'\nperiod=3";

    /// What the standard set does not have: other outputs, windows and intervals.
    const OTHERS: &str = "
        [[features]]\nname='day'\nkind='vwap'\nwindow_ms=0
        [[features]]\nname='short'\nkind='vwap'\nwindow_ms=700
        [[features]]\nkind='ofi'\nunit='qty'\nwindow_ms=900
        [[features]]\nkind='trade_flow'\noutput='qty'\nwindow_ms=1100
        [[features]]\nkind='depth_imbalance'\nlevels=10
        [[features]]\nkind='realized_vol'\nsample_ms=130\nsamples=3
        [[features]]\nkind='ewma_return'\ntau_ms=300
        [[features]]\nkind='rsi'\ninterval='1m'\nperiod=2
        [[features]]\nkind='ema'\ninterval='5m'\nperiod=2";

    fn warm_bars() -> Scene {
        let mut scene = Scene::new(BARS);
        for (high, low, close) in [(105, 95, 100), (112, 99, 110), (111, 103, 104), (120, 101, 119), (119, 90, 95)] {
            scene.candle(high, low, close, 0);
            scene.step();
        }
        scene
    }

    #[test]
    fn bar_features_warm_up_and_hold_between_bars() {
        let mut scene = warm_bars();
        scene.quiet();
        let out = scene.step();
        assert_eq!((out.warm, out.updated), ((1 << 14) - 1, 0));
        // Closes 104, 119, 95 at two decimals.
        assert!((out.values[0] - 1.06).abs() < 1e-12);
        scene.market.flags |= flags::CANDLE_CLOSED;
        scene.market.closed_mask = 0b10;
        assert_eq!(scene.step().updated, 0, "a candle of another interval");
        scene.market.closed_mask = 0b11;
        assert_eq!(scene.step().updated, (1 << 14) - 1);
    }

    #[test]
    fn empty_bars_count_like_bars_of_their_own() {
        for empties in [1, 2, 3, 7, 119] {
            let (mut at_once, mut one_by_one) = (warm_bars(), warm_bars());
            at_once.candle(130, 100, 121, empties);
            let at_once = at_once.step();
            one_by_one.candle(130, 100, 121, 0);
            let mut out = one_by_one.step();
            for _ in 0..empties {
                one_by_one.candle(121, 121, 121, 0);
                one_by_one.market.closed[0].volume = Qty(0);
                out = one_by_one.step();
            }
            assert_eq!((at_once.values, at_once.warm), (out.values, out.warm), "{empties}");
        }
    }

    #[test]
    fn more_empty_bars_than_the_bound_change_nothing_that_shows() {
        let (mut bound, mut beyond) = (warm_bars(), warm_bars());
        bound.candle(130, 100, 121, 3 * super::super::tick::FLAT_PERIODS_MAX);
        beyond.candle(130, 100, 121, u32::MAX);
        let (bound, beyond) = (bound.step(), beyond.step());
        assert_eq!((bound.values, bound.warm), (beyond.values, beyond.warm));
        for (i, expected) in [1.21, 1.21].into_iter().enumerate() {
            assert!((bound.values[i] - expected).abs() < 1e-15, "{i}");
        }
    }

    #[test]
    fn a_finer_definition_changes_no_bar_feature() {
        let (mut kept, mut finer) = (warm_bars(), warm_bars());
        finer.rescale(3, 2);
        finer.quiet();
        kept.quiet();
        assert_eq!(kept.step().values, finer.step().values);
        kept.candle(130, 100, 121, 0);
        finer.candle(130_000, 100_000, 121_000, 0);
        finer.market.closed[0].volume = Qty(100);
        let (kept, finer) = (kept.step(), finer.step());
        assert_eq!(kept.warm, finer.warm);
        for (i, (a, b)) in kept.values.iter().zip(finer.values).enumerate() {
            assert!((a - b).abs() <= 1e-12 * a.abs(), "{i}: {a} {b}");
        }
    }

    #[test]
    fn what_no_longer_fits_starts_anew() {
        let mut scene = Scene::new("[[features]]\nkind='sma'\nperiod=1\n[[features]]\nkind='rsi'\nperiod=1");
        scene.candle(i64::MAX, 1, i64::MAX, 1);
        assert_eq!(scene.step().warm, 0b11);
        scene.quiet();
        scene.market.price_decimals = 4;
        assert_eq!(scene.step().warm, 0b10, "the average held integers, the RSI floats");
        scene.market.price_decimals = 3;
        assert_eq!(scene.step().warm, 0, "a scale never gets coarser: nothing that is held can be trusted");
    }

    #[test]
    fn an_epoch_and_an_unknown_instrument() {
        let mut scene = warm_bars();
        scene.input.kind = InputKind::Epoch.code();
        scene.input.instrument = InstrumentId::NONE;
        assert_eq!(scene.step().warm, 0);
        scene.input.kind = InputKind::Trade.code();
        scene.input.instrument = InstrumentId(0);
        scene.quiet();
        assert_eq!(scene.step().warm, 0, "the epoch made everything new");
        for id in [InstrumentId::NONE, InstrumentId(2), InstrumentId(u32::MAX - 1)] {
            scene.input.instrument = id;
            scene.candle(1, 1, 1, 5);
            assert_eq!(scene.step().warm, 0);
        }
    }

    #[test]
    fn instruments_do_not_touch_each_other() {
        let mut scene = warm_bars();
        scene.quiet();
        let before = scene.step();
        scene.input.instrument = InstrumentId(1);
        scene.candle(1, 1, 1, 5);
        scene.step();
        scene.input.instrument = InstrumentId(0);
        scene.quiet();
        assert_eq!(scene.step().values, before.values);
    }

    /// One random slot: kind, milliseconds, flags, anomalies of the market.
    fn slots() -> impl Strategy<Value = Vec<(u8, i64, u32, [i64; 8], u8)>> {
        let number = prop_oneof![8 => 1i64..500, 1 => Just(0i64), 1 => any::<i64>()];
        let kind = prop_oneof![1 => Just(1u8), 1 => Just(2u8), 4 => Just(3u8), 60 => 16u8..20, 1 => any::<u8>()];
        let ms = prop_oneof![20 => 0i64..900, 1 => any::<i64>()];
        // Mostly a good market, so that features get warm.
        let bits = prop_oneof![10 => (0u32..64).prop_map(|b| GOOD | b << 2 & 0x3c), 2 => 0u32..8_192];
        proptest::collection::vec((kind, ms, bits, proptest::array::uniform8(number), 0u8..8), 1..120)
    }

    /// A stage whose features are all asked with every input.
    fn wakeful(mut scene: Scene) -> Scene {
        scene.stage.woken = [u64::MAX >> (64 - scene.stage.names.len()); 1 << 4];
        scene
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Whatever comes: finite, zero where not warm (`Scene::step` checks both), nothing of an untradable book, and
        /// the same again from the same inputs.
        #[test]
        fn whatever_comes_is_finite_and_repeatable(slots in slots()) {
            // Beside each, one that asks all its features with every input; with sets of other features, too.
            let (mut one, mut two) = (Scene::new(""), Scene::new(""));
            let mut more = [BARS, OTHERS].map(|set| [Scene::new(set), wakeful(Scene::new(set))]);
            let mut all = wakeful(Scene::new(""));
            prop_assert!(one.stage.names().len() <= FEATURES_MAX);
            let book: u64 = 0b0111_1111_1111 & !(1 << 8);
            for (kind, ms, bits, n, mask) in slots {
                for scene in [&mut one, &mut two, &mut all].into_iter().chain(more.iter_mut().flatten()) {
                    scene.input.kind = kind;
                    scene.input.ts_recv = scene.input.ts_recv.wrapping_add(ms.wrapping_mul(1_000_000));
                    scene.input.flags = mask;
                    scene.input.instrument = InstrumentId(u32::from(mask == 5));
                    scene.market.flags = bits;
                    (scene.market.bid.px, scene.market.bid.qty) = (Px(n[0]), Qty(n[1]));
                    (scene.market.ask.px, scene.market.ask.qty) = (Px(n[0].saturating_add(n[2])), Qty(n[3]));
                    (scene.market.bid_qty_5, scene.market.ask_qty_5) = (Qty(n[1]), Qty(n[3]));
                    (scene.market.last.px, scene.market.last.qty) = (Px(n[4]), Qty(n[5]));
                    scene.market.last_aggressor = if n[6] % 2 == 0 { Side::Buy.code() } else { n[6] as u8 };
                    scene.market.closed_mask = mask;
                    let close = scene.market.last.px;
                    for candle in scene.market.closed.iter_mut().take(CANDLE_INTERVALS.len()) {
                        (candle.high, candle.low, candle.close) = (Px(n[6]), Px(n[7]), close);
                        candle.empties = n[7] as u32 % 5;
                    }
                    // A scale may also jump, which no honest market stage does.
                    if n[2] == 0 {
                        scene.market.price_decimals = (n[7] as u8) % 20;
                    }
                }
                let (a, b) = (one.step(), two.step());
                prop_assert_eq!(bytemuck::bytes_of(&a), bytemuck::bytes_of(&b));
                let c = all.step();
                prop_assert_eq!(bytemuck::bytes_of(&a), bytemuck::bytes_of(&c), "asked or not: the same");
                for [some, all] in &mut more {
                    let (some, all) = (some.step(), all.step());
                    prop_assert_eq!(bytemuck::bytes_of(&some), bytemuck::bytes_of(&all), "asked or not: the same");
                }
                if !one.market.is_tradable() {
                    prop_assert_eq!(a.warm & book, 0);
                }
                prop_assert_eq!(a.updated & !a.warm, 0);
            }
        }
    }
}
