//! Share of the hosts for one member of a fleet. Every member computes by itself which hosts it owns.

use std::str::FromStr;

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Seed that makes the hash different from other uses of the same function.
const SEED: u64 = 0x7368_6172_6473;

/// Value of `--shard` that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("shard `{got}` is not I/N; expected two numbers with 1 <= I <= N <= 65535, as in 2/8")]
pub struct ShardError {
    /// Value as given.
    pub got: String,
}

/// Share `index` of `count` shares of all hosts. When `count` grows by one, only the hosts that the new share takes
/// change their owner: one in `count + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Number of the share, counted from 0.
    index: u32,
    count: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl Shard {
    /// True if the host, in the spelling of a normalised URL, belongs to this share.
    pub fn owns(&self, host: &str) -> bool {
        self.count == 1 || jump(xxh3_64_with_seed(host.as_bytes(), SEED), self.count) == self.index
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    /// Parses a share such as `2/8`, the second of eight.
    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |part: &str| {
            part.parse::<u16>()
                .ok()
                .filter(|_| !part.starts_with('+'))
                .map(u32::from)
        };
        text.split_once('/')
            .and_then(|(index, count)| Some((number(index)?, number(count)?)))
            .filter(|(index, count)| (1..=*count).contains(index))
            .map(|(index, count)| Self {
                index: index - 1,
                count,
            })
            .ok_or_else(|| ShardError {
                got: text.chars().take(64).collect(),
            })
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.index + 1, self.count)
    }
}

/// Jump consistent hash (Lamping and Veach, 2014, <https://arxiv.org/abs/1406.2294>): each additional bucket takes an
/// equal part from all others.
fn jump(mut key: u64, buckets: u32) -> u32 {
    let mut chosen = 0;
    let mut next = 0_u64;
    while next < u64::from(buckets) {
        chosen = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let draw = (key >> 33) + 1;
        next = (u128::from(chosen + 1) * (1 << 31) / u128::from(draw)) as u64;
    }
    u32::try_from(chosen).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(host: &str, count: u32) -> u32 {
        let owners: Vec<u32> = (0..count)
            .filter(|&index| Shard { index, count }.owns(host))
            .collect();
        assert_eq!(owners.len(), 1, "{host} of {count}");
        owners[0]
    }

    #[test]
    fn every_host_has_one_owner_and_shares_are_even() {
        let mut sizes = [0_u32; 7];
        for host in 0..7_000 {
            sizes[owner(&format!("h{host}.example"), 7) as usize] += 1;
        }
        assert!(
            sizes.iter().all(|size| (850..1150).contains(size)),
            "{sizes:?}"
        );
    }

    #[test]
    fn one_more_member_takes_only_its_share() {
        for count in 1..12 {
            let moved = (0..2_000)
                .map(|host| format!("h{host}.example"))
                .filter(|host| owner(host, count) != owner(host, count + 1))
                .inspect(|host| {
                    assert_eq!(
                        owner(host, count + 1),
                        count,
                        "only the new member takes hosts"
                    )
                })
                .count();
            let fair = 2_000 / (count as usize + 1);
            assert!(
                (fair * 7 / 10..=fair * 13 / 10).contains(&moved),
                "{count}: {moved} of {fair}"
            );
        }
    }

    #[test]
    fn shares_are_stable_over_releases() {
        let owners: Vec<u32> = [
            "example.com",
            "a.test",
            "127.0.0.1",
            "xn--bcher-kva.example",
        ]
        .iter()
        .map(|host| owner(host, 5))
        .collect();
        assert_eq!(owners, [2, 1, 4, 1]);
    }

    #[test]
    fn as_typed() {
        for (text, index, count) in [("1/1", 0, 1), ("2/8", 1, 8), ("8/8", 7, 8)] {
            let shard: Shard = text.parse().unwrap();
            assert_eq!(shard, Shard { index, count });
            assert_eq!(shard.to_string(), text);
        }
        for text in [
            "", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "+1/2", "1/70000",
        ] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
