//! Edge: what people may ask of a bridge: to wait, to go on, to write its store again.

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeAction {
    /// Write nothing more until it is resumed, or the host starts again. The journal keeps all.
    Pause,
    /// Go on from where the store stands.
    Resume,
    /// Write the store again from as far back as is kept.
    Rebuild {
        /// Also if readers lose their place by it (consumer groups of the stream).
        force: bool,
    },
}

impl BridgeAction {
    /// Its name in paths and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Rebuild { .. } => "rebuild",
        }
    }
}

/// What is asked of a bridge, by whom and why. Not an input of the sequence: what a mirror does changes no decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeOrder {
    /// What.
    pub action: BridgeAction,
    /// Who.
    pub who: String,
    /// Under which ticket; may be empty.
    pub ticket: String,
    /// Why.
    pub reason: String,
    /// The number that who asked gave it: the same again has no second effect.
    pub request: Option<u64>,
}
