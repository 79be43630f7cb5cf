//! Calls that are placed for somebody: his station first, then whom he wants.

use expect_test::expect;
use turno_base::{Now, StationId};

use super::script::{Run, config, name, run};
use crate::{PLACE_NUMBER_CHARS_MAX, PlaceRefusal};

#[test]
fn his_station_rings_first_and_the_number_once_he_has_answered() {
    expect![[r#"
        0      * c1 arrived s1 to 600
               c1 record
               * c1 b1 began 600 to s1 Agent(anna, s1)
               s1 has 1
               b1 dial s1 from 600 like none
               * c1 b1 in ring anna
        1000   * c1 b1 rings
        3000   * c1 b1 answered
               * c1 b2 began s1 to 600 Outside(t1)
               b2 dial 600 by t1 from s1 like b1
               * c1 b1 in ivr
               * c1 b2 in ivr
               b1 hears ringback
        4000   * c1 b2 rings
        9000   * c1 b2 answered
               * c1 b1 in talk anna
               * c1 b2 in talk anna
               b1 hears b2 and is heard
        60000  * c1 b1 ended 200/16 peer by Caller
               s1 has 0
               b2 end 200/16 normal
        60001  * c1 b2 ended 200/16 normal by Caller
        60002  * c1 b1 figures
               * c1 b2 figures
               * c1 ended answered by Caller
    "#]]
    .assert_eq(&run("0 place s1 600
         3 recorded c1
         1000 b1 ringing
         3000 b1 answered
         4000 b2 ringing
         9000 b2 answered
         60000 b1 bye
         60001 b2 ended
         60002 b1 figures
         60002 b2 figures"));
}

#[test]
fn a_queue_can_be_called_so_as_well() {
    expect![[r#"
        0      * c1 arrived s3 to 70
               c1 record
               * c1 b1 began 70 to s3 Station(s3)
               s3 has 1
               b1 dial s3 from 70 like none
               * c1 b1 in ivr
        3000   * c1 b1 answered
               c1 look up s3
               b1 hears hold looped
        3001   * c1 known gold
               c1 acd: enter sales Anyone gold 4000 unknown credit 0
    "#]]
    .assert_eq(&run("0 place s3 70
         3 recorded c1
         3000 b1 answered
         3001 known c1"));
}

#[test]
fn who_does_not_answer_himself_calls_nobody() {
    for (script, said) in [
        (
            "2000 b1 refused 486",
            expect![[r#"
            2000   * c1 b1 ended 486/0 peer by Caller
                   s1 has 0
        "#]],
        ),
        (
            "30001 b1 ended",
            expect![[r#"
            30000  b1 end 487/19 ring-limit
            30001  * c1 b1 ended 200/16 normal by Us
                   s1 has 0
        "#]],
        ),
        (
            "2000 hang-up c1",
            expect![[r#"
            2000   b1 end 487/31 operator
        "#]],
        ),
    ] {
        said.assert_eq(&run(&format!("0 place s1 600\n3 recorded c1\n1000 b1 ringing\n--\n{script}")));
    }
}

#[test]
fn what_cannot_come_to_a_call_is_refused_before_anything_rings() {
    let (s1, s2) = (StationId(name("s1")), StationId(name("s2")));
    let mut house = Run::new(config());
    for (station, number, may) in [
        (s1, "600", Ok(())),
        (s1, "1002", Ok(())),
        (s2, "70", Ok(())),
        (s2, "600", Err(PlaceRefusal::Forbidden(s2))),
        (s1, "777", Err(PlaceRefusal::NoSuchNumber)),
        (s1, "22", Err(PlaceRefusal::Unreachable)), // nobody is logged in as boris
    ] {
        assert_eq!(house.calls.may_place(station, number, Now::from_ms(0)), may, "{station} {number}");
    }
    let (longest, long) = ("7".repeat(PLACE_NUMBER_CHARS_MAX), "7".repeat(PLACE_NUMBER_CHARS_MAX + 1));
    assert_eq!(house.calls.may_place(s1, &longest, Now::from_ms(0)), Err(PlaceRefusal::NoSuchNumber));
    for number in ["", "*45", "sip:x@y", "٦٠٠", &long] {
        let refused = Err(PlaceRefusal::NoNumber(number.to_owned()));
        assert_eq!(house.calls.may_place(s1, number, Now::from_ms(0)), refused, "{number}");
    }
    house.script("0 place s1 600");
    assert_eq!(house.calls.may_place(s1, "1002", Now::from_ms(1)), Err(PlaceRefusal::Busy(s1)));
}
