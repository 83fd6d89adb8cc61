//! Edge: assembly: every ring and thread on one page, the loops, pinning, the clock.
