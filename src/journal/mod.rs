//! Edge: the record of everything: segments on local disk, a hash chain, recovery, verify.
