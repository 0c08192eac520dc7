//! Parsing of packets as far as the link needs it: TCP or not, the connection, and whether there is data.

/// Flags of the TCP header (RFC 9293 3.1).
const SYN: u8 = 0x02;
const PROTOCOL_TCP: u8 = 6;
const IPV6_HEADER_BYTES: usize = 40;

/// A direction of a connection; addresses are fixed on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    version: u8,
    ports: [u8; 4],
}

/// A TCP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) flow: Flow,
    pub(super) syn: bool,
    pub(super) data_bytes: usize,
}

/// Reads a packet; `None` for anything but a whole TCP header right after the IP header.
pub(super) fn segment(packet: &[u8]) -> Option<Segment> {
    let version = packet.first()? >> 4;
    let header_bytes = match version {
        4 if packet.get(9) == Some(&PROTOCOL_TCP) => usize::from(packet[0] & 0x0f) * 4,
        6 if packet.get(6) == Some(&PROTOCOL_TCP) => IPV6_HEADER_BYTES,
        _ => return None,
    };
    let tcp = packet.get(header_bytes..)?;
    let data_offset = usize::from(tcp.get(12)? >> 4) * 4;
    Some(Segment {
        flow: Flow {
            version,
            ports: tcp[..4].try_into().ok()?,
        },
        syn: tcp.get(13)? & SYN != 0,
        data_bytes: tcp.len().checked_sub(data_offset)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(flags: u8, data: usize) -> Vec<u8> {
        let mut tcp = vec![0; 20 + data];
        tcp[..4].copy_from_slice(&[1, 2, 3, 4]);
        tcp[12] = 5 << 4;
        tcp[13] = flags;
        tcp
    }

    #[test]
    fn segments() {
        let mut v4 = vec![0; 20];
        (v4[0], v4[9]) = (0x45, 6);
        let mut v6 = vec![0; 40];
        (v6[0], v6[6]) = (0x60, 6);
        for (header, version) in [(&v4, 4), (&v6, 6)] {
            let expected = Segment {
                flow: Flow {
                    version,
                    ports: [1, 2, 3, 4],
                },
                syn: false,
                data_bytes: 7,
            };
            assert_eq!(
                segment(&[&header[..], &tcp(0x10, 7)].concat()),
                Some(expected)
            );
            assert!(
                segment(&[&header[..], &tcp(SYN, 0)].concat()).is_some_and(|segment| segment.syn)
            );
        }
    }

    #[test]
    fn anything_else_is_no_segment() {
        for bytes in [
            &[][..],
            &[0x45; 19],
            &[0x60; 45],
            &[0xff; 60],
            &[0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 6],
        ] {
            assert_eq!(segment(bytes), None);
        }
    }
}
