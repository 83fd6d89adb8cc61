//! Hot: tests of the decoder: messages made by hand, and arbitrary bytes.

use super::*;
use crate::event::input::{Input, OrderAction};
use crate::types::ids::SourceId;
use proptest::prelude::*;

const MIDNIGHT: UnixNanos = 1_500_000_000_000_000_000;

/// Order, new order, match number, price, quantity, action, side, printable, may be unknown.
type Fields = (u64, u64, u64, i64, i64, u8, u8, u8, u8);

struct Rig {
    decoder: ItchDecoder,
    directory: Directory,
    out: InputBatch,
}

impl Rig {
    fn new(instruments_max: usize) -> Self {
        Self {
            decoder: ItchDecoder::new(MIDNIGHT),
            directory: Directory::new(instruments_max),
            out: InputBatch::with_capacity(4),
        }
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<Vec<Input>, DecodeError> {
        self.out.clear();
        let frame = Frame { ts_recv: 77, source: SourceId::FEED_FIRST, bytes };
        self.decoder.decode(&frame, &mut self.directory, &mut self.out)?;
        Ok(self.out.as_slice().to_vec())
    }

    /// The one order event that `bytes` become.
    fn order(&mut self, bytes: &[u8]) -> Fields {
        let inputs = self.decode(bytes).unwrap();
        let input = inputs.last().unwrap();
        assert_eq!(input.kind(), Some(InputKind::OrderEvent));
        assert_eq!(usize::from(input.payload_len), size_of::<OrderEvent>());
        let e: &OrderEvent = input.payload();
        let numbers = (e.order_ref, e.new_ref, e.match_number);
        (numbers.0, numbers.1, numbers.2, e.px.0, e.qty.0, e.action, e.side, e.printable, e.may_be_unknown)
    }

    fn status(&mut self, bytes: &[u8]) -> (InstrumentId, u8) {
        let inputs = self.decode(bytes).unwrap();
        let input = inputs.last().unwrap();
        assert_eq!(input.kind(), Some(InputKind::Status));
        (input.instrument, input.payload::<Status>().state)
    }
}

fn message(message_type: u8, locate: u16, body: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![message_type];
    bytes.extend(locate.to_be_bytes());
    bytes.extend([0, 9]);
    bytes.extend([0x1F, 0x1A, 0xCE, 0xD9, 0xF0, 0x00]);
    bytes.extend(body.concat());
    bytes
}

fn listing(locate: u16, stock: [u8; 8], authenticity: u8) -> Vec<u8> {
    let mut bytes = message(b'R', locate, &[&stock]);
    bytes.resize(39, b' ');
    bytes[29] = authenticity;
    bytes
}

fn add(locate: u16, stock: [u8; 8], reference: u64) -> Vec<u8> {
    message(b'A', locate, &[&reference.to_be_bytes(), b"B", &100u32.to_be_bytes(), &stock, &100_000u32.to_be_bytes()])
}

#[test]
fn an_orders_life() {
    let mut rig = Rig::new(4);
    let defined = rig.decode(&listing(7, *b"META    ", b'P')).unwrap();
    assert_eq!(defined.len(), 1);
    let definition: &Definition = defined[0].payload();
    assert_eq!(&definition.symbol[..definition.symbol_len as usize], b"META");
    assert_eq!((definition.price_decimals, definition.qty_decimals), (4, 0));

    let inputs = rig.decode(&add(7, *b"META    ", 1)).unwrap();
    assert_eq!(inputs.len(), 1, "listed: no second definition");
    assert_eq!(
        (inputs[0].ts_event, inputs[0].ts_recv, inputs[0].venue_id, inputs[0].instrument),
        (MIDNIGHT + 34_200_000_000_000, 77, 2, InstrumentId(0))
    );
    assert_eq!(inputs[0].flags, flags::FIRST | flags::LAST);

    let one = 1u64.to_be_bytes();
    let two = 2u64.to_be_bytes();
    let match_9 = 9u64.to_be_bytes();
    use OrderAction as Do;
    let cases: [(Vec<u8>, Fields); 10] = [
        (add(7, *b"META    ", 1), (1, 0, 0, 100_000, 100, Do::Add.code(), 1, 0, 0)),
        (
            message(b'F', 7, &[&one, b"S", &[0, 0, 0, 5], b"META    ", &[0, 0, 0, 1], b"UBSS"]),
            (1, 0, 0, 1, 5, Do::Add.code(), 2, 0, 0),
        ),
        (message(b'E', 7, &[&one, &[0, 0, 0, 40], &match_9]), (1, 0, 9, 0, 40, Do::Execute.code(), 0, 1, 0)),
        (
            message(b'C', 7, &[&one, &[0, 0, 0, 40], &match_9, b"N", &[0, 0, 0, 8]]),
            (1, 0, 9, 8, 40, Do::ExecuteAt.code(), 0, 0, 0),
        ),
        (
            message(b'C', 7, &[&one, &[0, 0, 0, 40], &match_9, b"Y", &[0, 0, 0, 8]]),
            (1, 0, 9, 8, 40, Do::ExecuteAt.code(), 0, 1, 0),
        ),
        (message(b'X', 7, &[&one, &[0, 0, 0, 10]]), (1, 0, 0, 0, 10, Do::Reduce.code(), 0, 0, 0)),
        (
            message(b'U', 7, &[&one, &two, &[0, 0, 0, 30], &100_100u32.to_be_bytes()]),
            (1, 2, 0, 100_100, 30, Do::Replace.code(), 0, 0, 0),
        ),
        (message(b'D', 7, &[&two]), (2, 0, 0, 0, 0, Do::Delete.code(), 0, 0, 0)),
        (
            message(b'Q', 7, &[&500u64.to_be_bytes(), b"META    ", &[0, 0, 1, 0], &match_9, b"O"]),
            (0, 0, 9, 256, 500, Do::Cross.code(), 0, 1, 0),
        ),
        (message(b'B', 7, &[&match_9]), (0, 0, 9, 0, 0, Do::Broken.code(), 0, 0, 0)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(rig.order(&bytes), expected, "{}", bytes[0] as char);
    }
    let hidden = message(b'P', 7, &[&[0; 8], b"B", &[0, 0, 0, 3], b"META    ", &[0, 0, 0, 2], &match_9]);
    assert_eq!(rig.order(&hidden), (0, 0, 9, 2, 3, Do::HiddenTrade.code(), 0, 1, 0));
    let no_cross = message(b'Q', 7, &[&[0; 8], b"META    ", &[0; 4], &match_9, b"H"]);
    assert_eq!(rig.order(&no_cross).7, 0, "a cross of no shares counts for nothing");
}

#[test]
fn halts_do_not_lift_each_other() {
    let mut rig = Rig::new(4);
    let action = |state: &[u8; 1]| message(b'H', 3, &[b"ABC     ", state, b" ", b"T1  "]);
    let halt = |market: &[u8; 1], state: &[u8; 1]| message(b'h', 3, &[b"ABC     ", market, state]);
    use TradingState as Is;
    assert_eq!(rig.status(&action(b"T")), (InstrumentId(0), Is::Trading.code()));
    assert_eq!(rig.status(&halt(b"Q", b"H")).1, Is::Halted.code());
    assert_eq!(rig.status(&action(b"P")).1, Is::Halted.code());
    assert_eq!(rig.status(&halt(b"Q", b"T")).1, Is::Halted.code(), "still paused");
    assert_eq!(rig.status(&action(b"Q")).1, Is::QuoteOnly.code());
    assert!(rig.decode(&halt(b"X", b"H")).unwrap().is_empty());
    assert_eq!(rig.decoder.counts().other_markets, 1);
    for (event, state) in [(b'O', Is::Closed), (b'S', Is::Closed), (b'Q', Is::Trading), (b'M', Is::Closed)] {
        assert_eq!(rig.status(&message(b'S', 0, &[&[event]])), (InstrumentId::NONE, state.code()));
    }
}

#[test]
fn a_capture_may_begin_in_the_middle() {
    let mut rig = Rig::new(4);
    assert!(rig.decode(&message(b'D', 9, &[&[0; 8]])).unwrap().is_empty());
    assert_eq!(rig.decoder.counts().unnamed, 1);
    let inputs = rig.decode(&add(9, *b"ABC     ", 1)).unwrap();
    assert_eq!(
        inputs.iter().map(|i| i.kind().unwrap()).collect::<Vec<_>>(),
        [InputKind::Definition, InputKind::OrderEvent]
    );
    assert_eq!(rig.order(&message(b'D', 9, &[&[0; 8]])).8, 1, "may be an order from before");
    // The next day gives the locate to another stock; then the directory makes it whole.
    assert_eq!(rig.decode(&add(9, *b"XYZ     ", 1)).unwrap().last().unwrap().instrument, InstrumentId(1));
    assert!(rig.decode(&listing(9, *b"ABC     ", b'P')).unwrap().is_empty(), "known already");
    assert_eq!(rig.order(&add(9, *b"ABC     ", 1)).8, 0);
}

#[test]
fn test_symbols_and_strangers_are_counted() {
    let mut rig = Rig::new(1);
    rig.decode(&listing(1, *b"ZVZZT   ", b'T')).unwrap();
    assert!(rig.decode(&add(1, *b"ZVZZT   ", 1)).unwrap().is_empty());
    rig.decode(&listing(2, *b"ABC     ", b'P')).unwrap();
    assert_eq!(rig.decode(&listing(3, *b"XYZ     ", b'P')).unwrap_err().fault, DecodeFault::UnknownSymbol);
    assert!(rig.decode(&add(3, *b"XYZ     ", 1)).unwrap().is_empty(), "said once");
    rig.directory.close();
    assert!(rig.decode(&add(4, *b"NEW     ", 1)).unwrap().is_empty());
    let counts = rig.decoder.counts();
    assert_eq!((counts.test_symbols, counts.refused), (1, 2));
}

#[test]
fn a_given_scale_is_kept_or_refined() {
    let mut rig = Rig::new(2);
    rig.directory.infer(VenueKind::Nasdaq, b"FINE", 6, 3).unwrap();
    rig.directory.infer(VenueKind::Nasdaq, b"COARSE", 2, 0).unwrap();
    let fine = rig.order(&add(1, *b"FINE    ", 1));
    assert_eq!((fine.3, fine.4), (10_000_000, 100_000));
    let inputs = rig.decode(&add(2, *b"COARSE  ", 1)).unwrap();
    assert_eq!(inputs[0].payload::<Definition>().price_decimals, 4);
    rig.directory.refine(InstrumentId(0), 18, 18).unwrap();
    let too_much = message(b'Q', 1, &[&u64::MAX.to_be_bytes(), b"FINE    ", &[0, 0, 1, 0], &[0; 8], b"O"]);
    assert_eq!(rig.decode(&too_much).unwrap_err().fault, DecodeFault::OutOfRange);
}

#[test]
fn bad_messages_are_errors_and_keep_their_number() {
    let mut rig = Rig::new(2);
    let check = |rig: &mut Rig, bytes: &[u8], fault: DecodeFault, at: usize| {
        let error = rig.decode(bytes).unwrap_err();
        assert_eq!((error.fault, error.at), (fault, at));
        assert!(rig.out.is_empty());
    };
    check(&mut rig, b"", DecodeFault::TooShort, 0);
    check(&mut rig, b"z", DecodeFault::UnknownMessage, 0);
    let whole = add(1, *b"ABC     ", 1);
    for cut in 1..whole.len() {
        check(&mut rig, &whole[..cut], DecodeFault::TooShort, cut);
    }
    let mut odd = whole.clone();
    odd[19] = b'?';
    check(&mut rig, &odd, DecodeFault::Field, 19);
    check(&mut rig, &add(1, *b"        ", 1), DecodeFault::Field, 24);
    let longer = [whole.as_slice(), b"tail"].concat();
    assert_eq!(rig.decode(&longer).unwrap()[1].venue_id, 2 + 35 + 2 + 1);
    assert_eq!(rig.decoder.counts().longer, 1);
    rig.decoder.set_next_sequence(1000);
    assert_eq!(rig.decode(&whole).unwrap()[0].venue_id, 1000);
}

proptest! {
    #[test]
    fn never_panics(messages in proptest::collection::vec(
        (proptest::sample::select(b"SRHYLVWKJhAFECXDUPQBINO?".to_vec()), proptest::collection::vec(any::<u8>(), 0..60)), 1..20,
    )) {
        let mut rig = Rig::new(4);
        for (message_type, body) in messages {
            let mut bytes = vec![message_type];
            bytes.extend(body);
            match rig.decode(&bytes) {
                Ok(inputs) => prop_assert!(inputs.len() <= 2),
                Err(_) => prop_assert!(rig.out.as_slice().iter().all(|i| i.kind() == Some(InputKind::Definition))),
            }
        }
    }
}
