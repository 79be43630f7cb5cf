//! KPI folds over the event line (docs/figures.md): what a wallboard shows and what reports add up.
//!
//! Only integers, but for the estimates of [`erlang`]: numerators, denominators and histograms, which merge; a percentage is
//! made at the very end, from counts. [`Figures`] is what the wallboard counts today; [`kpi`] keeps every definition by quarter of an
//! hour, queue, segment and number type.

mod board;
pub mod erlang;
mod figures;
pub mod forecast;
mod histogram;
pub mod kpi;
mod view;

pub use board::{Board, CALLS_MAX, QueueTerms, Terms};
pub use figures::{Figures, per_mille};
pub use histogram::{Histogram, Scale, WAIT_BUCKETS_S, WORK_BUCKETS_S};
pub use view::{AgentRow, BoardView, Longest, QueueRow, SegmentRow, Totals};
