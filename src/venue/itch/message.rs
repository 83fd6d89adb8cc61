//! Hot: the 23 message types: their lengths, and reading numbers out of them without a panic.

/// Bytes that all messages have in front: type, stock locate, tracking number, time.
pub const HEADER_BYTES: usize = 11;

/// Type and total length in bytes (the type included) of every message of the specification.
pub const MESSAGE_LENGTHS: [(u8, usize); 23] = [
    (b'S', 12),
    (b'R', 39),
    (b'H', 25),
    (b'Y', 20),
    (b'L', 26),
    (b'V', 35),
    (b'W', 12),
    (b'K', 28),
    (b'J', 35),
    (b'h', 21),
    (b'A', 36),
    (b'F', 40),
    (b'E', 31),
    (b'C', 36),
    (b'X', 23),
    (b'D', 19),
    (b'U', 35),
    (b'P', 44),
    (b'Q', 40),
    (b'B', 19),
    (b'I', 50),
    (b'N', 20),
    (b'O', 48),
];

/// [`MESSAGE_LENGTHS`] by type; 0 = no such type.
const LENGTH_BY_TYPE: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < MESSAGE_LENGTHS.len() {
        table[MESSAGE_LENGTHS[i].0 as usize] = MESSAGE_LENGTHS[i].1 as u8;
        i += 1;
    }
    table
};

/// Length in bytes that the specification gives for messages of this type, or `None` for an unknown type.
#[inline]
pub fn specified_length(message_type: u8) -> Option<usize> {
    match LENGTH_BY_TYPE[message_type as usize] {
        0 => None,
        length => Some(length as usize),
    }
}

/// The `N` bytes at `at`, or zeros where the message ends: callers check the length of the message first, so the
/// zeros are never seen; they are there so that no input can panic.
#[inline]
pub(super) fn bytes<const N: usize>(message: &[u8], at: usize) -> [u8; N] {
    message.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}

/// One byte.
#[inline]
pub(super) fn byte(message: &[u8], at: usize) -> u8 {
    message.get(at).copied().unwrap_or(0)
}

/// A big-endian 16-bit number.
#[inline]
pub(super) fn be16(message: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes(message, at))
}

/// A big-endian 32-bit number.
#[inline]
pub(super) fn be32(message: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes(message, at))
}

/// A big-endian 64-bit number.
#[inline]
pub(super) fn be64(message: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes(message, at))
}

/// The message's time in nanoseconds since midnight in New York (48 bits), or `None` if it is shorter than its header.
#[inline]
pub fn nanos_since_midnight(message: &[u8]) -> Option<i64> {
    let time: [u8; 6] = message.get(5..HEADER_BYTES)?.first_chunk::<6>().copied()?;
    Some(i64::from_be_bytes([0, 0, time[0], time[1], time[2], time[3], time[4], time[5]]))
}

/// A stock symbol without its padding.
#[inline]
pub(super) fn trimmed(stock: &[u8; 8]) -> &[u8] {
    let end = stock.iter().rposition(|&b| b != b' ').map_or(0, |last| last + 1);
    &stock[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_specifications() {
        assert_eq!(MESSAGE_LENGTHS.iter().map(|&(_, length)| length).sum::<usize>(), 694);
        assert_eq!((0..=255).filter(|&t| specified_length(t).is_some()).count(), 23, "no type twice");
        assert_eq!(specified_length(b'A'), Some(36));
        assert_eq!(specified_length(b'h'), Some(21));
        assert_eq!(specified_length(b'a'), None);
    }

    #[test]
    fn time_has_48_bits() {
        let mut message = [0xFF; 12];
        message[5..11].copy_from_slice(&[0x1F, 0x1A, 0xCE, 0xD9, 0xF0, 0x00]);
        assert_eq!(nanos_since_midnight(&message), Some(34_200_000_000_000), "09:30:00");
        assert_eq!(nanos_since_midnight(&message[..10]), None);
        assert_eq!(nanos_since_midnight(&[0xFF; 11]), Some((1 << 48) - 1));
    }

    #[test]
    fn reading_beyond_the_end_gives_zero() {
        assert_eq!(be64(&[1, 2, 3], 0), 0);
        assert_eq!(be32(&[0, 0, 0, 9], 0), 9);
        assert_eq!(be16(&[0, 0], usize::MAX), 0);
        assert_eq!(trimmed(b"META    "), b"META");
        assert_eq!(trimmed(b"        "), b"");
    }
}
