//! Tests of the partition, against a model that knows which record each read belongs to.

use proptest::{collection::vec, prelude::*};

use super::*;

const OVERHEAD: u16 = 17;

/// Record of the model: its plaintext, cut into reads; without reads it is a message.
type Modelled = (u32, Vec<u32>);

/// Reads and records of a model. Each record arrives one nanosecond after the one before, and is read half-way.
fn sequences(model: &[Modelled]) -> (Vec<Arrived>, Vec<Read>, Vec<Use>) {
    let (mut records, mut reads, mut uses) = (Vec::new(), Vec::new(), Vec::new());
    let mut to = 0;
    for (at, (plain, cuts)) in (1_u64..).zip(model) {
        records.push(Arrived {
            length: *plain as u16 + OVERHEAD,
            end_ns: 10 * at,
        });
        for &length in cuts {
            to += u64::from(length);
            let at_ns = 10 * at + 5;
            reads.push(Read { to, length, at_ns });
        }
        uses.push(match cuts.len() {
            0 => Use::Message,
            count => Use::Read(count),
        });
    }
    (records, reads, uses)
}

fn found(records: &[Arrived], reads: &[Read]) -> Option<Fit> {
    let rules = Rules {
        overhead: OVERHEAD,
        has_messages: true,
        before: (0, 0),
    };
    fit(records, reads, rules)
}

#[track_caller]
fn check(model: &[(u32, &[u32])]) {
    let model: Vec<Modelled> = model
        .iter()
        .map(|(plain, cuts)| (*plain, cuts.to_vec()))
        .collect();
    let (records, reads, uses) = sequences(&model);
    assert_eq!(found(&records, &reads).map(|fit| fit.uses), Some(uses));
}

#[test]
fn tickets_are_passed_over() {
    check(&[
        (250, &[]),
        (250, &[]),
        (27, &[27]),
        (9, &[9]),
        (5000, &[4096, 904]),
    ]);
    check(&[(27, &[27]), (250, &[]), (9, &[9]), (100, &[9, 91])]);
    // A reader that takes headers by themselves looks at first as if it had read a ticket.
    check(&[(250, &[]), (27, &[9, 18]), (9, &[9]), (120, &[9, 111])]);
}

#[test]
fn what_does_not_fit() {
    let (records, mut reads, _) = sequences(&[(27, vec![27]), (9, vec![9]), (30, vec![30])]);
    reads[1].length = 8;
    assert_eq!(
        found(&records[..2], &reads[..2]).map(|fit| fit.is_short),
        Some(false)
    );
    assert_eq!(found(&records, &reads), None);
    // A read cannot take what comes later.
    let (records, mut reads, _) = sequences(&[(27, vec![27])]);
    reads[0].at_ns = 9;
    assert_eq!(found(&records, &reads), None);
}

fn data() -> impl Strategy<Value = Modelled> {
    vec(1..2000_u32, 1..6).prop_map(|cuts| (cuts.iter().sum(), cuts))
}

fn ticket() -> impl Strategy<Value = Modelled> {
    // Longer than what the model reads at once, so that no ticket looks like data.
    (3000..4000_u32).prop_map(|plain| (plain, Vec::new()))
}

proptest! {
    /// Whatever the sizes are, the partition is the model's when it is the only one.
    #[test]
    fn is_the_models(model in vec(prop_oneof![4 => data(), 1 => ticket()], 1..30)) {
        let (records, reads, uses) = sequences(&model);
        let fit = found(&records, &reads).expect("a partition");
        let read = uses.iter().rposition(|one| *one != Use::Message).map_or(0, |last| last + 1);
        // Another partition may explain as much, but none explains less.
        let expected = uses[..read].iter().filter(|one| **one != Use::Message).count();
        prop_assert!(fit.read >= expected, "{:?} instead of {:?}", fit.uses, uses);
    }

    /// Any sequences end in time.
    #[test]
    fn ends(
        lengths in vec(prop_oneof![Just(117_u16), 0..400_u16], 0..200),
        reads in vec(prop_oneof![Just(100_u32), 1..400_u32], 0..200),
    ) {
        let records: Vec<_> = lengths.iter().map(|&length| Arrived { length, end_ns: 1 }).collect();
        let mut to = 0;
        let reads: Vec<_> = reads.iter().map(|&length| {
            to += u64::from(length);
            Read { to, length, at_ns: 2 }
        }).collect();
        let _ = found(&records, &reads);
    }
}
