//! The call record: one row stream per call, folded from the event line.

use serde::{Deserialize, Serialize};
use turno_base::CallId;

/// One row of the record log. Key: (call, seq of the call).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which call.
    pub call: CallId,
}
