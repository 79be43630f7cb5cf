//! A message, whole: by overflow, from a queue, with a record.

use std::time::Duration;

use turno_acd::Overflow;
use turno_base::Outcome;
use turno_base::fact::Segment;
use turno_call::Mailbox;

use super::world::{Habit, Weather, World, config, name};
use crate::Mail;

#[test]
fn a_caller_whom_the_queue_does_not_keep_leaves_a_message_under_his_calls_id() {
    let mut config = config(0);
    let queue = config.acd.queues.get_mut(&name("faults")).unwrap();
    queue.wait_limit = Duration::from_secs(5);
    queue.on_wait = Overflow::Voicemail(name("box"));
    let mailbox = Mailbox {
        prompts: vec![name("leave-a-message")],
        longest: Duration::from_secs(60),
        silence: Duration::from_secs(4),
        least: Duration::from_secs(1),
    };
    config.call.mailboxes.insert(name("box"), mailbox);
    let mut world = World::open_with(config, 0, Habit::Answers(500), Weather::default(), 1);
    world.call("+34612045118");
    world.run(30_000);
    let record = &world.records[0];
    let Some(Mail::Open { call, message, .. }) = world.mail.first() else { panic!("{:?}", world.mail) };
    assert_eq!((*call, message.from.raw.as_str()), (record.call, "+34612045118"));
    assert_eq!(message.queue.map(|queue| queue.to_string()).as_deref(), Some("faults"));
    assert_eq!(world.mail.get(1..), Some(&[Mail::Done { call: *call }][..]), "once");
    let stages: Vec<Segment> = record.legs[0].stages.iter().map(|stage| stage.segment).collect();
    assert_eq!(stages, [Segment::Queue(name("faults")), Segment::Voicemail]);
    assert_eq!(record.outcome, Outcome::NoAnswer);
    world.run(60_000);
    world.assert_drained();
}
