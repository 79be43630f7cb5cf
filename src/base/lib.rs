//! Nouns that two or more rooms share: time, ids, numbers, money, the event line.
//!
//! Nothing here decides anything: a type lives in `base` when a second room needs it, and a function that branches
//! on business facts never does. Everything is plain data, ordered, serialisable and free of clocks and dice.

pub mod bytes;
pub mod cause;
pub mod fact;
pub mod id;
pub mod limits;
pub mod money;
pub mod name;
pub mod need;
pub mod number;
pub mod redacted;
pub mod seeded;
pub mod stream;
pub mod tape;
pub mod time;

pub use cause::{Cause, EndedBy, Outcome, Reason};
pub use fact::Fact;
pub use fact::Quality;
pub use id::{AgentId, CallId, ItemId, LegId, PromptId, QueueId, SegmentId, SkillId, StationId, TrunkId};
pub use money::{Currency, Money};
pub use name::Name;
pub use need::Need;
pub use number::{E164, Number};
pub use redacted::Redacted;
pub use seeded::Seeded;
pub use stream::{Codec, Direction, StreamAgreement};
pub use tape::TapeEnd;
pub use time::{Mono, Now, Wall};
