//! The call record: one customer's call is one record, whatever happened inside it (docs/records.md).
//!
//! [`Builder`] folds the event line into rows for the append-only log: an open row at the arrival, interim rows with the facts
//! since, a close row with the whole priced [`Record`]. [`Recovery`] folds the rows of a log that ended in a crash by the
//! same rules and closes what was open. Wrap-up after the end of a call belongs to the agent's facts and is not here.

mod brief;
mod builder;
mod died;
pub mod format;
pub mod former;
mod leg;
mod record;
mod recovery;
mod verify;

pub use brief::Brief;
pub(crate) use brief::{BriefCharge, BriefLeg, Shown};
pub use builder::{Builder, INTERIM_EVERY, LEGS_MAX, OFFERS_MAX, PENDING_MAX, STAGES_MAX, STAYS_MAX, Sizes};
pub use record::{CallingBack, Charge, Cost, Direction, Leg, Offer, Purpose, Record, Stage, Stay, Wrap};
pub use recovery::{Recovery, recover};
pub use verify::{Flaw, verify};

use serde::{Deserialize, Serialize};
use turno_base::{CallId, Fact, Now};

/// One row of the record log. Key: (call, seq).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which call.
    pub call: CallId,
    /// Ascending by one within the call, from 0.
    pub seq: u32,
    /// When it was written: proof that the call was alive.
    pub at: Now,
    /// What it says.
    pub kind: Kind,
}

impl Row {
    /// Of this call and this very instant.
    fn is_of(&self, call: CallId, at: Now) -> bool {
        self.call == call && self.at == at
    }
}

/// What a row says. Open and interim rows carry facts, so that recovery is the same fold as life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The call arrived. Durable before its 200 OK leaves.
    Open(Vec<Fact>),
    /// The facts since the row before; none: only a proof of life.
    Interim(Vec<Fact>),
    /// The call is over. Durable before any consumer sees it.
    Close(Box<Record>),
}

#[cfg(test)]
mod tests;
