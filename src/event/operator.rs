//! Hot: what people and agents want of the host, as an input: with who, why and under which ticket, so that the journal tells
//! it and a replay does it again.

use super::input::{Input, InputKind};
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::price::Qty;
use crate::types::time::{NO_TIME, UnixNanos};
use bytemuck::{Pod, Zeroable};

crate::code_enum! {
    /// What is wanted.
    pub enum OperatorAction {
        /// The trading state of a scope: `state`.
        SetState = 1, "set_state";
        /// A limit of a scope: `limit` (the check's stored number), from `old` to `new` in the check's own unit.
        SetLimit = 2, "set_limit";
        /// Orders that the repeated-execution throttle stopped may go on.
        Reenable = 3, "reenable";
        /// Close what the scope holds, also while halted. Reduces only.
        Flatten = 4, "flatten";
        /// No new risk in the instrument (restricted list).
        Restrict = 5, "restrict";
        /// The instrument is no longer restricted.
        Unrestrict = 6, "unrestrict";
        /// A circuit breaker of the scope closes again.
        ResetBreaker = 7, "reset_breaker";
        /// A wanted position: `new` in quantity units, until `until`.
        Target = 8, "target";
        /// Cancel what works in the scope.
        CancelAll = 9, "cancel_all";
        /// Two people enabled LIVE until `until`: `who` approved, the record's SHA-256 is in `old` and `new`.
        Enable = 10, "enable";
        /// LIVE is enabled no longer: revoked by `who`, or ended by the host; the record as with `Enable`.
        Revoke = 11, "revoke";
        // ---- For the record: what follows from these acts by itself, and stands in gate changes and states beside them ----
        /// The kill switch of the scope was latched.
        Kill = 12, "kill";
        /// It was released.
        Release = 13, "release";
        /// Somebody took execution out of DEGRADED or ERROR.
        Recover = 14, "recover";
        /// Somebody asked the host to end.
        Stop = 15, "stop";
    }
}

crate::code_enum! {
    /// What a command is about.
    pub enum Scope {
        /// The whole host.
        Host = 1, "host";
        /// All instruments of the venue kind `scope_id` (code of a `VenueKind`).
        Venue = 2, "venue";
        /// The input's instrument.
        Instrument = 3, "instrument";
        /// The strategy `scope_id` (0 = the ensemble of this host).
        Strategy = 4, "strategy";
    }
}

crate::code_enum! {
    /// What a scope may do.
    pub enum ScopeState {
        /// Trade.
        Active = 1, "active";
        /// Only make positions smaller.
        Reducing = 2, "reducing";
        /// Only cancel; and flatten, where an operator asks for it.
        Halted = 3, "halted";
    }
}

/// Bytes of a person's or agent's name.
pub const WHO_BYTES: usize = 48;
/// Bytes of a ticket's name.
pub const TICKET_BYTES: usize = 32;
/// In `limit` of a [`OperatorAction::SetState`]: the state is only made stricter, never looser. What a program wants must not lift
/// what a person set, whatever was set in between.
pub const STRICTER: u8 = 1;
/// Bytes of a trace; longer ones are refused at the edge, never cut.
pub const TRACE_BYTES: usize = 56;
/// Bytes of a reason.
pub const REASON_BYTES: usize = 128;

/// Payload of [`InputKind::Operator`]. The input's instrument says which one where the scope is `Instrument`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct OperatorCommand {
    /// What a limit was, as far as who asked knew; 0 if unknown. See [`OperatorCommand::record`] for the other use.
    pub old: i128,
    /// What it is to be; a wanted position in quantity units.
    pub new: i128,
    /// How long it holds; `NO_TIME` = until it is changed.
    pub until: UnixNanos,
    /// Number of the request, so that a repeat is known; 0 = none.
    pub request: u64,
    /// See [`Scope`]: venue kind or strategy.
    pub scope_id: u32,
    /// Code of an [`OperatorAction`].
    pub action: u8,
    /// Code of a [`Scope`].
    pub scope: u8,
    /// Code of a [`ScopeState`]; 0 where there is none.
    pub state: u8,
    /// Stored number of a risk check; 0 where there is none.
    pub limit: u8,
    /// Who wants it: UTF-8, zero behind.
    pub who: [u8; WHO_BYTES],
    /// Under which ticket: UTF-8, zero behind; may be empty.
    pub ticket: [u8; TICKET_BYTES],
    /// Why: UTF-8, zero behind.
    pub reason: [u8; REASON_BYTES],
    /// The trace of who asked, if they gave one: UTF-8, zero behind. The orders that follow carry it.
    pub trace: [u8; TRACE_BYTES],
}

/// `text` cut to `N` bytes at a character's end.
pub(super) fn fixed<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let end = text.floor_char_boundary(N);
    bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
    bytes
}

/// The text in front of the zeros; what is no UTF-8 (a damaged disk) is shown as such.
pub(super) fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end])
}

impl OperatorCommand {
    /// A command of `who`, for the reason `why`; texts are cut to their room.
    pub fn new(action: OperatorAction, scope: Scope, who: &str, why: &str) -> Self {
        Self {
            until: NO_TIME,
            action: action.code(),
            scope: scope.code(),
            who: fixed(who),
            reason: fixed(why),
            ..Self::zeroed()
        }
    }

    /// The same, under a ticket.
    pub fn with_ticket(mut self, ticket: &str) -> Self {
        self.ticket = fixed(ticket);
        self
    }

    /// The same, under the trace of who asked; cut to its room.
    pub fn with_trace(mut self, trace: &str) -> Self {
        self.trace = fixed(trace);
        self
    }

    /// The same, about the enablement record with this SHA-256.
    pub fn with_record(mut self, sha256: &[u8; 32]) -> Self {
        let (old, new) = sha256.split_at(16);
        self.old = i128::from_be_bytes(old.try_into().unwrap_or_default());
        self.new = i128::from_be_bytes(new.try_into().unwrap_or_default());
        self
    }

    /// SHA-256 of the enablement record that an `Enable` or `Revoke` is about.
    pub fn record(&self) -> [u8; 32] {
        let mut sha256 = [0; 32];
        sha256[..16].copy_from_slice(&self.old.to_be_bytes());
        sha256[16..].copy_from_slice(&self.new.to_be_bytes());
        sha256
    }

    /// The command as an input; `instrument` is `NONE` unless the scope is one instrument.
    pub fn input(&self, instrument: InstrumentId, at: UnixNanos) -> Input {
        Input::new(InputKind::Operator, SourceId::COMMAND, instrument, at, self)
    }

    /// What is wanted; `None` for an unknown code.
    pub fn action(&self) -> Option<OperatorAction> {
        OperatorAction::from_code(self.action)
    }

    /// Of what; `None` for an unknown code.
    pub fn scope(&self) -> Option<Scope> {
        Scope::from_code(self.scope)
    }

    /// The state wanted; `None` where there is none.
    pub fn state(&self) -> Option<ScopeState> {
        ScopeState::from_code(self.state)
    }

    /// The wanted position.
    pub fn target(&self) -> Option<Qty> {
        i64::try_from(self.new).ok().map(Qty)
    }

    /// Who.
    pub fn who(&self) -> std::borrow::Cow<'_, str> {
        text(&self.who)
    }

    /// Under which ticket.
    pub fn ticket(&self) -> std::borrow::Cow<'_, str> {
        text(&self.ticket)
    }

    /// The trace of who asked; empty if they gave none.
    pub fn trace(&self) -> std::borrow::Cow<'_, str> {
        text(&self.trace)
    }

    /// Why.
    pub fn reason(&self) -> std::borrow::Cow<'_, str> {
        text(&self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_characters_and_come_back() {
        let command = OperatorCommand::new(OperatorAction::SetState, Scope::Host, &"é".repeat(40), "because")
            .with_ticket("OPS-1");
        assert_eq!(command.who(), "é".repeat(24));
        assert_eq!((command.ticket().as_ref(), command.reason().as_ref()), ("OPS-1", "because"));
        let input = command.input(InstrumentId::NONE, 7);
        let read: &OperatorCommand = input.payload();
        assert_eq!((read.action(), read.scope()), (Some(OperatorAction::SetState), Some(Scope::Host)));
        assert_eq!(read.state(), None);
    }

    #[test]
    fn a_record_hash_rides_in_the_two_values() {
        let hash: [u8; 32] = std::array::from_fn(|at| (at * 8) as u8 ^ 0x80);
        let command =
            OperatorCommand::new(OperatorAction::Enable, Scope::Host, "ada+bob", "because").with_record(&hash);
        let input = command.input(InstrumentId::NONE, 7);
        let read: &OperatorCommand = input.payload();
        assert_eq!((read.record(), read.action()), (hash, Some(OperatorAction::Enable)));
    }

    #[test]
    fn damaged_text_is_shown_not_trusted() {
        let mut command = OperatorCommand::new(OperatorAction::Flatten, Scope::Host, "", "");
        command.who = [0xff; WHO_BYTES];
        command.action = 200;
        assert!(command.who().starts_with('\u{fffd}'));
        assert_eq!(command.action(), None);
    }
}
