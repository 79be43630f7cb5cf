//! Figures by quarter of an hour, folded from the event line (docs/figures.md): every definition, from counts that merge.
//!
//! [`Fold`] takes facts and says what they change ([`Changes`]); changes merge, so that the figures of a day, a month or of all
//! queues are the sum of their quarters, and a fold that goes on from a kept state gives what one from the beginning gives.
//! [`FIGURES`] names each formula over the counts; percentages are made there and nowhere before. An entry of a queue
//! belongs to the quarter in which it entered; an agent's time is split where quarters meet.
//!
//! Instants label, durations come from the monotonic clock: a step of the wall clock moves labels and changes no sum.

mod adherence;
mod audit;
mod contact;
mod cost;
mod entry;
mod fold;
mod formula;
mod law;
mod offered;
mod quarter;
mod shift;
mod tally;

pub use adherence::{Adherence, Due, adherence};
pub use audit::{Audited, CALLS_NAMED_MAX, Difference, Identity, Recorded, audit};
pub use contact::{Contact, Judged, Repeats, Windows, is_settled, judge, judge_each};
pub use cost::{of_hours, share_out};
pub use entry::Entry;
pub use fold::{CALLS_MAX, Call, Changes, Fold, KEPT, KEPT_ALONE, KpiTerms, NumberRange, Period, Sizes};
pub use formula::{DEFINED, FIGURES, Figure, Genesys, Value, figure, level_genesys};
pub use law::{LAW_PER_MILLE, LAW_WITHIN_MS, Law, law};
pub use offered::Offered;
pub use quarter::{By, QUARTER_S, Quarter, Zone};
pub use shift::{AGENT_FIGURES, AgentFigure, AgentTally, SILENT, Times, Unheard};
pub use tally::{Counts, Key, Purse, PurseKey, Tally};

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod silence_tests;
#[cfg(test)]
mod tests;
