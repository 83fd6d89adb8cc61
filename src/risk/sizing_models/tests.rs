//! Hot: tests: the vectors of the literature, what is refused, and that a size is the largest that every cap allows.

use super::*;
use crate::risk::money::notional_e8;
use crate::risk::testing::instrument;
use crate::types::instrument::{Calendar, Contract};
use crate::types::price::Qty;
use proptest::prelude::*;

/// Prices with 2 decimals, quantities with 0; 100 000 of equity.
fn spec() -> Instrument {
    Instrument { price_decimals: 2, ..instrument(0) }
}

fn ask(instrument: &Instrument) -> Ask<'_> {
    Ask {
        direction: Direction::Long,
        confidence: 0.6,
        score: 0.8,
        mid2: 20_000,
        volatility: Some(0.25),
        equity_e8: Some(100_000 * 100_000_000),
        drawdown_ppm: Some(0),
        liquidity: Some(1_000_000),
        position: 0,
        instrument,
    }
}

fn rule(toml: &str) -> SizeRule {
    let config: Config = toml::from_str(toml).unwrap_or_else(|e| panic!("{toml}\n{e}"));
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), config, "it is shown as it is read");
    SizeRule::new(&config).unwrap_or_else(|e| panic!("{toml}\n{e}"))
}

/// A weight per unit price of 100 and an equity of 100 000 is a thousand shares.
fn check(toml: &str, change: impl Fn(&mut Ask<'_>), expected: Result<(i64, Bound), Unsized>) {
    let spec = spec();
    let mut ask = ask(&spec);
    change(&mut ask);
    let got = rule(toml).target(&ask).map(|t| (t.qty, t.bound));
    assert_eq!(got, expected, "{toml}");
}

#[test]
fn kelly_vectors() {
    let close = |got: f64, expected: f64, within: f64| assert!((got - expected).abs() <= within, "{got} {expected}");
    // Discrete: p = 0.55 at even odds; growth of the full bet and of half of it (three quarters).
    let growth = |f: f64| 0.55 * libm::log1p(f) + 0.45 * libm::log1p(-f);
    let full = kelly::discrete(0.55, 1.0, 1.0);
    close(full, 0.10, 1e-15);
    close(growth(full), 0.005_008_4, 5e-8);
    close(growth(full / 2.0), 0.003_752_6, 5e-8);
    close(growth(full / 2.0) / growth(full), 0.75, 1e-3);
    for f in [0.09, 0.11] {
        assert!(growth(f) < growth(full), "f* grows fastest");
    }
    // A loss of half the stake: f* = p/a − q/b also grows fastest.
    let part = kelly::discrete(0.55, 1.0, 0.5);
    let growth = |f: f64| 0.55 * libm::log1p(f) + 0.45 * libm::log1p(-0.5 * f);
    assert!([0.99, 1.01].iter().all(|by| growth(part * by) < growth(part)));
    // A contract of 1.
    close(kelly::binary(0.60, 0.50), 0.2000, 1e-15);
    close(kelly::binary(0.60, 0.5175), 0.17098, 5e-6);
    // Continuous.
    close(kelly::continuous(0.08, 0.02, 0.20), 1.5, 1e-12);
    let drift = |f: f64| 0.02 + f * 0.06 - f * f * 0.04 / 2.0;
    close(drift(1.5), 0.065, 1e-15);
    // Excess growth ratio 2k − k².
    for k in [0.1f64, 0.25, 0.5, 1.0] {
        close((drift(1.5 * k) - 0.02) / 0.045, 2.0 * k - k * k, 1e-12);
    }
}

#[test]
fn every_model_by_its_vector() {
    use Bound::{MaxWeight, Model, NoEdge};
    check("model = { kind = 'fixed_notional', notional = '2550' }", |_| {}, Ok((25, Model)));
    check("model = { kind = 'fixed_fraction', fraction = 0.02 }", |_| {}, Ok((20, Model)));
    // 0.10 ÷ 0.25 = 0.40 of the equity.
    check("model = { kind = 'volatility_target', target = 0.1 }", |_| {}, Ok((400, Model)));
    check("model = { kind = 'volatility_target', target = 0.1, scale = 'score' }", |_| {}, Ok((320, Model)));
    check("model = { kind = 'volatility_target', target = 0.1, scale = 'confidence' }", |_| {}, Ok((240, Model)));
    // 100 000, ½ %, a stop of 2 ranges of 1.5: 166.67 units. A range of 1.5 % a day is 0.015·√365 a year.
    let trade = "model = { kind = 'risk_per_trade', risk = 0.005, stop = 2, range_days = 1 }";
    check(trade, |ask| ask.volatility = Some(0.015 * libm::sqrt(365.0)), Ok((166, Model)));
    // Kelly: 0.10, 0.20, 1.5 of the equity; half of each. Floats round: a hair below is one unit less.
    let whole = |got: Result<Target, Unsized>, expected: i64, name: &str| {
        let got = got.unwrap();
        assert!((got.qty - expected).abs() <= 1 && got.bound == Model, "{name} {got:?}");
    };
    let spec = spec();
    // Inverse volatility: 0.75 and 0.25 of the sum.
    let inverse = rule("model = { kind = 'volatility_target', target = 0.075 }");
    for (volatility, qty) in [(0.1, 750), (0.3, 250)] {
        whole(inverse.target(&Ask { volatility: Some(volatility), ..ask(&spec) }), qty, "inverse volatility");
    }
    let discrete = rule("model = { kind = 'kelly_discrete', fraction = 1, odds = 1 }");
    whole(discrete.target(&Ask { confidence: 0.55, ..ask(&spec) }), 100, "discrete");
    let half = rule("model = { kind = 'kelly_discrete', fraction = 0.5, odds = 1 }");
    whole(half.target(&Ask { confidence: 0.55, ..ask(&spec) }), 50, "half");
    // mid 100 of a payout of 200 is a price of 0.50; what is paid is f of the equity.
    let binary = rule("model = { kind = 'kelly_binary', fraction = 1, payout = 200 }");
    whole(binary.target(&ask(&spec)), 200, "yes");
    let short = Ask { direction: Direction::Short, ..ask(&spec) };
    whole(binary.target(&short), -200, "no");
    // Price 0.25: short pays 0.75; p = 0.9 → f = 0.6; 60 000 ÷ 150 a contract = 400.
    whole(binary.target(&Ask { mid2: 10_000, confidence: 0.9, ..short }), -400, "no at 0.25");
    let fee = rule("model = { kind = 'kelly_binary', fraction = 1, payout = 200, fee = 0.0175 }");
    // 17 098 ÷ (0.5175 × 200) = 165.2 contracts.
    whole(fee.target(&ask(&spec)), 165, "fee");
    let continuous = "model = { kind = 'kelly_continuous', fraction = 0.5, mu_full = 0.1, riskless = 0.02 }";
    whole(rule(continuous).target(&Ask { volatility: Some(0.2), ..ask(&spec) }), 750, "continuous");
    check(&format!("{continuous}\n[caps]\nweight_max = 0.7"), |ask| ask.volatility = Some(0.2), Ok((700, MaxWeight)));
    // No edge, no position.
    check("model = { kind = 'kelly_discrete' }", |ask| ask.confidence = 0.5, Ok((0, NoEdge)));
    check("model = { kind = 'kelly_discrete' }", |ask| ask.confidence = 0.3, Ok((0, NoEdge)));
    check("model = { kind = 'kelly_binary', payout = 200 }", |ask| ask.confidence = 0.49, Ok((0, NoEdge)));
    check("model = { kind = 'kelly_binary', payout = 101, fee = 0.1 }", |_| {}, Ok((0, NoEdge)));
    check(continuous, |ask| ask.score = 0.1, Ok((0, NoEdge)));
    check(continuous, |ask| ask.direction = Direction::Short, Ok((0, NoEdge)));
}

#[test]
fn the_caps_say_what_bound() {
    let caps = |caps: &str| format!("model = {{ kind = 'fixed_notional', notional = '50000' }}\n[caps]\n{caps}");
    let check = |text: &str, change: &dyn Fn(&mut Ask<'_>), expected| check(&caps(text), change, expected);
    let same = |_: &mut Ask<'_>| {};
    check("", &same, Ok((500, Bound::Model)));
    check("", &|ask| ask.direction = Direction::Short, Ok((-500, Bound::Model)));
    check("", &|ask| ask.direction = Direction::Flat, Ok((0, Bound::Flat)));
    check("weight_max = 0.3", &same, Ok((300, Bound::MaxWeight)));
    check("notional_max = '25000.99'", &same, Ok((250, Bound::MaxNotional)));
    check("notional_max = '25000.99'\nweight_max = 0.3", &same, Ok((250, Bound::MaxNotional)));
    check("notional_max = '40000'\nweight_max = 0.3", &same, Ok((300, Bound::MaxWeight)));
    check("qty_max = '7.9'", &same, Ok((7, Bound::MaxQty)));
    check("participation = 0.1", &|ask| ask.liquidity = Some(39), Ok((3, Bound::Participation)));
    check("participation = 0.1", &|ask| ask.liquidity = Some(9), Ok((0, Bound::Participation)));
    check("drawdown_ppm = 200000", &|ask| ask.drawdown_ppm = Some(50_000), Ok((375, Bound::Drawdown)));
    check("drawdown_ppm = 200000", &|ask| ask.drawdown_ppm = Some(200_000), Ok((0, Bound::Drawdown)));
    check("drawdown_ppm = 200000", &|ask| ask.drawdown_ppm = Some(u64::MAX), Ok((0, Bound::Drawdown)));
    check("", &|ask| ask.mid2 = 10_000_002, Ok((0, Bound::BelowLot)));
    check("notional_min = '50000'", &same, Ok((500, Bound::Model)));
    check("notional_min = '50000.01'", &same, Ok((0, Bound::BelowNotional)));
    // A band of 1 % of the equity: 10 shares.
    check("band_ppm = 10000", &|ask| ask.position = 490, Ok((490, Bound::Band)));
    check("band_ppm = 10000", &|ask| ask.position = 489, Ok((500, Bound::Model)));
    check("band_ppm = 10000", &|ask| ask.position = 511, Ok((500, Bound::Model)));
    check("band_ppm = 1000000", &|ask| ask.position = -1, Ok((500, Bound::Model)));
    check("band_ppm = 1000000", &|ask| ask.position = 0, Ok((500, Bound::Model)));
    // What is not known refuses only where it is needed.
    check("", &|ask| (ask.equity_e8, ask.volatility, ask.liquidity) = (None, None, None), Ok((500, Bound::Model)));
    check("weight_max = 0.3", &|ask| ask.equity_e8 = None, Err(Unsized::NoEquity));
    check("weight_max = 0.3", &|ask| ask.equity_e8 = Some(-1), Ok((0, Bound::MaxWeight)));
    check("participation = 1.0", &|ask| ask.liquidity = None, Err(Unsized::NoLiquidity));
    check("participation = 1.0", &|ask| ask.liquidity = Some(-1), Err(Unsized::NoLiquidity));
    check("drawdown_ppm = 1", &|ask| ask.drawdown_ppm = None, Err(Unsized::NoDrawdown));
    for bad in [0, -5, i128::MIN] {
        check("", &|ask| ask.mid2 = bad, Err(Unsized::BadPrice));
    }
    for bad in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        check("", &|ask| ask.confidence = bad, Err(Unsized::BadSignal));
    }
    check("", &|ask| ask.score = -1.5, Err(Unsized::BadSignal));
    check("", &|ask| ask.mid2 = i128::MAX, Err(Unsized::Overflow));
}

#[test]
fn volatility_is_floored_and_its_absence_refuses() {
    let target =
        "model = { kind = 'volatility_target', target = 0.1, weight_max = 100 }\n[caps]\nvolatility_floor = 0.2";
    for (volatility, expected) in [
        (Some(0.4), Ok((250, Bound::Model))),
        (Some(0.2), Ok((500, Bound::Model))),
        (Some(1e-9), Ok((500, Bound::Model))),
        (Some(0.0), Ok((500, Bound::Model))),
        (None, Err(Unsized::NoVolatility)),
        (Some(f64::NAN), Err(Unsized::NoVolatility)),
        (Some(f64::INFINITY), Err(Unsized::NoVolatility)),
        (Some(-1.0), Err(Unsized::NoVolatility)),
    ] {
        check(target, |ask| ask.volatility = volatility, expected);
    }
    for kind in ["kelly_continuous", "risk_per_trade"] {
        check(&format!("model = {{ kind = '{kind}' }}"), |ask| ask.volatility = None, Err(Unsized::NoVolatility));
    }
    check("model = { kind = 'fixed_fraction' }", |ask| ask.equity_e8 = None, Err(Unsized::NoEquity));
    check("model = { kind = 'fixed_fraction' }", |ask| ask.equity_e8 = Some(0), Ok((0, Bound::NoEquity)));
    assert_eq!((days_per_year(Calendar::Crypto), days_per_year(Calendar::UsEquities)), (365.0, 252.0));
}

#[test]
fn a_configuration_that_makes_no_sense_does_not_load() {
    let check = |toml: &str, expected: &str| {
        let error = match toml::from_str::<Config>(toml) {
            Err(e) => e.to_string(),
            Ok(config) => SizeRule::new(&config).expect_err(toml).to_string(),
        };
        assert!(error.contains(expected), "{toml}\ngave: {error}");
    };
    check("model = { kind = 'kely' }", "unknown variant `kely`, expected one of `fixed_notional`");
    check("model = { kind = 'kelly_binary', payoff = 1 }", "unknown field `payoff`");
    check("model = { kind = 'kelly_binary' }\nextra = 1", "unknown field `extra`");
    check("model = { kind = 'kelly_binary' }\n[caps]\nmax = 1", "unknown field `max`");
    check("model = { kind = 'kelly_discrete', fraction = 1.01 }", "`model.fraction` must be within 0..=1");
    check("model = { kind = 'kelly_continuous', fraction = nan }", "`model.fraction` must be within 0..=1");
    check("model = { kind = 'kelly_discrete', odds = 0 }", "`model.odds`");
    check("model = { kind = 'kelly_discrete', loss = 0 }", "`model.loss`");
    check("model = { kind = 'fixed_fraction', fraction = -1 }", "`model.fraction` must be within 0..=10");
    check("model = { kind = 'fixed_notional', notional = 'x' }", "`model.notional` = \"x\": not a decimal number");
    check("model = { kind = 'fixed_notional', notional = '-1' }", "`model.notional` must be within 0..");
    check("model = { kind = 'risk_per_trade', stop = 0 }", "`model.stop`");
    check("model = { kind = 'volatility_target', target = inf }", "`model.target`");
    let caps = |text: &str| format!("model = {{ kind = 'fixed_notional' }}\n[caps]\n{text}");
    check(&caps("participation = 1.5"), "`caps.participation` must be within 0..=1");
    check(&caps("drawdown_ppm = 0"), "`caps.drawdown_ppm` must be within 1..=1000000");
    check(&caps("drawdown_ppm = 1000001"), "`caps.drawdown_ppm`");
    check(&caps("band_ppm = 1000001"), "`caps.band_ppm`");
    check(&caps("volatility_floor = 0"), "`caps.volatility_floor`");
    check(&caps("qty_max = '1e5'"), "`caps.qty_max`");
    assert_eq!(rule("model = { kind = 'fixed_notional' }").target(&ask(&spec())).unwrap().qty, 10);
    assert!(KINDS.contains(&"kelly_binary"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// Exact integers: whole lots, the signal's side, no cap passed, and one lot more would pass one.
    #[test]
    fn a_size_is_the_largest_that_every_cap_allows(
        wanted in 0i64..10_000_000, mid2 in 1i128..10_000_000, lot in 1i64..500,
        notional_max in 0i64..10_000_000, qty_max in 0i64..100_000, share in 0u32..=100, liquidity in 0i64..1_000_000,
        decimals in (0u8..6, 0u8..6), multiplier in 1i64..100, inverse in any::<bool>(), short in any::<bool>(),
    ) {
        let contract = if inverse { Contract::Inverse } else { Contract::Linear };
        let (price_decimals, qty_decimals) = decimals;
        let spec = Instrument { price_decimals, qty_decimals, multiplier, contract, lot_size: Qty(lot), ..instrument(0) };
        let rule = SizeRule::new(&Config {
            model: ModelConfig::fixed_notional(fixed_notional::Params { notional: wanted.to_string() }),
            caps: CapsConfig {
                notional_max: Some(notional_max.to_string()),
                qty_max: Some(qty_max.to_string()),
                participation: Some(f64::from(share) / 100.0),
                ..CapsConfig::default()
            },
        }).unwrap();
        let direction = if short { Direction::Short } else { Direction::Long };
        let target = rule.target(&Ask { direction, mid2, liquidity: Some(liquidity), ..ask(&spec) }).unwrap();
        let qty = i128::from(target.qty.abs());
        prop_assert_eq!(qty % i128::from(lot), 0);
        prop_assert!(qty == 0 || target.qty.signum() == direction.sign());
        let fits = |qty: i128| {
            let value = notional_e8(&spec, qty, mid2).unwrap();
            value <= i128::from(wanted.min(notional_max)) * 100_000_000
                && qty <= i128::from(qty_max) * 10i128.pow(u32::from(qty_decimals))
                // The share is rounded down in 10⁻⁹.
                && qty * 100 <= i128::from(liquidity) * i128::from(share)
        };
        prop_assert!(fits(qty), "{:?}", target);
        let more = qty + i128::from(lot);
        // 10⁻⁹ of the liquidity is far below one unit, but may fall on its edge.
        prop_assert!(!fits(more) || more * 100 == i128::from(liquidity) * i128::from(share), "{:?}", target);
    }

    /// Nonsense in every field: an answer or a reason, never a panic, never a size beyond the caps.
    #[test]
    fn nothing_that_is_asked_panics(
        kind in 0usize..KINDS.len(), confidence in any::<f64>(), score in any::<f64>(), unit in any::<bool>(),
        mid2 in prop_oneof![any::<i128>(), 1i128..1_000_000], volatility in prop::option::of(any::<f64>()),
        equity in prop::option::of(any::<i128>()), drawdown in prop::option::of(any::<u64>()),
        liquidity in prop::option::of(any::<i64>()), position in any::<i64>(), lot in any::<i64>(),
        multiplier in any::<i64>(), decimals in (any::<u8>(), any::<u8>()), inverse in any::<bool>(),
    ) {
        let toml = format!(
            "model = {{ kind = '{}' }}\n[caps]\nweight_max = 2.0\nqty_max = '5'\nparticipation = 0.5\nband_ppm = 100\ndrawdown_ppm = 5000",
            KINDS[kind],
        );
        let spec = Instrument {
            price_decimals: decimals.0 % 19,
            qty_decimals: decimals.1 % 19,
            lot_size: Qty(lot),
            multiplier,
            contract: if inverse { Contract::Inverse } else { Contract::Linear },
            ..instrument(0)
        };
        let (confidence, score) = if unit { (0.9, 0.9) } else { (confidence, score) };
        let ask = Ask {
            direction: Direction::Long, confidence, score, mid2, volatility, equity_e8: equity, drawdown_ppm: drawdown,
            liquidity, position, instrument: &spec,
        };
        if let Ok(target) = rule(&toml).target(&ask)
            && target.bound != Bound::Band
        {
            prop_assert!(i128::from(target.qty) <= 5 * 10i128.pow(u32::from(spec.qty_decimals)));
            prop_assert!(target.qty >= 0);
        }
    }
}
