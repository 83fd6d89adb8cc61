//! Hot: wiring a ring: the producer, the lanes after it as a graph, and who writes which section. All that can be wrong
//! with a ring is found here, at start.

use super::error::RingError;
use super::lane::{Lane, Producer, Window};
use super::memory::Slots;
use super::section::{SECTIONS_MAX, SectionSpec};
use super::sequence::{Cursor, Gates, Sequence};
use super::slot::Access;
use super::sync::Arc;
use bytemuck::Pod;
use core::alloc::Layout;
use core::any::{TypeId, type_name};
use core::fmt;
use core::marker::PhantomData;

/// The highest first sequence: far enough from the end of `u64` that no sequence ever wraps.
pub const FIRST_SEQUENCE_MAX: u64 = 1 << 62;

/// A lane of the builder that gave it out; the producer is one too, as the lane that others come after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(usize);

/// A lane as declared; the producer is the one that comes after nothing.
#[derive(Debug)]
struct Plan {
    name: String,
    after: Vec<LaneId>,
    writes: Vec<SectionSpec>,
    is_producer: bool,
}

/// The plan of a ring of `T`. Declare the producer, then lanes in the order of the data.
#[derive(Debug)]
pub struct RingBuilder<T> {
    capacity: u64,
    layout: Layout,
    first: u64,
    plans: Vec<Plan>,
    _slot: PhantomData<T>,
}

impl<T: Pod + Send + Sync> RingBuilder<T> {
    /// A ring of `capacity` slots, a power of two.
    ///
    /// # Errors
    ///
    /// If it is none, or the memory cannot be addressed.
    pub fn new(capacity: u64) -> Result<Self, RingError> {
        let slot_bytes = size_of::<T>();
        if !capacity.is_power_of_two() {
            return Err(RingError::NotPowerOfTwo { capacity });
        }
        let layout = usize::try_from(capacity)
            .ok()
            .filter(|_| u32::try_from(slot_bytes).is_ok())
            .and_then(Slots::<T>::layout)
            .ok_or(RingError::Size { capacity, slot_bytes })?;
        Ok(Self { capacity, layout, first: 1, plans: Vec::new(), _slot: PhantomData })
    }

    /// The sequence of the first slot, 1 if not set: after a restart, sequences continue.
    pub fn first_sequence(&mut self, first: u64) -> &mut Self {
        self.first = first;
        self
    }

    /// Declares the producer and the sections that it fills.
    pub fn producer(&mut self, name: &str, writes: &[SectionSpec]) -> LaneId {
        self.plan(name, &[], writes, true)
    }

    /// Declares a lane that takes a slot when all of `after` have completed it, and the sections that it writes
    /// (none for a reader such as a journal).
    pub fn lane(&mut self, name: &str, after: &[LaneId], writes: &[SectionSpec]) -> LaneId {
        self.plan(name, after, writes, false)
    }

    fn plan(&mut self, name: &str, after: &[LaneId], writes: &[SectionSpec], is_producer: bool) -> LaneId {
        let (name, after, writes) = (name.to_owned(), after.to_vec(), writes.to_vec());
        self.plans.push(Plan { name, after, writes, is_producer });
        LaneId(self.plans.len() - 1)
    }

    /// Checks the plan, allocates and touches the slots, and makes the handles.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with the plan.
    pub fn build(self) -> Result<Built<T>, RingError> {
        if self.first == 0 || self.first > FIRST_SEQUENCE_MAX {
            return Err(RingError::FirstSequence { first: self.first });
        }
        check_graph(&self.plans)?;
        let all = check_sections::<T>(&self.plans)?;

        let slots = Arc::new(Slots::new(self.capacity as usize, self.layout));
        let sequences: Vec<_> = self.plans.iter().map(|_| Arc::new(Sequence::new(self.first - 1))).collect();
        // The producer waits for the lanes that nobody comes after: the others are never behind those.
        let last: Vec<_> = (1..self.plans.len())
            .filter(|lane| !self.plans.iter().any(|plan| plan.after.contains(&LaneId(*lane))))
            .map(|lane| Arc::clone(&sequences[lane]))
            .collect();

        let mut readable: Vec<[u64; SECTIONS_MAX]> = Vec::new();
        let mut producer = None;
        let mut lanes = Vec::new();
        for (plan, own) in self.plans.iter().zip(&sequences) {
            let mut writable = [0; SECTIONS_MAX];
            for spec in &plan.writes {
                writable[spec.id as usize] = spec.key();
            }
            let mut reads = writable;
            for before in &plan.after {
                reads.iter_mut().zip(&readable[before.0]).for_each(|(read, upstream)| *read |= upstream);
            }
            readable.push(reads);
            let access = Access { readable: reads, writable, whole: reads == all, lane: plan.name.as_str().into() };
            let window = Window::new(&slots, self.capacity, access);
            if plan.is_producer {
                let gates = Gates::new(last.clone()).ok_or(RingError::NoLane)?;
                producer = Some(Producer::new(window, Arc::clone(own), gates));
                lanes.push(None);
            } else {
                let before = plan.after.iter().map(|lane| Arc::clone(&sequences[lane.0])).collect();
                let gates = Gates::new(before).ok_or_else(|| RingError::AfterNothing { name: plan.name.clone() })?;
                lanes.push(Some(Lane::new(window, Arc::clone(own), gates)));
            }
        }
        Ok(Built { producer, lanes, sequences })
    }
}

/// One producer, first; each lane after at least one earlier.
fn check_graph(plans: &[Plan]) -> Result<(), RingError> {
    let Some((first, lanes)) = plans.split_first() else { return Err(RingError::NoProducer) };
    if !first.is_producer {
        return Err(RingError::NoProducer);
    }
    if lanes.is_empty() {
        return Err(RingError::NoLane);
    }
    for (plan, number) in lanes.iter().zip(1..) {
        let name = || plan.name.clone();
        if plan.is_producer {
            return Err(RingError::SecondProducer { name: name() });
        }
        if plan.after.is_empty() {
            return Err(RingError::AfterNothing { name: name() });
        }
        if let Some(after) = plan.after.iter().find(|after| after.0 >= number) {
            return Err(RingError::UnknownLane { name: name(), after: after.0 });
        }
    }
    Ok(())
}

/// Every section within the slot, aligned, with one writer, an ID of its own, and bytes of its own. Returns the keys of
/// all of them by ID.
fn check_sections<T: Pod>(plans: &[Plan]) -> Result<[u64; SECTIONS_MAX], RingError> {
    let mut all = [0; SECTIONS_MAX];
    let mut seen: Vec<(&str, &SectionSpec)> = Vec::new();
    let slot_bytes = size_of::<T>();
    for (lane, spec) in plans.iter().flat_map(|plan| plan.writes.iter().map(|spec| (plan.name.as_str(), spec))) {
        let SectionSpec { id, offset, size, align, name: section, .. } = *spec;
        if spec.slot != TypeId::of::<T>() {
            return Err(RingError::ForeignSection { section, slot: type_name::<T>() });
        }
        if id as usize >= SECTIONS_MAX {
            return Err(RingError::IdRange { section, id });
        }
        if size == 0 {
            return Err(RingError::Empty { section });
        }
        if spec.end().is_none_or(|end| end > slot_bytes) {
            return Err(RingError::OutOfSlot { section, offset, size, slot_bytes });
        }
        if offset % align != 0 || align > align_of::<T>() {
            return Err(RingError::Misaligned { section, offset, align });
        }
        for &(writer, other) in &seen {
            if other.section == spec.section {
                return Err(RingError::TwoWriters { section, first: writer.into(), second: lane.into() });
            }
            if other.id == id {
                return Err(RingError::SameId { first: other.name, second: section, id });
            }
            if other.overlaps(spec) {
                return Err(RingError::Overlap { first: other.name, second: section });
            }
        }
        seen.push((lane, spec));
        all[id as usize] = spec.key();
    }
    Ok(all)
}

/// A ring with its handles, to be taken by the threads that will own them. Every lane must be taken and run: the ring
/// stops when one does not move.
pub struct Built<T> {
    producer: Option<Producer<T>>,
    lanes: Vec<Option<Lane<T>>>,
    sequences: Vec<Arc<Sequence>>,
}

impl<T> Built<T> {
    /// The producer.
    ///
    /// # Panics
    ///
    /// When asked a second time.
    pub fn take_producer(&mut self) -> Producer<T> {
        self.producer.take().expect("wiring: the producer was taken before")
    }

    /// A lane; `None` if it was taken before, or if `id` is the producer's or another ring's.
    pub fn take_lane(&mut self, id: LaneId) -> Option<Lane<T>> {
        self.lanes.get_mut(id.0)?.take()
    }

    /// Progress of a lane, or of the producer (slots published).
    ///
    /// # Panics
    ///
    /// If `id` is another ring's and out of range.
    pub fn cursor(&self, id: LaneId) -> Cursor {
        Cursor::new(&self.sequences[id.0])
    }
}

impl<T> fmt::Debug for Built<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built").field("producer", &self.producer).field("lanes", &self.lanes).finish_non_exhaustive()
    }
}
