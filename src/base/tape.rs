//! How taking down what somebody says came to its end.

use serde::{Deserialize, Serialize};

/// Why a tape ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TapeEnd {
    /// It was as long as it may be.
    Longest,
    /// Nothing was said for long enough.
    Silence,
    /// We said so.
    Told,
    /// The session was closed: he hung up.
    Closed,
    /// It could not be written.
    Failed,
}
