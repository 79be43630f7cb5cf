//! KPI folds over the event line (spec/kpi.md): what a wallboard shows and what reports add up.
//!
//! Only integers, but for the estimates of [`erlang`]: numerators, denominators and histograms, which merge; a percentage is
//! made at the very end, from counts. [`Figures`] is the unit that merges: today's of a queue here, those of a quarter of an
//! hour, queue and segment when intervals are kept.

mod board;
pub mod erlang;
mod figures;
pub mod forecast;
mod histogram;
mod view;

pub use board::{Board, CALLS_MAX, QueueTerms, Terms};
pub use figures::{Figures, per_mille};
pub use histogram::{Histogram, Scale, WAIT_BUCKETS_S, WORK_BUCKETS_S};
pub use view::{AgentRow, BoardView, Longest, QueueRow, SegmentRow, Totals};
