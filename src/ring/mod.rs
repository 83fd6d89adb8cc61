//! Hot: sequences, barriers, the ring, SPSC queues and wait strategies. Knows no event.
