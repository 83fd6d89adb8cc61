//! The hot path of a real host, driven by hand: decoder, sequencer, ring, stages, encoder, and the recorder behind them.
//!
//! What differs from a live host: frames come from memory, and a venue that fills every order at its price between two blocks
//! takes the place of the exchange. All else is assembled by the product's own topology.

use tickpath::config::{Config, Mode};
use tickpath::event::digest::OutputHash;
use tickpath::event::execution::CommandKind;
use tickpath::event::input::{EpochStart, Input, InputKind};
use tickpath::event::report::{ExecType, Report};
use tickpath::journal::{Durability, Writer};
use tickpath::ring::spsc;
use tickpath::runtime::clock::Tsc;
use tickpath::runtime::outlet::Outgoing;
use tickpath::runtime::recorder::View;
use tickpath::runtime::recovery::{Restored, opening};
use tickpath::runtime::sequencer::{Meanwhile, Sequencer};
use tickpath::runtime::topology::{self, Finish, TopologySetup};
use tickpath::runtime::validate;
use tickpath::types::ids::SourceId;
use tickpath::types::instrument::{Instrument, VenueKind};
use tickpath::types::price::Qty;
use tickpath::venue::binance::BinanceDecoder;
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{Decoder, Frame, InputBatch};

use bytemuck::Zeroable;

/// The source of all frames.
const SOURCE: SourceId = SourceId::FEED_FIRST;

/// What a hot path is made of.
#[derive(Clone)]
pub struct Build {
    /// The configuration, as a host gets it.
    pub config: Config,
    /// Whose frames.
    pub venue: VenueKind,
    /// What is defined beforehand.
    pub instruments: Vec<Instrument>,
    /// A folder for the journal; `None` = the recorder keeps none.
    pub journal: Option<std::path::PathBuf>,
}

impl Build {
    /// The instruments that are known beforehand.
    pub fn directory(&self) -> Directory {
        let mut directory = Directory::new(self.config.topology.instruments_max);
        for instrument in &self.instruments {
            directory.define(*instrument).expect("room for it");
        }
        directory
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// Orders that were encoded.
    pub orders: u64,
    /// Inputs that were sequenced.
    pub inputs: u64,
    /// Digest of all decisions.
    pub hash: OutputHash,
}

/// The venue's answer to a new order: filled at its price, at `now`; `number` is the order's and the trade's at the venue.
pub fn filled(outgoing: &Outgoing, number: u64, now: i64) -> Input {
    let command = outgoing.order.command();
    let report = Report {
        client_order_id: command.client_order_id,
        venue_order_id: number,
        trade_id: number,
        last_px: command.px,
        last_qty: command.qty,
        cum_qty: command.qty,
        leaves_qty: Qty(0),
        exec_type: ExecType::Trade.code(),
        side: command.side,
        ..Report::zeroed()
    };
    let mut input = Input::new(InputKind::Report, SourceId::REPORT, command.instrument, now, &report);
    input.trace = outgoing.sequence;
    input
}

/// Nothing is to be done while the ring is full. Mostly it never is, since blocks are shorter; else [`HotPath::stalls`] tells.
struct Nothing;

impl Meanwhile for Nothing {
    fn meanwhile(&mut self) {}
}

/// A host's hot path.
pub struct HotPath {
    decoder: BinanceDecoder,
    directory: Directory,
    batch: InputBatch,
    sequencer: Sequencer,
    orders: spsc::Receiver<Outgoing>,
    finish: Finish,
    stamps: Option<Tsc>,
    now: i64,
    sent: u64,
}

impl HotPath {
    /// Starts all threads but this one, and opens the gate at `at`.
    pub fn start(build: &Build, at: i64) -> Self {
        let config = &build.config;
        let host = validate::validate(config).expect("the configuration");
        let stages = validate::stages(config).expect("the stages");
        let tsc = Tsc::new();
        let journal = build.journal.as_ref().map(|folder| {
            let (mut writer, _) = Writer::open(folder, &config.journal, at).expect("the journal");
            writer.set_epoch(1);
            writer
        });
        let epoch = EpochStart { epoch: 1, config_hash: [0; 16], build_hash: [0; 16] };
        let inputs = opening(&stages, &Restored::default(), &build.instruments, &epoch, Mode::Paper, at);
        let durability = if journal.is_some() { config.journal.durability } else { Durability::None };
        let started = topology::start(TopologySetup {
            host,
            config: config.topology.clone(),
            stages,
            journal,
            durability,
            first_sequence: 1,
            live: true,
            shared: None,
            ticks: None,
            tsc,
        })
        .expect("the threads");
        let stamps = started.stamps.clone();
        let (front, finish) = started.split();
        let mut path = Self {
            decoder: BinanceDecoder::new(Some(build.venue)),
            directory: build.directory(),
            batch: InputBatch::with_capacity(1024),
            sequencer: front.sequencer,
            orders: front.orders,
            finish,
            stamps,
            now: at,
            sent: 0,
        };
        for input in inputs {
            path.sequencer.publish_first(&input, &mut Nothing);
        }
        path
    }

    /// One frame, from its bytes to the decision, and, where there is one, to the bytes of the order.
    #[inline]
    pub fn tick(&mut self, at: i64, bytes: &[u8]) {
        let stamp = self.stamps.as_ref().map_or(0, Tsc::read);
        self.tick_from(at, bytes, stamp);
    }

    /// The same for a frame that was due at `stamp`.
    #[inline]
    pub fn tick_from(&mut self, at: i64, bytes: &[u8], stamp: u64) {
        self.batch.clear();
        let frame = Frame { ts_recv: at, source: SOURCE, bytes };
        self.decoder.decode(&frame, &mut self.directory, &mut self.batch).expect("a frame of the venue");
        self.now = at;
        for input in 0..self.batch.len() {
            if let Some(tsc) = &self.stamps {
                let input = &mut self.batch.as_mut_slice()[input];
                input.stamp = stamp;
                input.decode_ticks = u32::try_from(tsc.read().saturating_sub(stamp)).unwrap_or(u32::MAX);
            }
            self.sequencer.publish(&self.batch.as_slice()[input], &mut Nothing);
        }
    }

    /// The venue's answers: every order is filled at its price, every cancel comes too late.
    pub fn answer(&mut self) {
        let last = self.sequencer.next_sequence() - 1;
        self.sequencer.await_execution(last, &mut Nothing);
        while let Some(outgoing) = self.orders.try_recv() {
            if outgoing.order.command().kind != CommandKind::New.code() {
                continue;
            }
            self.sent += 1;
            let input = filled(&outgoing, self.sent, self.now);
            self.sequencer.publish(&input, &mut Nothing);
        }
    }

    /// Waits until all other threads have done everything.
    pub fn settle(&mut self) {
        while self.sequencer.in_use() > 0 {
            std::thread::yield_now();
        }
    }

    /// How often it found the ring full so far.
    pub fn stalls(&self) -> u64 {
        self.sequencer.stalls
    }

    /// Ends all threads.
    pub fn finish(self) -> Came {
        self.finish_with_view().0
    }

    /// The same, with what the recorder saw last.
    pub fn finish_with_view(self) -> (Came, View) {
        let inputs = self.sequencer.next_sequence() - 1;
        let Self { sequencer, orders, finish, sent, .. } = self;
        let (view, trouble) = finish.join(inputs);
        drop((sequencer, orders));
        assert_eq!(trouble, None, "a thread failed");
        (Came { orders: sent, inputs, hash: view.output_hash }, view)
    }
}
