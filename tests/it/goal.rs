//! When a figure is held to its goal, and what bounds it elsewhere.

use std::time::Duration;

use super::rig::SOON;

/// Most that something may take: `most` where a whole row of docs/reliability.md is run, on a machine of its own, for which `row`
/// is set (`scripts/full`); beside other tests only what a hang exceeds.
pub(crate) fn goal(row: &str, most: Duration) -> Duration {
    if std::env::var_os(row).is_some() { most } else { SOON }
}
