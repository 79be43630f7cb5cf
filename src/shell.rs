//! Everything that touches the world: sockets, clock, entropy, disk, signals, and the one loop that owns the engine.
//!
//! One thread at a time runs the engine ([`run`], [`turns`]); others only bring it inputs through the [`inbox`] or carry out its effects. UDP
//! has plain threads, because a task per datagram costs more than reading it; streams, HTTP, DNS and the control socket
//! live on a tokio runtime that the engine never waits for.

pub mod again;
pub mod asker;
pub mod audit;
pub mod authorities;
pub mod backup;
pub mod board;
pub mod clock;
pub mod config;
pub mod customers;
pub mod dns;
pub mod doctor;
pub mod entropy;
pub mod event;
pub mod figures;
pub mod host;
pub mod inbox;
pub mod instant;
pub mod journal;
pub mod line;
pub mod lint;
pub mod live;
pub(crate) mod lock;
pub mod logs;
pub mod media;
pub mod metrics;
pub mod net;
pub mod outside;
pub mod ping;
pub mod post;
pub mod redact;
pub mod reload;
pub mod report;
pub mod run;
pub mod signals;
pub mod store;
pub mod story;
pub mod systemd;
pub mod tap;
pub mod turns;
pub mod voicemail;
