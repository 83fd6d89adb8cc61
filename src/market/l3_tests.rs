//! Hot: order-by-order books: the venue's rules, and sums and queues against a plain list of orders.

use super::*;
use bytemuck::Zeroable;
use proptest::prelude::*;

fn event(action: OrderAction, order_ref: u64, side: u8, qty: i64, px: i64) -> OrderEvent {
    let mut event = OrderEvent::zeroed();
    (event.action, event.order_ref, event.side) = (action.code(), order_ref, side);
    (event.qty, event.px, event.printable) = (Qty(qty), Px(px), 1);
    event
}

struct Fixture {
    store: OrderStore,
    book: L2Book,
}

impl Fixture {
    fn new(orders_max: usize) -> Self {
        Self { store: OrderStore::new(orders_max), book: L2Book::new(100) }
    }

    fn apply(&mut self, event: OrderEvent) -> OrderOutcome {
        let out = self.store.apply(0, &event, false, &mut self.book);
        assert!(self.store.agrees_with(0, &self.book));
        out
    }

    fn at(&self, px: i64) -> i64 {
        self.book.get(Side::Buy, Px(px)).0
    }
}

/// The life of an order that the specification's sheet gives as an example.
#[test]
fn an_order_lives_as_the_specification_says() {
    let mut f = Fixture::new(10);
    assert!(f.apply(event(OrderAction::Add, 1, 1, 100, 100_000)).changed);
    let traded = f.apply(event(OrderAction::Execute, 1, 0, 40, 0)).trade.unwrap();
    assert_eq!((traded.px, traded.qty, traded.aggressor), (Px(100_000), Qty(40), Some(Side::Sell)));
    assert_eq!(f.at(100_000), 60);
    f.apply(event(OrderAction::Reduce, 1, 0, 10, 0));
    assert_eq!(f.at(100_000), 50);
    let mut replace = event(OrderAction::Replace, 1, 0, 30, 100_100);
    replace.new_ref = 2;
    assert_eq!(f.apply(replace).fault, None);
    assert_eq!((f.at(100_000), f.at(100_100)), (0, 30));
    f.apply(event(OrderAction::Delete, 2, 0, 0, 0));
    assert!(f.store.is_empty() && f.book.is_empty(Side::Buy));
}

#[test]
fn trades_follow_their_message() {
    let mut f = Fixture::new(10);
    f.apply(event(OrderAction::Add, 1, 2, 100, 50));
    let mut at = event(OrderAction::ExecuteAt, 1, 0, 30, 49);
    at.printable = 0;
    let traded = f.apply(at).trade.unwrap();
    assert_eq!((traded.px, traded.aggressor, traded.printable), (Px(49), Some(Side::Buy), false));
    let hidden = f.apply(event(OrderAction::HiddenTrade, 0, 1, 7, 48));
    assert_eq!((hidden.changed, hidden.trade.unwrap().aggressor), (false, None));
    assert_eq!(f.apply(event(OrderAction::Cross, 0, 0, 0, 48)), OrderOutcome::default());
    assert!(f.apply(event(OrderAction::Broken, 0, 0, 0, 0)).broken);
    assert_eq!(f.book.get(Side::Sell, Px(50)), Qty(70));
}

#[test]
fn faults_are_named() {
    let mut f = Fixture::new(1);
    let unknown = f.apply(event(OrderAction::Delete, 9, 0, 0, 0));
    assert_eq!((unknown.fault, unknown.anomalies), (Some(InvalidReason::UnknownOrder), anomaly::UNKNOWN_ORDER));
    let mut tolerated = event(OrderAction::Execute, 9, 1, 5, 77);
    tolerated.may_be_unknown = 1;
    let out = f.apply(tolerated);
    assert_eq!((out.fault, out.trade.unwrap().px, out.changed), (None, Px(77), false));
    assert_eq!(f.apply(event(OrderAction::Add, 1, 1, 0, 10)).anomalies, anomaly::ZERO_SIZE);
    assert_eq!(f.apply(event(OrderAction::Add, 1, 1, 5, 0)).anomalies, anomaly::BAD_PRICE);
    assert_eq!(f.apply(event(OrderAction::Add, 1, 1, 5, 10)).fault, None);
    assert_eq!(f.apply(event(OrderAction::Add, 1, 1, 5, 10)).anomalies, anomaly::REPEATED);
    assert_eq!(f.apply(event(OrderAction::Add, 2, 1, 5, 10)).fault, Some(InvalidReason::BufferFull));
    let over = f.apply(event(OrderAction::Execute, 1, 0, 6, 0));
    assert_eq!((over.fault, f.at(10)), (Some(InvalidReason::UnknownOrder), 0));
}

#[test]
fn queues_are_first_in_first_out_and_rescale() {
    let mut f = Fixture::new(10);
    for (order_ref, qty) in [(1, 10), (2, 20), (3, 30)] {
        f.apply(event(OrderAction::Add, order_ref, 1, qty, 5));
    }
    assert_eq!(f.store.ahead_of(0, 3), Some(Qty(30)));
    f.apply(event(OrderAction::Reduce, 1, 0, 4, 0));
    assert_eq!(f.store.ahead_of(0, 3), Some(Qty(26)));
    f.apply(event(OrderAction::Delete, 2, 0, 0, 0));
    assert_eq!(f.store.ahead_of(0, 3), Some(Qty(6)));
    assert_eq!(f.store.ahead_of(0, 2), None);
    assert!(f.store.rescale(0, 10, 2) && f.book.rescale(10, 2));
    assert!(f.store.agrees_with(0, &f.book));
    assert_eq!((f.at(50), f.store.ahead_of(0, 3)), (72, Some(Qty(12))));
    assert!(!f.store.rescale(0, i64::MAX, 1));
    assert!(f.store.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn agrees_with_a_plain_list(steps in proptest::collection::vec((0u8..6, 0u64..20, 1i64..20, 1i64..6), 1..200)) {
        let mut f = Fixture::new(12);
        let mut list: Vec<(u64, i64, i64)> = Vec::new(); // ref, px, qty, in the order of priority
        for (action, order_ref, qty, px) in steps {
            let held = list.iter().position(|o| o.0 == order_ref);
            match action {
                0..3 => {
                    f.apply(event(OrderAction::Add, order_ref, 1, qty, px));
                    if held.is_none() && list.len() < 12 {
                        list.push((order_ref, px, qty));
                    }
                }
                3 | 4 => {
                    f.apply(event(OrderAction::Reduce, order_ref, 0, qty, 0));
                    if let Some(at) = held {
                        list[at].2 -= qty;
                        if list[at].2 <= 0 {
                            list.remove(at);
                        }
                    }
                }
                _ => {
                    f.apply(event(OrderAction::Delete, order_ref, 0, 0, 0));
                    list.retain(|o| o.0 != order_ref);
                }
            }
            for at in 1..6 {
                let sum: i64 = list.iter().filter(|o| o.1 == at).map(|o| o.2).sum();
                prop_assert_eq!(f.at(at), sum);
            }
            for (n, o) in list.iter().enumerate() {
                let ahead: i64 = list[..n].iter().filter(|p| p.1 == o.1).map(|p| p.2).sum();
                prop_assert_eq!(f.store.ahead_of(0, o.0), Some(Qty(ahead)));
            }
        }
    }
}
