//! A process that was killed and starts again with the state it had (reliability C1, C3, C4, C5), and faults of ours (P5).

use super::world::{Habit, Weather, World};
