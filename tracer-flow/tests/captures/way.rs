//! Ways in which the data of a connection may arrive.

use crate::connection::Data;

/// Random numbers that are the same in every run (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Number below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Longest segment that is never cut. An alert, a KeyUpdate or an acknowledgement of SETTINGS is written at once, and the
/// driver takes it for what it is only if it fills a segment.
const WHOLE: usize = 72;

/// Cuts each segment into pieces of random lengths.
pub(crate) fn cut(data: &[Data], longest: usize, random: &mut Random) -> Vec<Data> {
    let mut pieces = Vec::new();
    for data in data {
        let mut from = 0;
        while from < data.bytes.len() {
            let length = match data.bytes.len() {
                ..=WHOLE => WHOLE,
                _ => 1 + random.below(longest),
            };
            let to = (from + length).min(data.bytes.len());
            pieces.push(Data {
                sequence: data.sequence.wrapping_add(from as u32),
                bytes: data.bytes[from..to].to_vec(),
                ..*data
            });
            from = to;
        }
    }
    pieces
}

/// Swaps two segments in a row that the client receives. Those that it sends pass the kernel programs in order.
pub(crate) fn swap(data: &[Data], random: &mut Random) -> Vec<Data> {
    let mut swapped = data.to_vec();
    let pairs: Vec<usize> = (1..data.len())
        .filter(|at| !data[*at].is_sent && !data[at - 1].is_sent)
        .collect();
    if !pairs.is_empty() {
        let at = pairs[random.below(pairs.len())];
        swapped.swap(at - 1, at);
    }
    swapped
}

/// Joins segments of one side in a row, as generic receive offload does; they arrive with the last of them.
pub(crate) fn join(data: &[Data]) -> Vec<Data> {
    let mut joined: Vec<Data> = Vec::new();
    for data in data {
        match joined.last_mut() {
            Some(last) if last.is_sent == data.is_sent && last.end() == data.sequence => {
                last.bytes.extend(&data.bytes);
                last.now_ns = data.now_ns;
            }
            _ => joined.push(data.clone()),
        }
    }
    joined
}

/// Sends one segment again, after up to three others. The client sends nothing again behind the server's next segment,
/// which acknowledges it.
pub(crate) fn repeat(data: &[Data], random: &mut Random) -> Vec<Data> {
    let mut repeated = data.to_vec();
    if !data.is_empty() {
        let at = random.below(data.len());
        let others = data[at + 1..].iter().take(random.below(4));
        let passed = others.take_while(|other| other.is_sent || !data[at].is_sent);
        let behind = at + 1 + passed.count();
        let mut again = data[at].clone();
        again.now_ns = data[behind - 1].now_ns;
        repeated.insert(behind, again);
    }
    repeated
}
