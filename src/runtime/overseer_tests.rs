//! Edge: tests: a LIVE host whose clocks, venue and people a test plays: the gate opens when all of it holds, and each thing alone
//! closes it.

use super::*;
use crate::config::{self, Config};
use crate::control::clock_sync::SyncState;
use crate::control::enable::assess::Revocation;
use crate::control::enable::{Approval, Hash, Request, Store, Terms, text};
use crate::event::definition::Definition;
use crate::event::slot::Slot;
use crate::runtime::identity;
use crate::runtime::recorder::{InstrumentView, NO_CANDLES, OperatorRecord};
use crate::types::ids::SourceId;
use crate::types::instrument::{Calendar, Contract, Symbol, VenueKind};
use crate::types::price::{Px, Qty};
use crate::types::time::MILLIS;
use bytemuck::Zeroable;
use ed25519_dalek::{Signer as _, SigningKey};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicI64;

/// 2026-11-21T12:00:00Z.
const START: i64 = 1_795_262_400 * SECONDS;
const A: InstrumentId = InstrumentId(0);

fn instrument() -> Instrument {
    Instrument {
        id: A,
        symbol: Symbol::from("A").unwrap(),
        venue: VenueKind::Simulated,
        contract: Contract::Linear,
        calendar: Calendar::Crypto,
        price_decimals: 0,
        qty_decimals: 0,
        price_shown: 0,
        qty_shown: 0,
        tick_size: Px(1),
        lot_size: Qty(1),
        multiplier: 1,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        inferred: false,
    }
}

/// Everything around an overseer.
struct Desk {
    overseer: Arc<Overseer>,
    config: Config,
    halt_file: PathBuf,
    /// Steady and wall clock, in nanoseconds; they move together unless a test moves one.
    clocks: Arc<[AtomicI64; 2]>,
    inputs: spsc::Receiver<Input>,
    sequence: u64,
    _dir: tempfile::TempDir,
}

impl Desk {
    fn new(mode: Mode, synchronised: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config::load(None, std::iter::empty()).unwrap().config;
        config.host.mode = mode;
        config.host.data_dir = dir.path().join("data");
        let store = Store::open(&crate::runtime::enabling::store_dir(&config)).unwrap();
        let person = |name: &str, seed: u8| {
            let public = text::hex(SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes());
            format!(
                "[[person]]\nperson = \"{name}\"\nname = \"{name}\"\nkeys = [{{ id = \"{name}-1\", public = \"{public}\" }}]\n"
            )
        };
        let keyring = store.dir().join("keyring.toml");
        std::fs::write(&keyring, format!("version = 1\n{}{}", person("ada", 1), person("bob", 2))).unwrap();
        std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o600)).unwrap();
        let halt_file = dir.path().join("halted");
        std::fs::write(&halt_file, "0\n").unwrap();
        let clocks = Arc::new([AtomicI64::new(1_000 * SECONDS), AtomicI64::new(START)]);
        let (commands, inputs) = spsc::channel(64);
        let enabling = (mode == Mode::Live)
            .then(|| Enabling::new(identity::of(&config).unwrap(), &config, &[], START - SECONDS).unwrap());
        let read = Arc::clone(&clocks);
        let halt_of = halt_file.clone();
        let setup = OverseerSetup {
            facts: Facts {
                host: config.host.name.clone(),
                build: String::new(),
                configuration: String::new(),
                epoch: 1,
                limits: Vec::new(),
            },
            gate: Arc::new(Gate::new(4)),
            mode,
            enabling,
            ticks: Arc::new(Ticks::new(2, 4)),
            progress: Arc::default(),
            outlet: Arc::default(),
            view: Arc::default(),
            commands,
            statement_interval: SECONDS,
            difference: None,
            journaled_before: BTreeMap::new(),
            notices: Arc::default(),
            tsc: Tsc::set_by_hand().0,
            halt: HaltSources::from_env(move |name| {
                (name == "EXECUTION_HALTED_FILE").then(|| halt_of.clone().into_os_string())
            }),
            settings: Settings { max_age: SECONDS, forced_stale: false },
            clocks: Clocks {
                read: Box::new(move || {
                    let [steady, wall] = read.each_ref().map(|clock| clock.load(Ordering::SeqCst));
                    Reading { steady, wall }
                }),
                sync: Box::new(move || Synced {
                    state: if synchronised { SyncState::Synchronised } else { SyncState::Unsynchronised },
                    error_max: Some(MILLIS / 10),
                    error_estimate: Some(MILLIS),
                    source: "a test".to_owned(),
                    daemons: Vec::new(),
                }),
            },
            kills: BTreeMap::new(),
            states: BTreeMap::new(),
        };
        let overseer = Overseer::new(setup).unwrap();
        let mut slot = Slot::zeroed();
        slot.input = Definition::input(&instrument(), 0);
        lock(&overseer.view)
            .instruments
            .insert(0, InstrumentView { instrument: instrument(), slot, fills: 0, candles: NO_CANDLES });
        Self { overseer, config, halt_file, clocks, inputs, sequence: 0, _dir: dir }
    }

    /// Time passes, by both clocks alike.
    fn pass(&self, nanos: i64) {
        for clock in self.clocks.iter() {
            clock.fetch_add(nanos, Ordering::SeqCst);
        }
    }

    /// A tick comes in, and the venue's statement, which agrees.
    fn market(&self) {
        let overseer = &self.overseer;
        overseer.ticks.tick(SourceId::FEED_FIRST, A, Stream::Book, overseer.now());
        overseer.progress.events.fetch_add(1, Ordering::SeqCst);
        overseer.outlet.compared.fetch_add(1, Ordering::SeqCst);
    }

    /// All looks of the thread, once; what was asked of the record is on it then.
    fn look(&mut self) {
        let overseer = &self.overseer;
        overseer.poll_enabling(overseer.now());
        overseer.look();
        overseer.watch();
        while let Some(input) = self.inputs.try_recv() {
            self.sequence += 1;
            let record = OperatorRecord {
                sequence: self.sequence,
                at: 0,
                instrument: input.instrument,
                command: *input.payload(),
                outcome: crate::event::risk::OperatorOutcome::Accepted.code(),
                before: 0,
                now: 0,
            };
            let mut view = lock(&overseer.view);
            view.operators.push_back(record);
            view.sequence = self.sequence;
        }
    }

    /// The journal has what the record has.
    fn journal(&self) {
        let mut view = lock(&self.overseer.view);
        view.journaled = view.sequence;
    }

    /// A second of a host that works: ticks, statements, looks.
    fn work(&mut self) {
        for _ in 0..20 {
            self.pass(50 * MILLIS);
            self.market();
            self.look();
        }
    }

    /// What holds the gate closed, and whether an order in the instrument may leave.
    fn gate(&self) -> (String, bool) {
        let gate = &self.overseer.gate;
        (GateReason::names(gate.reasons()), gate.lets_pass(A, VenueKind::Simulated, 0))
    }

    #[track_caller]
    fn check(&self, reasons: &str, opens: bool) {
        assert_eq!(self.gate(), (reasons.to_owned(), opens));
    }

    /// Two people ask and approve: 10 minutes, to be activated within 5.
    fn enable(&self) -> Hash {
        let identity = identity::of(&self.config).unwrap();
        let now = self.overseer.now().wall / SECONDS;
        let request = Request::new(Terms {
            host: identity.host,
            build: identity.build,
            config: identity.config,
            limits: identity.limits,
            reason: "a test".to_owned(),
            ticket: "OPS-1".to_owned(),
            requested_by: "ada".to_owned(),
            nonce: crate::control::enable::random().unwrap(),
            created_s: now,
            not_before_s: now,
            activate_by_s: now + 300,
            window_s: 600,
        })
        .unwrap();
        let store = Store::reopen(&crate::runtime::enabling::store_dir(&self.config)).unwrap();
        store.add_request(&request).unwrap();
        for (key, seed) in [("ada-1", 1), ("bob-1", 2)] {
            let signature = SigningKey::from_bytes(&[seed; 32]).sign(request.bytes()).to_bytes();
            store.add_approval(&Approval { record: *request.hash(), key: key.to_owned(), signature }).unwrap();
        }
        *request.hash()
    }

    /// The watch over the halt's file has read it since.
    fn halt(&self, text: &str) {
        std::fs::write(&self.halt_file, text).unwrap();
        let looks = self.overseer.halt.looks();
        while self.overseer.halt.looks() < looks + 2 {
            self.overseer.halt.wake();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A LIVE desk whose gate is open.
fn open() -> (Desk, Hash) {
    let mut desk = Desk::new(Mode::Live, true);
    desk.check("not_ready, marketdata_stale, reconciliation, enablement", false);
    desk.work();
    desk.check("enablement", false);
    let record = desk.enable();
    desk.look();
    desk.look();
    desk.check("enablement", false);
    desk.journal();
    desk.look();
    desk.check("", true);
    desk.work();
    desk.check("", true);
    (desk, record)
}

#[test]
fn live_opens_when_all_holds_and_two_people_are_on_the_record() {
    let (mut desk, _) = open();
    // It holds for its window, and not a second longer; nothing but two people open it again.
    for _ in 0..598 {
        desk.work();
    }
    desk.check("", true);
    desk.work();
    desk.work();
    desk.check("enablement", false);
    for _ in 0..10 {
        desk.work();
        desk.journal();
    }
    desk.check("enablement", false);
    desk.enable();
    desk.work();
    desk.journal();
    desk.work();
    desk.check("", true);
}

/// What happens to an open LIVE gate, what closes it then, and whether it opens by itself once all is well again for a while.
fn check(
    name: &str,
    happens: impl Fn(&mut Desk, &Hash),
    reasons: &str,
    is_well: impl Fn(&mut Desk),
    opens_again: bool,
) {
    let (mut desk, record) = open();
    happens(&mut desk, &record);
    assert_eq!(desk.gate(), (reasons.to_owned(), false), "{name}");
    is_well(&mut desk);
    for _ in 0..70 {
        desk.work();
    }
    assert_eq!(desk.gate().1, opens_again, "{name}: {}", desk.gate().0);
}

#[test]
fn each_thing_alone_closes_an_open_gate() {
    let nothing = |_: &mut Desk| {};
    // The limit is a second: open at it, closed right behind.
    let at_the_limit = |desk: &mut Desk| {
        for _ in 0..20 {
            desk.pass(50 * MILLIS);
            desk.overseer.outlet.compared.fetch_add(1, Ordering::SeqCst);
            desk.look();
        }
        desk.check("", true);
        desk.pass(1);
        desk.look();
    };
    check("no tick", |desk, _| at_the_limit(desk), "marketdata_stale", nothing, true);
    let one_of_two = |desk: &mut Desk, _: &Hash| {
        let tell = |desk: &Desk, stream| {
            desk.overseer.ticks.tick(SourceId(SourceId::FEED_FIRST.0 + 1), A, stream, desk.overseer.now());
        };
        for _ in 0..21 {
            desk.pass(50 * MILLIS);
            desk.overseer.outlet.compared.fetch_add(1, Ordering::SeqCst);
            tell(desk, Stream::Other);
            desk.look();
        }
    };
    check("the feed of the book stands, that of the trades goes on", one_of_two, "", nothing, true);
    let jump = |by: i64| {
        move |desk: &mut Desk, _: &Hash| {
            desk.clocks[1].fetch_add(by, Ordering::SeqCst);
            desk.pass(50 * MILLIS);
            desk.market();
            desk.look();
        }
    };
    // A jump forward ends the enablement, since its time is up; one back ends it too, since time does not go back.
    check("an hour forward", jump(3_600 * SECONDS), "clock, enablement", nothing, false);
    check("an hour back", jump(-3_600 * SECONDS), "clock, enablement", nothing, false);
    let differ = |desk: &mut Desk, _: &Hash| {
        desk.overseer.outlet.differing.store(1, Ordering::SeqCst);
        desk.look();
    };
    let agree = |desk: &mut Desk| desk.overseer.outlet.differing.store(0, Ordering::SeqCst);
    check("the venue holds something else", differ, "reconciliation", agree, true);
    check("and goes on to", differ, "reconciliation", nothing, false);
    let silent = |desk: &mut Desk, _: &Hash| {
        for _ in 0..81 {
            desk.check("", true);
            desk.pass(50 * MILLIS);
            desk.overseer.ticks.tick(SourceId::FEED_FIRST, A, Stream::Book, desk.overseer.now());
            desk.look();
        }
    };
    check("the venue says nothing for four seconds", silent, "reconciliation", nothing, true);
    let halt = |text: &'static str| {
        move |desk: &mut Desk, _: &Hash| {
            desk.halt(text);
            desk.look();
        }
    };
    let allow = |desk: &mut Desk| desk.halt("0\n");
    check("the file halts", halt("1\n"), "halted", allow, true);
    check("the file means nothing", halt("maybe\n"), "halted", allow, true);
    check("the file goes on to halt", halt("1\n"), "halted", nothing, false);
    let kill = |desk: &mut Desk, _: &Hash| {
        desk.overseer.kill.kill(KillScope::Host, "ada", "a test", 0);
        desk.look();
    };
    check("a kill", kill, "kill", nothing, false);
    let revoke = |desk: &mut Desk, record: &Hash| {
        let store = Store::reopen(&crate::runtime::enabling::store_dir(&desk.config)).unwrap();
        let (record, at_s) = (*record, START / SECONDS);
        store.revoke(&Revocation { record, by: "bob".to_owned(), reason: "a test".to_owned(), at_s }).unwrap();
        desk.look();
    };
    check("one of them takes it back", revoke, "enablement", nothing, false);
    let fault = |desk: &mut Desk, _: &Hash| {
        desk.overseer.outlet.not_approved.store(1, Ordering::SeqCst);
        desk.look();
    };
    check("an order that risk did not approve", fault, "fault", nothing, true);
    let journal = |desk: &mut Desk, _: &Hash| desk.overseer.gate.journal_failed();
    check("the journal fails", journal, "journal_fault", nothing, false);
}

#[test]
fn what_is_not_enough_leaves_it_closed() {
    // A clock that nobody synchronises.
    let mut desk = Desk::new(Mode::Live, false);
    desk.work();
    desk.enable();
    desk.work();
    desk.journal();
    desk.work();
    desk.check("clock", false);
    // On paper neither people nor a synchronised clock are asked for; the venue's word is.
    let mut desk = Desk::new(Mode::Paper, false);
    desk.check("not_ready, marketdata_stale, reconciliation", false);
    desk.pass(50 * MILLIS);
    desk.overseer.ticks.tick(SourceId::FEED_FIRST, A, Stream::Book, desk.overseer.now());
    desk.overseer.progress.events.fetch_add(1, Ordering::SeqCst);
    desk.look();
    desk.check("not_ready, reconciliation", false);
    desk.work();
    desk.check("", true);
}
