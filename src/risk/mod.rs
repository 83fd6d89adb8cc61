//! Hot: the risk stage: sizing, the table of checks, positions and P&L.
