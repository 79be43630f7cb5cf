//! The dialogs that records name are those that the parties had.

use turno_base::fact::DialogId;

use super::world::{Habit, Weather, World};

/// As the other side of it has them.
fn mirrored(dialog: &DialogId) -> DialogId {
    let DialogId { call_id, local_tag, remote_tag } = dialog.clone();
    DialogId { call_id, local_tag: remote_tag, remote_tag: local_tag }
}

#[test]
fn each_leg_of_a_record_is_named_as_its_party_has_it() {
    let mut world = World::open(1, Habit::Answers(1000), Weather::default(), 1);
    let leg = world.call("+34612045118");
    world.run(5000);
    world.hang_up(0, leg);
    world.run(60_000);
    let [record] = &world.records[..] else { panic!("one record: {:?}", world.records) };
    for (at, leg) in record.legs.iter().enumerate() {
        let named = DialogId {
            call_id: leg.sip_call_id.clone(),
            local_tag: leg.local_tag.clone(),
            remote_tag: leg.remote_tag.clone(),
        };
        let his = world.named.iter().rfind(|(party, _)| *party == at).expect("he had a dialog");
        assert_eq!(named, mirrored(&his.1), "{leg:#?}");
        assert!(!named.local_tag.is_empty() && !named.remote_tag.is_empty(), "{leg:#?}");
    }
    assert_eq!(record.legs.len(), 2);
}
