//! Hot: tests.
