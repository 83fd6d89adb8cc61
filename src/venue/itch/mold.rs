//! Hot: MoldUDP64 1.0: numbered messages in UDP packets.
//!
//! Source: Nasdaq MoldUDP64 specification. A packet is session (10 bytes, ASCII), sequence number of its first message
//! (8, big-endian), message count (2), then so many blocks of length (2) and message. Count 0 is a heartbeat whose
//! sequence is the next expected one; count 0xFFFF ends the session.

use super::message::{be16, be64};

/// Bytes of the packet's header.
pub const HEADER_BYTES: usize = 20;
/// The message count that means "end of session".
pub const END_OF_SESSION: u16 = 0xFFFF;

/// Why a packet is not MoldUDP64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoldError {
    /// Shorter than its header.
    #[error("shorter than the 20 bytes of a MoldUDP64 header")]
    TooShort,
    /// The session is not ASCII text.
    #[error("the first 10 bytes are no session name")]
    Session,
    /// The blocks do not end where the packet ends.
    #[error("the message blocks do not fill the packet exactly")]
    Blocks,
}

/// One packet, checked: its blocks fill it exactly.
#[derive(Clone, Copy, Debug)]
pub struct MoldPacket<'a> {
    /// Name of the session, padded with spaces.
    pub session: [u8; 10],
    /// Number of the first message, from 1; of a heartbeat, the next expected one. 0, which no server sends, stands in
    /// captures that were made anonymous: then the messages have no numbers.
    pub sequence: u64,
    /// Messages in the packet; 0 for heartbeats and the end of the session.
    pub count: u16,
    /// Whether the session is over.
    pub end_of_session: bool,
    blocks: &'a [u8],
}

impl<'a> MoldPacket<'a> {
    /// Reads the UDP payload `bytes`.
    ///
    /// # Errors
    /// [`MoldError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MoldError> {
        let (Some(session), Some(blocks)) = (bytes.first_chunk::<10>(), bytes.get(HEADER_BYTES..)) else {
            return Err(MoldError::TooShort);
        };
        // Captures that were made anonymous have zeros instead of the session.
        let blank = *session == [0; 10];
        if !blank && !session.iter().all(|&b| b == b' ' || b.is_ascii_alphanumeric()) {
            return Err(MoldError::Session);
        }
        let count = be16(bytes, 18);
        let end_of_session = count == END_OF_SESSION;
        let count = if end_of_session { 0 } else { count };
        let packet = Self { session: *session, sequence: be64(bytes, 10), count, end_of_session, blocks };
        let mut messages = packet.messages();
        let found = messages.by_ref().count();
        // Ethernet pads short packets, but UDP has a length of its own, so nothing may be left over.
        if found != usize::from(count) || !messages.rest.is_empty() {
            return Err(MoldError::Blocks);
        }
        Ok(packet)
    }

    /// The messages, without their lengths, in order.
    pub fn messages(&self) -> MoldMessages<'a> {
        MoldMessages { rest: self.blocks, left: self.count }
    }
}

/// The messages of one packet.
#[derive(Clone, Debug)]
pub struct MoldMessages<'a> {
    rest: &'a [u8],
    left: u16,
}

impl<'a> Iterator for MoldMessages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        let (length, rest) = self.rest.split_first_chunk::<2>()?;
        let (message, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.rest = rest;
        self.left -= 1;
        Some(message)
    }
}

/// What a packet is in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Missing messages `[from, to)` in front of this packet.
    pub gap: Option<(u64, u64)>,
    /// How many of its messages, from its first, were seen before.
    pub duplicates: u16,
    /// It begins another session than the packet before: numbers start anew, and so does the day.
    pub new_session: bool,
}

/// Follows the sequence numbers of one feed.
#[derive(Clone, Copy, Debug, Default)]
pub struct MoldTracker {
    session: [u8; 10],
    expected: Option<u64>,
}

impl MoldTracker {
    /// A tracker that has seen nothing: the first packet may start at any number.
    pub const fn new() -> Self {
        Self { session: [0; 10], expected: None }
    }

    /// Places `packet`, and expects what follows it.
    ///
    /// A packet far behind (every message seen before, or numbers that end beyond 64 bits) is all duplicate. Packets
    /// are taken in the order in which they come: there is no waiting for the other line of an A/B pair.
    /// Packets without numbers (0) are taken as they are: neither gaps nor repeats can be seen.
    pub fn arrive(&mut self, packet: &MoldPacket<'_>) -> Arrival {
        if packet.sequence == 0 {
            return Arrival { gap: None, duplicates: 0, new_session: false };
        }
        let new_session = self.session != packet.session;
        let first = self.expected.is_none();
        if new_session {
            self.session = packet.session;
            self.expected = None;
        }
        let expected = self.expected.unwrap_or(packet.sequence);
        let Some(end) = packet.sequence.checked_add(u64::from(packet.count)) else {
            return Arrival { gap: None, duplicates: packet.count, new_session: new_session && !first };
        };
        let gap = (packet.sequence > expected).then_some((expected, packet.sequence));
        let behind = expected.saturating_sub(packet.sequence).min(u64::from(packet.count));
        self.expected = Some(end.max(expected));
        Arrival { gap, duplicates: behind as u16, new_session: new_session && !first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(session: &[u8; 10], sequence: u64, messages: &[&[u8]]) -> Vec<u8> {
        let mut bytes = session.to_vec();
        bytes.extend(sequence.to_be_bytes());
        bytes.extend((messages.len() as u16).to_be_bytes());
        for message in messages {
            bytes.extend((message.len() as u16).to_be_bytes());
            bytes.extend(*message);
        }
        bytes
    }

    fn arrivals(packets: &[(&[u8; 10], u64, usize)]) -> Vec<Arrival> {
        let mut tracker = MoldTracker::new();
        packets
            .iter()
            .map(|&(session, sequence, count)| {
                let bytes = packet(session, sequence, &vec![b"x".as_slice(); count]);
                tracker.arrive(&MoldPacket::parse(&bytes).unwrap())
            })
            .collect()
    }

    #[test]
    fn reads_blocks_and_refuses_what_is_not_mold() {
        let bytes = packet(b"000010059B", 7, &[b"abc", b"", b"de"]);
        let read = MoldPacket::parse(&bytes).unwrap();
        assert_eq!((read.sequence, read.count), (7, 3));
        assert_eq!(read.messages().collect::<Vec<_>>(), [b"abc".as_slice(), b"", b"de"]);
        assert_eq!(MoldPacket::parse(&bytes[..19]).unwrap_err(), MoldError::TooShort);
        assert_eq!(MoldPacket::parse(&bytes[..bytes.len() - 1]).unwrap_err(), MoldError::Blocks);
        assert_eq!(MoldPacket::parse(&[bytes.as_slice(), &[0]].concat()).unwrap_err(), MoldError::Blocks);
        assert_eq!(MoldPacket::parse(&[1; 40]).unwrap_err(), MoldError::Session);
        let mut end = packet(b"S         ", 9, &[]);
        end[18..20].fill(0xFF);
        assert!(MoldPacket::parse(&end).unwrap().end_of_session);
    }

    #[test]
    fn jumps_and_repeats_are_seen() {
        const A: &[u8; 10] = b"A         ";
        const B: &[u8; 10] = b"B         ";
        let plain = Arrival { gap: None, duplicates: 0, new_session: false };
        // 1..4, a jump over 4, a heartbeat, an overlap of one, a full repeat, a heartbeat that shows a loss.
        assert_eq!(
            arrivals(&[(A, 1, 3), (A, 5, 2), (A, 7, 0), (A, 6, 2), (A, 1, 3), (A, 9, 0), (A, 9, 1)]),
            [
                plain,
                Arrival { gap: Some((4, 5)), ..plain },
                plain,
                Arrival { duplicates: 1, ..plain },
                Arrival { duplicates: 3, ..plain },
                Arrival { gap: Some((8, 9)), ..plain },
                plain,
            ]
        );
        assert_eq!(
            arrivals(&[(A, 100, 1), (B, 1, 1), (B, 2, 1)]),
            [plain, Arrival { new_session: true, ..plain }, plain]
        );
        assert_eq!(arrivals(&[(A, 0, 1), (A, 0, 1), (A, 7, 1)]), [plain; 3], "anonymous packets have no numbers");
        assert_eq!(arrivals(&[(A, u64::MAX, 2), (A, 1, 1)])[0].duplicates, 2, "numbers beyond 64 bits");
    }
}
