use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

const HASH_KEY: HashKey = HashKey(7);

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seen.dedup");
        Self { _dir: dir, path }
    }

    fn open(&self) -> (Dedup, Found) {
        Dedup::open(&self.path, HASH_KEY, &Files::default()).unwrap()
    }

    /// Leaves a file with the fingerprints of `0..count`.
    fn fill(&self, count: u64, closed: bool) {
        let mut dedup = self.open().0;
        for number in 0..count {
            assert!(dedup.insert(fp(number)).unwrap());
        }
        dedup.snapshot().unwrap();
        if closed {
            dedup.close().unwrap();
        }
    }
}

fn fp(number: u64) -> Fingerprint {
    HASH_KEY.fingerprint(&number.to_string())
}

fn holds(dedup: &Dedup, numbers: std::ops::Range<u64>) -> bool {
    numbers.into_iter().all(|number| dedup.contains(fp(number)))
}

#[test]
fn grows_and_stays_below_sixteen_bytes() {
    let place = Place::new();
    let mut tables = [Dedup::in_memory(HASH_KEY), place.open().0];
    for dedup in &mut tables {
        for number in 0..400_000 {
            assert!(dedup.insert(fp(number)).unwrap());
            assert!(
                number < 50_000 || dedup.bytes() < 16 * (number + 1),
                "{} bytes for {number}",
                dedup.bytes()
            );
        }
        assert_eq!(dedup.len(), 400_000);
        assert!(holds(dedup, 0..400_000));
        assert!(!dedup.contains(fp(400_000)));
        assert!(!dedup.insert(fp(399_999)).unwrap());
    }
}

#[test]
fn zero_is_a_fingerprint_like_others() {
    let mut dedup = Dedup::in_memory(HASH_KEY);
    for raw in [0, u64::MAX, u64::MAX - 1, 2] {
        assert!(dedup.insert(Fingerprint::from_raw(raw)).unwrap());
        assert!(!dedup.insert(Fingerprint::from_raw(raw)).unwrap());
    }
}

#[test]
fn many_with_one_home_run_over_the_end() {
    let mut dedup = Dedup::in_memory(HASH_KEY);
    for raw in 0..2_000 {
        assert!(dedup.insert(Fingerprint::from_raw(u64::MAX - raw)).unwrap());
    }
    assert!((0..2_000).all(|raw| dedup.contains(Fingerprint::from_raw(u64::MAX - raw))));
}

#[test]
fn file_is_what_was_closed_or_left() {
    for (closed, expected) in [(true, Found::Closed), (false, Found::Killed)] {
        let place = Place::new();
        place.fill(100_000, closed);
        let (dedup, found) = place.open();
        assert_eq!(found, expected);
        assert_eq!(dedup.len(), 100_000);
        assert!(holds(&dedup, 0..100_000));
    }
}

#[test]
fn one_process_at_a_time() {
    let place = Place::new();
    let first = place.open().0;
    assert!(matches!(
        Dedup::open(&place.path, HASH_KEY, &Files::default()),
        Err(DedupError::InUse { .. })
    ));
    drop(first);
    place.open();
}

/// Damages a file, then checks that opening it gives the expected reason and a working table.
#[track_caller]
fn check_lost(closed: bool, damage: impl FnOnce(&mut Vec<u8>), expected: &'static str) {
    let place = Place::new();
    place.fill(100_000, closed);
    let mut bytes = fs::read(&place.path).unwrap();
    damage(&mut bytes);
    fs::write(&place.path, bytes).unwrap();
    let (mut dedup, found) = place.open();
    assert_eq!(found, Found::Lost { reason: expected });
    assert!(dedup.is_empty());
    assert!(dedup.insert(fp(1)).unwrap());
    drop(dedup);
    assert_eq!(place.open().1, Found::Killed);
}

#[test]
fn damage_is_noticed() {
    check_lost(
        true,
        |bytes| bytes.truncate(100),
        "the file is shorter than its header",
    );
    check_lost(
        true,
        |bytes| bytes.truncate(bytes.len() - 8),
        "the file does not have the length its header says",
    );
    check_lost(
        true,
        |bytes| bytes.truncate(70_000),
        "the file does not have the length its header says",
    );
    check_lost(
        true,
        |bytes| bytes[..4096].fill(0),
        "both copies of the header are damaged",
    );
    check_lost(
        false,
        |bytes| bytes[8192..12288].fill(0),
        "fingerprints are missing",
    );
    check_lost(true, |bytes| bytes[40_963] ^= 1, "fingerprints are missing");
    check_lost(
        false,
        |bytes| bytes[4096..].fill(0),
        "fingerprints are missing",
    );
    check_lost(
        false,
        |bytes| bytes[20_000..20_512].fill(0xA5),
        "parts of the table are damaged",
    );
}

#[test]
fn another_seed_or_boot_is_lost() {
    let place = Place::new();
    place.fill(10, true);
    let (_, found) = Dedup::open(&place.path, HashKey(8), &Files::default()).unwrap();
    assert_eq!(
        found,
        Found::Lost {
            reason: "the fingerprints are of another crawl"
        }
    );
    check_lost(
        false,
        |bytes| {
            let mut header = header::Header::read(&bytes[..4096]).unwrap();
            header.boot ^= 1;
            header.generation += 1;
            header.write(&mut bytes[..4096]);
        },
        "the machine went down while the file was open",
    );
}

#[test]
fn a_torn_header_leaves_the_other() {
    for torn in [0, 2048] {
        let place = Place::new();
        place.fill(1_000, false);
        let mut bytes = fs::read(&place.path).unwrap();
        bytes[torn + 20..torn + 40].fill(0xFF);
        fs::write(&place.path, bytes).unwrap();
        let (dedup, found) = place.open();
        assert_eq!(found, Found::Killed);
        assert!(holds(&dedup, 0..1_000));
    }
}

#[test]
fn a_half_made_larger_file_is_ignored() {
    let place = Place::new();
    place.fill(1_000, false);
    fs::write(place.path.with_extension("new"), b"half").unwrap();
    let (mut dedup, found) = place.open();
    assert_eq!(found, Found::Killed);
    for number in 1_000..100_000 {
        dedup.insert(fp(number)).unwrap();
    }
    assert!(holds(&dedup, 0..100_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn like_a_set(numbers in prop::collection::vec(0_u64..4_000, 0..6_000), reopen_every in 500_usize..3_000) {
        let place = Place::new();
        let mut dedup = place.open().0;
        let mut model = HashSet::new();
        for (index, number) in numbers.iter().enumerate() {
            // Small numbers used directly as fingerprints all have the first slot as home.
            let fingerprint = if number % 2 == 0 { Fingerprint::from_raw(*number) } else { fp(*number) };
            prop_assert_eq!(dedup.contains(fingerprint), model.contains(&fingerprint));
            prop_assert_eq!(dedup.insert(fingerprint).unwrap(), model.insert(fingerprint));
            if index % reopen_every == 0 {
                drop(dedup);
                dedup = place.open().0;
            }
        }
        prop_assert_eq!(dedup.len(), model.len() as u64);
        prop_assert!(model.iter().all(|&fingerprint| dedup.contains(fingerprint)));
    }
}
