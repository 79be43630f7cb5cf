//! Who calls: portfolio, number look-up, import.

use serde::{Deserialize, Serialize};

/// Customers by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {}
