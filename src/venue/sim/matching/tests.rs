//! Hot: tests of the matching engine against a sorted list.

use super::*;
use proptest::prelude::*;

const RULES: Rules = Rules { tick: 5, lot: 2, px_min: Px(10), px_max: Px(1000), orders_max: 64, levels_max: 32 };

#[derive(Clone, Debug)]
struct Plain {
    seq: u64,
    order: NewOrder,
    left: i64,
}

/// The same market, written for reading only.
#[derive(Default)]
struct Oracle {
    resting: Vec<Plain>,
    seq: u64,
}

impl Oracle {
    fn submit(&mut self, order: &NewOrder) -> (Vec<(u64, i64, i64)>, &'static str, i64) {
        let limit = order.order_type == OrderType::Limit;
        if order.qty.0 <= 0 || order.qty.0 % RULES.lot != 0 {
            return (vec![], "lot", order.qty.0);
        }
        if limit && (order.px < RULES.px_min || order.px > RULES.px_max) {
            return (vec![], "limit", order.qty.0);
        }
        if limit && order.px.0 % RULES.tick != 0 {
            return (vec![], "tick", order.qty.0);
        }
        let mut others: Vec<Plain> = self.resting.iter().filter(|o| o.order.side != order.side).cloned().collect();
        others.sort_by_key(|o| (if order.side == Side::Buy { o.order.px.0 } else { -o.order.px.0 }, o.seq));
        others.retain(|o| match order.side {
            Side::Buy => o.order.px <= order.px,
            Side::Sell => o.order.px >= order.px,
        });
        if order.time_in_force == TimeInForce::Gtx && (!others.is_empty() || !limit) {
            return (vec![], "take", order.qty.0);
        }
        let own = others.iter().position(|o| order.owner != 0 && o.order.owner == order.owner);
        let reachable = &others[..own.unwrap_or(others.len())];
        if order.time_in_force == TimeInForce::Fok && reachable.iter().map(|o| o.left).sum::<i64>() < order.qty.0 {
            return (vec![], "fok", order.qty.0);
        }
        let mut left = order.qty.0;
        let mut trades = vec![];
        for other in reachable {
            let qty = left.min(other.left);
            if qty > 0 {
                trades.push((other.order.tag, other.order.px.0, qty));
                left -= qty;
                self.resting.iter_mut().find(|o| o.seq == other.seq).unwrap().left -= qty;
            }
        }
        self.resting.retain(|o| o.left > 0);
        let fate = if left == 0 {
            "filled"
        } else if own.is_some() {
            "self"
        } else if limit && matches!(order.time_in_force, TimeInForce::Gtc | TimeInForce::Gtx) {
            self.seq += 1;
            self.resting.push(Plain { seq: self.seq, order: *order, left });
            "rests"
        } else {
            "dry"
        };
        (trades, fate, left)
    }

    fn levels(&self, side: Side) -> Vec<(Px, Qty)> {
        let mut levels = std::collections::BTreeMap::new();
        for o in self.resting.iter().filter(|o| o.order.side == side) {
            *levels.entry(o.order.px.0 * -side.sign()).or_insert(0) += o.left;
        }
        levels.into_iter().map(|(px, qty)| (Px(px * -side.sign()), Qty(qty))).collect()
    }
}

fn name(fate: Fate) -> &'static str {
    match fate {
        Fate::Filled => "filled",
        Fate::Resting(_) => "rests",
        Fate::Expired(VenueReason::None) => "self",
        Fate::Expired(VenueReason::FokUnfilled) => "fok",
        Fate::Expired(_) => "dry",
        Fate::Rejected(VenueReason::BadLot) => "lot",
        Fate::Rejected(VenueReason::BadTick) => "tick",
        Fate::Rejected(VenueReason::PriceLimit) => "limit",
        Fate::Rejected(VenueReason::WouldTake) => "take",
        Fate::Rejected(_) => "full",
    }
}

type Step = (u8, u32, bool, i64, i64, bool, usize);

fn run(steps: &[Step]) {
    let mut engine = Matching::new(RULES);
    let mut oracle = Oracle::default();
    let mut handles: Vec<(u64, Handle)> = vec![];
    for (tag, &(action, owner, buy, px, qty, market, tif)) in (1u64..).zip(steps) {
        if action < 2 && !handles.is_empty() {
            let (old, handle) = handles.swap_remove(px as usize % handles.len());
            let at = oracle.resting.iter().position(|o| o.order.tag == old);
            let expected = at.map(|at| Qty(oracle.resting.remove(at).left));
            assert_eq!(engine.cancel(handle), expected);
            assert_eq!(engine.cancel(handle), None, "a handle ends with its order");
        } else {
            let order = NewOrder {
                owner,
                tag,
                side: if buy { Side::Buy } else { Side::Sell },
                px: Px(px),
                qty: Qty(qty),
                order_type: if market { OrderType::Market } else { OrderType::Limit },
                time_in_force: TimeInForce::ALL[tif],
            };
            let before: i64 = [Side::Buy, Side::Sell].iter().flat_map(|&s| engine.levels(s)).map(|l| l.1.0).sum();
            let outcome = engine.submit(&order);
            let (trades, fate, left) = oracle.submit(&order);
            let ours: Vec<_> = engine.fills().iter().map(|f| (f.maker_tag, f.px.0, f.qty.0)).collect();
            assert_eq!((ours, name(outcome.fate)), (trades, fate), "{order:?}");
            let filled = outcome.filled.0;
            assert_eq!(filled, engine.fills().iter().map(|f| f.qty.0).sum::<i64>());
            let after: i64 = [Side::Buy, Side::Sell].iter().flat_map(|&s| engine.levels(s)).map(|l| l.1.0).sum();
            let rested = if let Fate::Resting(handle) = outcome.fate {
                handles.push((tag, handle));
                assert_eq!(engine.open_qty(handle), Some(Qty(left)));
                assert_eq!(engine.place_of(handle), Some((order.side, order.px)));
                order.qty.0 - filled
            } else {
                0
            };
            assert_eq!(after, before - filled + rested, "quantity is conserved");
        }
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(engine.levels(side).collect::<Vec<_>>(), oracle.levels(side));
            for &(touched, px) in engine.touched().iter().filter(|t| t.0 == side) {
                let expected = oracle.levels(touched).iter().find(|l| l.0 == px).map_or(Qty(0), |l| l.1);
                assert_eq!(engine.qty_at(touched, px), expected);
            }
        }
        if let (Some(bid), Some(ask)) = (engine.best(Side::Buy), engine.best(Side::Sell)) {
            assert!(bid.0 < ask.0, "never crossed");
        }
        assert_eq!(engine.orders_len() as usize, oracle.resting.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn agrees_with_a_sorted_list(
        steps in proptest::collection::vec(
            (0u8..8, 0u32..4, any::<bool>(), 16i64..26, 0i64..12, any::<bool>(), 0usize..4), 1..60),
    ) {
        // Mostly good prices and quantities around one touch; a few off the tick or the lot.
        let steps: Vec<Step> = steps
            .into_iter()
            .map(|(a, o, b, px, q, m, t)| (a, o, b, px * 5 + i64::from(a == 7 && q == 3), q * 2 + i64::from(a == 6 && q == 5), m && a == 3, t))
            .collect();
        run(&steps);
    }
}

fn limit(tag: u64, side: Side, px: i64, qty: i64) -> NewOrder {
    let (order_type, time_in_force) = (OrderType::Limit, TimeInForce::Gtc);
    NewOrder { owner: 0, tag, side, px: Px(px), qty: Qty(qty), order_type, time_in_force }
}

#[test]
fn bounds_hold() {
    let mut engine = Matching::new(Rules { orders_max: 3, levels_max: 2, ..RULES });
    assert!(matches!(engine.submit(&limit(1, Side::Buy, 50, 2)).fate, Fate::Resting(_)));
    assert!(matches!(engine.submit(&limit(2, Side::Buy, 55, 2)).fate, Fate::Resting(_)));
    assert_eq!(engine.submit(&limit(3, Side::Buy, 60, 2)).fate, Fate::Rejected(VenueReason::NotTrading));
    assert!(matches!(engine.submit(&limit(4, Side::Buy, 55, 2)).fate, Fate::Resting(_)));
    assert_eq!(engine.submit(&limit(5, Side::Sell, 60, 2)).fate, Fate::Rejected(VenueReason::NotTrading));
    let ioc = NewOrder { time_in_force: TimeInForce::Ioc, ..limit(6, Side::Sell, 55, 2) };
    assert_eq!(engine.submit(&ioc).fate, Fate::Filled, "what does not rest needs no room");
    assert_eq!(engine.fills()[0].maker_tag, 2, "first come, first served");
    assert_eq!(engine.submit(&limit(7, Side::Sell, 1005, 2)).fate, Fate::Rejected(VenueReason::PriceLimit));
    let huge = limit(8, Side::Buy, 55, UNITS_MAX);
    assert_eq!(engine.submit(&huge).fate, Fate::Rejected(VenueReason::BadLot), "the level's sum would not fit");
}

#[test]
fn a_market_order_keeps_to_its_protection() {
    let mut engine = Matching::new(RULES);
    engine.submit(&limit(1, Side::Sell, 100, 2));
    engine.submit(&limit(2, Side::Sell, 105, 2));
    let market = NewOrder { order_type: OrderType::Market, ..limit(3, Side::Buy, 102, 10) };
    let outcome = engine.submit(&market);
    assert_eq!(outcome, Outcome { fate: Fate::Expired(VenueReason::NoLiquidity), filled: Qty(2) });
    assert_eq!(engine.best(Side::Sell), Some((Px(105), Qty(2))));
}
