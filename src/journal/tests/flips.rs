//! Edge: tests: single flipped bits, over whole journals held in memory: each is found, and told with its file and place.

use super::super::disk::segment_name;
use super::super::folder::{self, Folder};
use super::super::record::{LENGTH_MAX, RecordKind};
use super::super::verify::verify_folder;
use super::*;
use crate::event::input::EpochStart;
use crate::types::ids::{InstrumentId, SourceId};
use rand_core::{Rng, SeedableRng};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A journal's folder in memory.
#[derive(Clone, Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Memory {
    fn load(dir: &Path) -> Self {
        let mut files = BTreeMap::new();
        for sub in ["", "audit", "market"] {
            for entry in fs::read_dir(dir.join(sub)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    let name = entry.file_name().into_string().unwrap();
                    let name = if sub.is_empty() { name } else { format!("{sub}/{name}") };
                    files.insert(name, fs::read(entry.path()).unwrap());
                }
            }
        }
        Self(files)
    }

    fn check(&self) -> Verification {
        verify_folder(self, &[], &mut |_, _| {}).unwrap()
    }

    /// File and byte of the byte `at` of all files but the lock's, one behind the other.
    fn place(&self, mut at: usize) -> (String, usize) {
        for (name, bytes) in self.0.iter().filter(|(name, _)| *name != "lock") {
            if at < bytes.len() {
                return (name.clone(), at);
            }
            at -= bytes.len();
        }
        panic!("behind the last file")
    }

    fn bytes(&self) -> usize {
        self.0.iter().filter(|(name, _)| *name != "lock").map(|(_, bytes)| bytes.len()).sum()
    }

    fn flip(&mut self, file: &str, byte: usize, bit: usize) {
        self.0.get_mut(file).unwrap()[byte] ^= 1 << bit;
    }
}

impl Folder for Memory {
    fn names(&self, sub: &str) -> Result<Option<Vec<String>>, JournalError> {
        let prefix = if sub.is_empty() { String::new() } else { format!("{sub}/") };
        let names = self.0.keys().filter_map(|name| name.strip_prefix(&prefix)).filter(|name| !name.contains('/'));
        Ok(Some(names.map(str::to_owned).collect()))
    }

    fn read(&self, file: &str) -> Result<Option<Cow<'_, [u8]>>, JournalError> {
        Ok(self.0.get(file).map(|bytes| Cow::Borrowed(bytes.as_slice())))
    }

    fn bytes(&self, file: &str) -> u64 {
        self.0.get(file).map_or(0, |bytes| bytes.len() as u64)
    }

    fn has_records(&self, file: &str) -> bool {
        self.0.get(file).is_some_and(|bytes| folder::has_records(bytes))
    }
}

/// 10⁵ with optimisation, fewer without.
fn flips() -> usize {
    if cfg!(debug_assertions) { 5_000 } else { 100_000 }
}

/// An epoch as the host begins it: its configuration beside the journal, its hash in the record.
fn begin_epoch(dir: &Path, writer: &mut Writer, epoch: u64, sequence: u64) {
    let text = format!("[host]\nname = \"desk{epoch}\"\n");
    write_meta(dir, &config_name(epoch), text.as_bytes()).unwrap();
    writer.set_epoch(epoch);
    let start = EpochStart { epoch, config_hash: short_hash(text.as_bytes()), build_hash: [7; 16] };
    let mut slot = Slot::zeroed();
    slot.input = Input::new(InputKind::Epoch, SourceId::HOST, InstrumentId::NONE, 1, &start);
    slot.input.sequence = sequence;
    writer.append(&slot, &SlotDigest::of(&slot)).unwrap();
}

/// Two epochs, each closed, of some segments in each log.
fn two_epochs(dir: &Path, config: &Config) {
    let mut last = 0;
    for epoch in 1..=2 {
        let disk = std::sync::Arc::new(TestDisk::default());
        let (mut writer, _) = Writer::open_on(dir, config, 0, disk).unwrap();
        begin_epoch(dir, &mut writer, epoch, last + 1);
        for sequence in last + 2..=last + 60 {
            append(&mut writer, sequence, 9).unwrap();
        }
        last += 60;
        writer.close().unwrap();
    }
}

#[test]
fn every_flipped_bit_of_a_closed_journal_is_found_in_its_file_and_place() {
    let dir = tempfile::tempdir().unwrap();
    two_epochs(dir.path(), &config(8 << 10));
    let mut memory = Memory::load(dir.path());
    assert!(memory.check().is_clean(), "{:#?}", memory.check().findings);
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(super::damage::seed());
    let (bytes, begun) = (memory.bytes(), std::time::Instant::now());
    let mut by_heads = 0;
    for n in 0..flips() {
        let (file, byte) = memory.place(random.next_u64() as usize % bytes);
        let bit = random.next_u64() as usize % 8;
        memory.flip(&file, byte, bit);
        let found = memory.check();
        assert!(!found.is_clean(), "flip {n}: {file} byte {byte} bit {bit} was not found");
        // A record is at most so long; of a file beside the logs only the whole is known.
        let near = |f: &Finding| {
            let at = f.offset as usize;
            f.file == file && (f.segment == 0 || (at..at + LENGTH_MAX).contains(&byte))
        };
        if !found.findings.iter().any(near) {
            // A head that is still a head, but another one: the log and heads.json disagree, and the finding says so.
            let told = |f: &Finding| f.expected.contains("heads.json");
            assert!(
                file == "heads.json" && found.findings.iter().any(told),
                "{file} byte {byte}: {:#?}",
                found.findings
            );
            by_heads += 1;
        }
        memory.flip(&file, byte, bit);
    }
    assert!(memory.check().is_clean());
    println!(
        "{} single-bit flips over {bytes} bytes of a closed journal ({} files): all found in {:.1} s; {by_heads} of heads.json told as a head that its log does not have",
        flips(),
        memory.0.len() - 1,
        begun.elapsed().as_secs_f64()
    );
}

#[test]
fn every_flipped_bit_of_a_crashed_journal_is_found_or_told_as_torn() {
    let dir = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    two_epochs(home.path(), &config(8 << 10));
    let disk = std::sync::Arc::new(TestDisk::default());
    let (mut writer, _) = Writer::open_on(home.path(), &config(8 << 10), 0, disk).unwrap();
    begin_epoch(home.path(), &mut writer, 3, 121);
    for sequence in 122..=180 {
        append(&mut writer, sequence, 9).unwrap();
    }
    while writer.heads()[1].sequence < 179 {
        std::thread::yield_now();
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    copy(home.path(), dir.path());
    drop(writer);
    let mut memory = Memory::load(dir.path());
    let whole = memory.check();
    assert!(whole.is_clean() && whole.torn_bytes == 0, "{whole:#?}");
    let unused = memory.0.iter().filter(|(name, bytes)| name.contains(".seg") && bytes.iter().all(|b| *b == 0)).count();
    assert!(unused >= 2, "segments made ahead");
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(super::damage::seed() + 1);
    let bytes = memory.bytes();
    let (mut in_zeros, mut torn) = (0, 0);
    for n in 0..flips() {
        let (file, byte) = memory.place(random.next_u64() as usize % bytes);
        let bit = random.next_u64() as usize % 8;
        let zeros = memory.0[&file][byte..].iter().all(|b| *b == 0) && file.contains(".seg");
        memory.flip(&file, byte, bit);
        let found = memory.check();
        in_zeros += usize::from(zeros);
        if found.is_clean() {
            // One bit where the next record would stand: what a writer that died in it may have left. It is told.
            assert!(zeros && found.torn_bytes > 0, "flip {n}: {file} byte {byte} bit {bit} was not found");
            assert!(found.torn_at.iter().all(|at| at.starts_with(&file)), "{file}: {:?}", found.torn_at);
            torn += 1;
        } else {
            let told = |f: &Finding| f.file == file || file == "heads.json" && f.expected.contains("heads.json");
            assert!(found.findings.iter().any(told), "{file} byte {byte}: {:#?}", found.findings);
        }
        memory.flip(&file, byte, bit);
    }
    println!(
        "{} single-bit flips over {bytes} bytes of a crashed journal: all told; {in_zeros} in zeros made ahead, of which {torn} as a torn record",
        flips()
    );
}

#[test]
fn a_flip_in_the_list_of_dropped_segments_is_found_but_for_counts_that_nothing_else_knows() {
    let dir = tempfile::tempdir().unwrap();
    two_epochs(dir.path(), &Config { retention_bytes_market: 9 << 10, ..config(8 << 10) });
    let mut memory = Memory::load(dir.path());
    assert!(memory.check().is_clean(), "{:#?}", memory.check().findings);
    let text = memory.0["dropped.jsonl"].clone();
    let (mut hidden, mut fields) = (0, BTreeMap::<String, usize>::new());
    for bit in 0..text.len() * 8 {
        memory.flip("dropped.jsonl", bit / 8, bit % 8);
        let found = memory.check();
        if found.is_clean() {
            let before = String::from_utf8_lossy(&text[..bit / 8]).into_owned();
            let field = before.rsplit(",\"").next().unwrap().split('"').next().unwrap().to_owned();
            let ended = before.ends_with('\n') || text[bit / 8] == b'\n';
            *fields.entry(if ended { "the last line's end".to_owned() } else { field }).or_default() += 1;
            hidden += 1;
        }
        memory.flip("dropped.jsonl", bit / 8, bit % 8);
    }
    println!("dropped.jsonl: {} bits, {hidden} not found: {fields:?}", text.len() * 8);
    for field in fields.keys() {
        assert!(["first", "records", "last", "hash"].contains(&field.as_str()), "{fields:?}");
    }
    assert!(hidden * 3 < text.len() * 8, "most of it is covered");
}

#[test]
fn flips_in_the_middle_of_an_open_segment_are_never_taken_for_a_torn_tail() {
    use super::super::recovery::LogState;
    use super::super::scan::scan_open;
    let dir = tempfile::tempdir().unwrap();
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(super::damage::seed() + 2);
    for chained in [true, false] {
        let sub = dir.path().join(chained.to_string());
        crashed(&sub, 16 << 10, 60, u64::MAX, chained);
        let bytes = fs::read(sub.join(segment_name(Log::Market, 1))).unwrap();
        let state = LogState { log: Log::Market, next: 1, hash: [0; 32], last: 0, epoch: 0, sealed: Vec::new() };
        let scan = |bytes: &[u8]| scan_open(Path::new("x.seg"), bytes.to_vec(), 1, &state, 0);
        let whole = scan(&bytes).unwrap();
        assert_eq!((whole.torn, whole.sealed.unwrap().records), (0, 60));
        // Up to the last record, which might as well be one that the writer died in.
        let last = bytes.chunks(32).rposition(|c| c[4] == RecordKind::Market.code() && c[5] == 1).unwrap() * 32 - 32;
        for n in 0..flips() / 2 {
            let bit = random.next_u64() as usize % (last * 8);
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let outcome = scan(&flipped);
            assert!(matches!(outcome, Err(JournalError::Corrupt { .. })), "flip {n}, bit {bit}, chained {chained}");
        }
    }
    println!("{} single-bit flips in the middle of open segments: a start refused each, and cut nothing off", flips());
}
