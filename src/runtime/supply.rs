//! Edge: assembly: where a run's market data comes from, and the venue that its orders go to.

use super::decoders::AnyDecoder;
use super::frames::block_channel;
use super::host::Source;
use super::host_error::HostError;
use super::inflow::Inflow;
use super::loader;
use super::recovery::Restored;
use super::venue_side::Exchange;
use crate::config::{Config, ConfigError};
use crate::types::time::UnixNanos;
use crate::venue::directory::Directory;
use crate::venue::sim::generator::Generator;
use crate::venue::sim::recorded::RecordedVenue;
use std::path::PathBuf;
use std::thread::JoinHandle;

/// Market data on its way to the sequencer.
pub(super) struct Supply {
    pub(super) inflow: Inflow,
    pub(super) decoders: Vec<AnyDecoder>,
    /// Names of the readers and of their records (line, message, packet), for messages.
    pub(super) reader_names: Vec<(String, &'static str)>,
    /// Files that are read; none for the generated market.
    pub(super) paths: Vec<PathBuf>,
    /// Bytes of all files.
    pub(super) bytes_total: u64,
    /// The thread that reads them; none for the generated market.
    pub(super) loader: Option<JoinHandle<()>>,
}

impl Supply {
    /// Begins to read.
    ///
    /// # Errors
    /// The loader thread cannot be started.
    pub(super) fn of(source: Source) -> Result<Self, HostError> {
        let Source::Captures(readers) = source else {
            return Ok(Self {
                inflow: Inflow::generated(),
                decoders: vec![AnyDecoder::generated()],
                reader_names: vec![("the generated market".to_owned(), "message")],
                paths: Vec::new(),
                bytes_total: 0,
                loader: None,
            });
        };
        let (sender, receiver) = block_channel(16);
        Ok(Self {
            inflow: Inflow::from_loader(receiver),
            decoders: readers.iter().map(|r| AnyDecoder::new(&r.decoder())).collect(),
            reader_names: readers.iter().map(|r| (r.path().display().to_string(), r.format().unit().name())).collect(),
            paths: readers.iter().map(|r| r.path().to_owned()).collect(),
            bytes_total: readers.iter().map(|r| r.progress().1).sum(),
            loader: Some(loader::spawn(readers, sender).map_err(|e| HostError::Thread(e.to_string()))?),
        })
    }
}

/// The venue behind the loop.
///
/// # Errors
/// What the configuration or the journal's instruments do not allow.
pub(super) fn exchange(
    config: &Config,
    source: &Source,
    directory: &mut Directory,
    restored: &Restored,
    start: UnixNanos,
    epoch: u64,
) -> Result<Exchange, HostError> {
    match source {
        Source::Captures(_) => {
            let venue = RecordedVenue::new(&config.sim.recorded, config.topology.instruments_max)
                .map_err(|e| ConfigError::room("sim", e))?;
            Ok(Exchange::Recorded(Box::new(venue)))
        }
        Source::Generated => {
            let prices: Vec<(String, String)> = restored
                .last_prices
                .iter()
                .filter_map(|(id, px)| {
                    restored
                        .instruments
                        .get(id.index())
                        .map(|i| (i.symbol.to_string(), crate::report::number::px(i, *px)))
                })
                .collect();
            let prices: Vec<(&str, &str)> = prices.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let generator = Generator::new(&config.sim.generator, start, epoch, &prices)
                .map_err(|e| ConfigError::room("sim.generator", e))?;
            for instrument in generator.instruments() {
                let id = directory.define(instrument).map_err(|e| ConfigError::room("topology", e))?;
                if id != instrument.id {
                    return Err(HostError::OtherInstruments { symbol: instrument.symbol.to_string() });
                }
            }
            directory.close();
            Ok(Exchange::Generated(Box::new(generator)))
        }
    }
}
