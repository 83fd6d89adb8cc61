//! Edge: the seven agents of a host, by the roster's names. An agent's id is `{host}.{name}`.

/// Watches all agents.
pub const SUPERVISOR: &str = "supervisor";
/// Watches the record.
pub const COMPLIANCE: &str = "compliance";

/// The five stages in the order of the data, and the two that look after them.
pub const NAMES: [&str; 7] = ["market-data", "feature", "signal", "risk", "execution", SUPERVISOR, COMPLIANCE];
