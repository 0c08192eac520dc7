//! Any bytes as the file of seen URLs, and a sound file with any damage: it is trusted or made anew, and works as a set.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tracer_crawler::dedup::{Dedup, Fingerprint, Found, HashKey};
use tracer_crawler::files::Files;

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::temp_dir().join(format!("tracer-fuzz-dedup-{}", std::process::id()))
});

fn open() -> (Dedup, Found) {
    Dedup::open(&PLACE, HashKey(1), &Files::default()).expect("damage is no error")
}

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else {
        return;
    };
    let (damage, numbers) = data.split_at(data.len() / 2);
    let _ = std::fs::remove_file(&*PLACE);
    if how & 1 == 0 {
        std::fs::write(&*PLACE, damage).expect("write");
    } else {
        let mut dedup = open().0;
        for &byte in numbers {
            dedup
                .insert(Fingerprint::from_raw(u64::from(byte) << 56))
                .expect("insert");
        }
        if how & 2 != 0 {
            dedup.close()
        } else {
            dedup.snapshot()
        }
        .expect("close");
        let mut bytes = std::fs::read(&*PLACE).expect("read");
        for (place, byte) in damage
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[a, b, c]| (usize::from(u16::from_le_bytes([*a, *b])), c))
        {
            if let Some(target) = bytes.get_mut(place) {
                *target ^= byte;
            }
        }
        std::fs::write(&*PLACE, bytes).expect("write");
    }
    let mut dedup = open().0;
    for &byte in numbers {
        let fingerprint = Fingerprint::from_raw(u64::from(byte));
        let known = dedup.contains(fingerprint);
        assert_eq!(dedup.insert(fingerprint).expect("insert"), !known);
        assert!(dedup.contains(fingerprint));
    }
    drop(dedup);
    assert_eq!(
        open().1,
        Found::Killed,
        "what this process wrote it can read"
    );
});
