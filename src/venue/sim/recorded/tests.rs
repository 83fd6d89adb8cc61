//! Hot: tests of the recorded venue: hand-made markets, and properties of random ones.

use super::*;
use crate::event::execution::{ExecutionSection, OrderType, TimeInForce};
use crate::event::input::{Depth, DepthStyle, EpochStart, Level, OrderAction, flags};
use crate::event::risk::{RiskSection, Verdict};
use crate::event::statement::Traded;
use crate::types::ids::ClientOrderId;
use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty, Side};
use Side::{Buy, Sell};
use bytemuck::Zeroable;
use proptest::prelude::*;

const SOURCE: SourceId = SourceId::FEED_FIRST;
const ID: InstrumentId = InstrumentId(0);

fn instrument() -> Instrument {
    Instrument {
        id: ID,
        symbol: Symbol::from("X").unwrap(),
        venue: VenueKind::BinanceUsdm,
        contract: Contract::Linear,
        calendar: Calendar::Crypto,
        price_decimals: 0,
        qty_decimals: 0,
        price_shown: 0,
        qty_shown: 0,
        tick_size: Px(1),
        lot_size: Qty(1),
        multiplier: 1,
        maker_fee_ppm: 200,
        taker_fee_ppm: 500,
        inferred: false,
    }
}

/// A venue, a clock, and what it said.
struct Bench {
    venue: RecordedVenue,
    now: i64,
    update: u64,
}

impl Bench {
    fn new(config: RecordedConfig) -> Self {
        let mut venue = RecordedVenue::new(&config, 2).unwrap();
        // As a host begins: the definitions stand behind the epoch.
        venue.on_market(&Input::new(InputKind::Epoch, SOURCE, InstrumentId::NONE, 0, &EpochStart::zeroed()));
        venue.on_market(&Definition::input(&instrument(), 0));
        Self { venue, now: 0, update: 100 }
    }

    fn whole(config: RecordedConfig) -> Self {
        let mut bench = Self::new(config);
        bench.depth(DepthStyle::Snapshot, &[(100, 10), (99, 20)], &[(102, 10), (103, 20)]);
        bench
    }

    fn send<P: bytemuck::NoUninit>(&mut self, kind: InputKind, payload: &P) {
        self.now += 1;
        self.venue.on_market(&Input::new(kind, SOURCE, ID, self.now, payload));
    }

    fn depth(&mut self, style: DepthStyle, bids: &[(i64, i64)], asks: &[(i64, i64)]) {
        let mut depth = Depth::zeroed();
        depth.prev_id = self.update;
        depth.first_id = self.update + 1;
        if style != DepthStyle::Snapshot {
            self.update += 10;
        }
        depth.last_id = self.update;
        depth.style = style.code();
        (depth.bids, depth.asks) = (bids.len() as u8, asks.len() as u8);
        for (level, &(px, qty)) in depth.levels.iter_mut().zip(bids.iter().chain(asks)) {
            *level = Level { px: Px(px), qty: Qty(qty) };
        }
        self.send(InputKind::Depth, &depth);
    }

    fn change(&mut self, bids: &[(i64, i64)], asks: &[(i64, i64)]) {
        self.depth(DepthStyle::DiffByPrev, bids, asks);
    }

    fn trade(&mut self, px: i64, qty: i64, aggressor: Side) {
        let mut trade = Trade::zeroed();
        (trade.px, trade.qty, trade.aggressor) = (Px(px), Qty(qty), aggressor.code());
        self.send(InputKind::Trade, &trade);
    }

    fn quote(&mut self, update_id: u64, bid: (i64, i64), ask: (i64, i64)) {
        let level = |(px, qty)| Level { px: Px(px), qty: Qty(qty) };
        self.send(InputKind::Quote, &Quote { update_id, bid: level(bid), ask: level(ask) });
    }

    fn event(&mut self, action: OrderAction, order_ref: u64, side: Side, px: i64, qty: i64) {
        let mut event = OrderEvent::zeroed();
        (event.order_ref, event.px, event.qty) = (order_ref, Px(px), Qty(qty));
        (event.action, event.side) = (action.code(), side.code());
        self.send(InputKind::OrderEvent, &event);
    }

    fn order(&mut self, id: u64, side: Side, px: i64, qty: i64, tif: TimeInForce) {
        self.command(CommandKind::New, id, side, px, qty, OrderType::Limit, tif);
    }

    #[allow(clippy::too_many_arguments)]
    fn command(
        &mut self,
        kind: CommandKind,
        id: u64,
        side: Side,
        px: i64,
        qty: i64,
        order: OrderType,
        tif: TimeInForce,
    ) {
        self.now += 1;
        self.venue.on_order(self.now, &approve(kind, id, side, px, qty, order, tif), 7);
    }

    fn reports(&mut self) -> Vec<(u64, ExecType, i64, i64, VenueReason)> {
        core::iter::from_fn(|| self.venue.take_report())
            .map(|r| {
                assert_eq!((r.trace, r.instrument), (7, ID));
                let report = r.report;
                let reason = VenueReason::from_code(report.reason).unwrap();
                let px = if report.last_qty.0 > 0 { report.last_px.0 } else { 0 };
                (report.client_order_id.0, report.exec_type().unwrap(), px, report.last_qty.0, reason)
            })
            .collect()
    }
}

pub(in crate::venue::sim) fn approve(
    kind: CommandKind,
    id: u64,
    side: Side,
    px: i64,
    qty: i64,
    order_type: OrderType,
    time_in_force: TimeInForce,
) -> ApprovedOrder {
    let mut risk = RiskSection::zeroed();
    (risk.verdict, risk.side, risk.order_type) = (Verdict::Approved.code(), side.code(), order_type.code());
    (risk.qty, risk.px) = (Qty(qty), Px(px));
    let mut execution = ExecutionSection::zeroed();
    execution.commands_len = 1;
    execution.commands[0] = OrderCommand {
        client_order_id: ClientOrderId(id),
        px: Px(px),
        qty: Qty(qty),
        instrument: ID,
        kind: kind.code(),
        side: side.code(),
        order_type: order_type.code(),
        time_in_force: time_in_force.code(),
    };
    ApprovedOrder::verify(&risk, &execution, 0).unwrap()
}

use ExecType::{CancelRejected, Canceled, Expired, New, Rejected, Trade as Filled};
use VenueReason::None as Ok_;

fn gtc(bench: &mut Bench, id: u64, side: Side, px: i64, qty: i64) {
    bench.order(id, side, px, qty, TimeInForce::Gtc);
}

#[test]
fn nothing_before_the_book_is_whole() {
    let mut bench = Bench::new(RecordedConfig::default());
    bench.change(&[(100, 10)], &[(102, 10)]);
    gtc(&mut bench, 1, Buy, 100, 1);
    assert_eq!(bench.reports(), [(1, Rejected, 0, 0, VenueReason::NotTrading)]);
    bench.depth(DepthStyle::Snapshot, &[(100, 10)], &[(102, 10)]);
    gtc(&mut bench, 2, Buy, 100, 1);
    assert_eq!(bench.reports(), [(2, New, 0, 0, Ok_)]);
    bench.update += 5; // A difference is missing.
    bench.change(&[], &[]);
    gtc(&mut bench, 3, Buy, 100, 1);
    assert_eq!(bench.reports(), [(3, Rejected, 0, 0, VenueReason::NotTrading)]);
    assert_eq!(bench.venue.resting().count(), 1, "the venue itself lost nothing");
}

#[test]
fn a_resting_order_waits_for_its_turn() {
    let mut bench = Bench::whole(RecordedConfig::default());
    gtc(&mut bench, 1, Buy, 100, 5);
    bench.trade(100, 8, Sell); // 2 are still ahead
    bench.trade(100, 4, Buy); // the other side's business
    assert_eq!(bench.reports(), [(1, New, 0, 0, Ok_)]);
    bench.trade(100, 4, Sell);
    assert_eq!(bench.reports(), [(1, Filled, 100, 2, Ok_)]);
    bench.trade(99, 2, Sell); // through: everything of it was ours first
    bench.trade(99, 2, Sell);
    assert_eq!(bench.reports(), [(1, Filled, 100, 2, Ok_), (1, Filled, 100, 1, Ok_)]);
    assert_eq!(bench.venue.resting().count(), 0);
}

#[test]
fn two_own_orders_share_what_was_printed() {
    let mut bench = Bench::whole(RecordedConfig::default());
    gtc(&mut bench, 1, Buy, 101, 3);
    gtc(&mut bench, 2, Buy, 101, 3);
    bench.trade(101, 4, Sell);
    let filled: i64 = bench.reports().iter().filter(|r| r.1 == Filled).map(|r| r.3).sum();
    assert_eq!(filled, 4);
    assert_eq!(bench.venue.resting().map(OpenOrder::leaves).collect::<Vec<_>>(), [2]);
}

#[test]
fn the_cautious_mode_wants_a_trade_through() {
    let mut bench = Bench::whole(RecordedConfig { through_only: true, ..RecordedConfig::default() });
    gtc(&mut bench, 1, Buy, 101, 3);
    bench.trade(101, 50, Sell);
    bench.change(&[], &[(101, 4)]);
    assert_eq!(bench.reports(), [(1, New, 0, 0, Ok_)]);
    bench.change(&[], &[(100, 2)]);
    bench.trade(100, 50, Sell);
    assert_eq!(bench.reports(), [(1, Filled, 101, 2, Ok_), (1, Filled, 101, 1, Ok_)]);
}

#[test]
fn a_taker_takes_what_is_shown_once() {
    let mut bench = Bench::whole(RecordedConfig::default());
    gtc(&mut bench, 1, Buy, 103, 15);
    assert_eq!(bench.reports(), [(1, New, 0, 0, Ok_), (1, Filled, 102, 10, Ok_), (1, Filled, 103, 5, Ok_)]);
    bench.order(2, Buy, 103, 20, TimeInForce::Ioc);
    let rest = (2, Expired, 0, 0, VenueReason::NoLiquidity);
    assert_eq!(bench.reports(), [(2, New, 0, 0, Ok_), (2, Filled, 103, 15, Ok_), rest]);
    bench.change(&[], &[(102, 4)]); // refreshed
    bench.order(3, Buy, 103, 5, TimeInForce::Fok);
    assert_eq!(bench.reports(), [(3, New, 0, 0, Ok_), (3, Expired, 0, 0, VenueReason::FokUnfilled)]);
    bench.order(4, Buy, 102, 1, TimeInForce::Gtx);
    assert_eq!(bench.reports(), [(4, Rejected, 0, 0, VenueReason::WouldTake)]);
    bench.command(CommandKind::New, 5, Buy, 110, 9, OrderType::Market, TimeInForce::Ioc);
    let rest = (5, Expired, 0, 0, VenueReason::NoLiquidity);
    assert_eq!(bench.reports(), [(5, New, 0, 0, Ok_), (5, Filled, 102, 4, Ok_), rest]);
}

#[test]
fn quotes_and_depth_that_cross_us_fill_us() {
    let mut bench = Bench::whole(RecordedConfig::default());
    gtc(&mut bench, 1, Buy, 101, 6);
    bench.quote(105, (100, 10), (101, 4));
    assert_eq!(bench.reports(), [(1, New, 0, 0, Ok_), (1, Filled, 101, 4, Ok_)]);
    bench.quote(115, (100, 10), (102, 3)); // the ask at 101 is gone
    bench.change(&[], &[(101, 4)]); // up to 110: older than the quote
    assert_eq!(bench.reports(), []);
    bench.change(&[], &[(101, 4)]); // up to 120
    assert_eq!(bench.reports(), [(1, Filled, 101, 2, Ok_)]);
}

#[test]
fn bad_orders_get_their_reasons() {
    let mut bench = Bench::whole(RecordedConfig::default());
    let mut coarse = instrument();
    (coarse.tick_size, coarse.lot_size) = (Px(2), Qty(5));
    bench.venue.on_market(&Definition::input(&coarse, 0));
    gtc(&mut bench, 1, Buy, 99, 5);
    gtc(&mut bench, 2, Buy, 98, 4);
    gtc(&mut bench, 3, Buy, 98, 5);
    gtc(&mut bench, 3, Buy, 98, 5);
    gtc(&mut bench, 4, Sell, 98, 1_000_000); // meets our own order: after the bid at 100, it must not go on
    bench.command(CommandKind::Cancel, 9, Buy, 0, 0, OrderType::Limit, TimeInForce::Gtc);
    bench.command(CommandKind::Cancel, 3, Buy, 0, 0, OrderType::Limit, TimeInForce::Gtc);
    assert_eq!(
        bench.reports(),
        [
            (1, Rejected, 0, 0, VenueReason::BadTick),
            (2, Rejected, 0, 0, VenueReason::BadLot),
            (3, New, 0, 0, Ok_),
            (3, Rejected, 0, 0, VenueReason::DuplicateId),
            (4, New, 0, 0, Ok_),
            (4, Filled, 100, 10, Ok_),
            (4, Filled, 99, 20, Ok_),
            (4, Expired, 0, 0, Ok_),
            (9, CancelRejected, 0, 0, VenueReason::UnknownOrder),
            (3, Canceled, 0, 0, Ok_),
        ]
    );
    let mut refusing = Bench::whole(RecordedConfig { reject_ppm: 300_000, ..RecordedConfig::default() });
    (1..=1000).for_each(|id| gtc(&mut refusing, id, Buy, 50 + id as i64 % 40, 1));
    let refused = refusing.reports().iter().filter(|r| r.4 == VenueReason::Simulated).count();
    assert!((250..350).contains(&refused), "{refused}");
}

#[test]
fn order_by_order_recordings_have_a_true_queue() {
    let mut bench = Bench::new(RecordedConfig { queue: QueueConfig::ProbLog, ..RecordedConfig::default() });
    bench.event(OrderAction::Add, 1, Buy, 100, 10);
    bench.event(OrderAction::Add, 2, Sell, 102, 10);
    gtc(&mut bench, 1, Buy, 100, 5);
    bench.event(OrderAction::Add, 3, Buy, 100, 10); // behind us
    bench.event(OrderAction::Reduce, 3, Buy, 0, 4);
    bench.event(OrderAction::Reduce, 1, Buy, 0, 4);
    assert_eq!(bench.venue.markets[0].orders[0].position.front, 6.0);
    bench.event(OrderAction::Execute, 1, Buy, 0, 6);
    assert_eq!(bench.reports(), [(1, New, 0, 0, Ok_)]);
    bench.event(OrderAction::Execute, 3, Buy, 0, 3);
    assert_eq!(bench.reports(), [(1, Filled, 100, 3, Ok_)]);
    bench.event(OrderAction::HiddenTrade, 0, Buy, 99, 9);
    assert_eq!(bench.reports(), [(1, Filled, 100, 2, Ok_)]);
    bench.order(2, Sell, 100, 9, TimeInForce::Ioc);
    assert_eq!(bench.reports()[1], (2, Filled, 100, 3, Ok_));
}

#[test]
fn a_finer_definition_and_a_new_epoch() {
    let mut bench = Bench::whole(RecordedConfig::default());
    gtc(&mut bench, 1, Buy, 100, 5);
    let mut finer = instrument();
    (finer.price_decimals, finer.qty_decimals) = (1, 2);
    bench.venue.on_market(&Definition::input(&finer, 0));
    bench.trade(1000, 1100, Sell);
    assert_eq!(bench.reports(), [(1, New, 0, 0, Ok_), (1, Filled, 1000, 100, Ok_)]);
    let open = *bench.venue.resting().next().unwrap();
    assert_eq!((open.px, open.qty, open.cum_qty), (Px(1000), Qty(500), Qty(100)));
    // 100 of 500 are bought; both statements tell the rest.
    let of_it = bench.venue.statement(ID).unwrap();
    assert_eq!((of_it.traded.bought, of_it.traded.sold, of_it.qty_decimals), (Qty(100), Qty(0), 2));
    assert_eq!((of_it.open.orders, of_it.open.open_buy, of_it.open.open_sell), (1, Qty(400), Qty(0)));
    let of_all = bench.venue.statement(InstrumentId::NONE).unwrap();
    assert_eq!((of_all.open, of_all.traded), (of_it.open, Traded::default()));
    assert!(bench.venue.statement(InstrumentId(1)).is_none() && bench.venue.statement(InstrumentId(9)).is_none());
    bench.trade(1000, 100, Sell);
    assert_eq!(bench.venue.statement(ID).unwrap().traded.bought, Qty(200), "also what is bought in the finer units");
    bench.reports();
    finer.qty_decimals = 18;
    bench.venue.on_market(&Definition::input(&finer, 0));
    assert_eq!(bench.reports(), [(1, Expired, 0, 0, VenueReason::NotTrading)], "5 × 10¹⁸ fits, the book's 20 do not");
    bench.send(InputKind::Epoch, &EpochStart::zeroed());
    gtc(&mut bench, 2, Buy, 100, 5);
    assert_eq!(bench.reports(), [(2, Rejected, 0, 0, VenueReason::NotTrading)]);
    bench.venue.on_market(&Definition::input(&instrument(), 0)); // coarse again, since it all begins anew
    bench.depth(DepthStyle::Snapshot, &[(100, 10)], &[(102, 10)]);
    gtc(&mut bench, 3, Buy, 102, 5);
    assert_eq!(bench.reports(), [(3, New, 0, 0, Ok_), (3, Filled, 102, 5, Ok_)]);
}

#[test]
fn a_halt_and_a_message_in_parts() {
    let mut bench = Bench::whole(RecordedConfig::default());
    let mut status = Status::zeroed();
    status.state = TradingState::Halted.code();
    bench.now += 1;
    bench.venue.on_market(&Input::new(InputKind::Status, SOURCE, InstrumentId::NONE, bench.now, &status));
    gtc(&mut bench, 1, Buy, 100, 1);
    assert_eq!(bench.reports(), [(1, Rejected, 0, 0, VenueReason::NotTrading)]);
    status.state = TradingState::Trading.code();
    bench.send(InputKind::Status, &status);
    gtc(&mut bench, 2, Buy, 101, 1);
    // The ask at 101 is on its way in the first part; only the last part completes the message.
    let mut depth = Depth::zeroed();
    (depth.prev_id, depth.last_id, depth.asks) = (100, 110, 1);
    depth.style = DepthStyle::DiffByPrev.code();
    depth.levels[0] = Level { px: Px(101), qty: Qty(5) };
    let mut input = Input::new(InputKind::Depth, SOURCE, ID, 50, &depth);
    input.flags = flags::FIRST;
    bench.venue.on_market(&input);
    assert_eq!(bench.reports(), [(2, New, 0, 0, Ok_)]);
    input.payload_mut::<Depth>().levels[0].qty = Qty(0);
    input.flags = flags::LAST;
    bench.venue.on_market(&input);
    assert_eq!(bench.reports(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn never_fills_more_than_the_market_offered(
        steps in proptest::collection::vec((0u8..6, any::<bool>(), 95i64..107, 0i64..15), 1..80),
    ) {
        let mut bench = Bench::whole(RecordedConfig { queue: QueueConfig::ProbLog, ..RecordedConfig::default() });
        // What the market has offered to our buys and sells: trades, and shown quantity at each refresh.
        let mut offered = 60i64;
        let mut ordered = std::collections::BTreeMap::new();
        let mut filled = std::collections::BTreeMap::<u64, i64>::new();
        for (id, (action, buy, px, qty)) in (1u64..).zip(steps) {
            let side = if buy { Buy } else { Sell };
            match action {
                0 | 1 => {
                    gtc(&mut bench, id, side, px, qty + 1);
                    ordered.insert(id, qty + 1);
                }
                2 => bench.command(CommandKind::Cancel, id / 2, side, 0, 0, OrderType::Limit, TimeInForce::Gtc),
                3 => {
                    bench.trade(px, qty, side);
                    offered += qty;
                }
                _ => {
                    if buy { bench.change(&[(px.min(100), qty)], &[]) } else { bench.change(&[], &[(px.max(101), qty)]) }
                    offered += qty;
                }
            }
            for (id, exec, _, qty, _) in bench.reports() {
                if exec == Filled {
                    prop_assert!(qty > 0);
                    *filled.entry(id).or_default() += qty;
                }
            }
        }
        prop_assert!(filled.values().sum::<i64>() <= offered);
        for (id, qty) in filled {
            prop_assert!(qty <= ordered[&id]);
        }
        for open in bench.venue.resting() {
            prop_assert!(open.leaves() > 0);
        }
    }
}
