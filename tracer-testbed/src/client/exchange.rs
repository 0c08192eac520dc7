//! Bytes of requests, responses and lookups, as far as the client needs them.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpStream};

/// Longest accepted head of a response in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Head of a response, and the bytes that came with it.
#[derive(Debug)]
pub(super) struct Head {
    /// Content-Length; 0 without one.
    pub(super) body_bytes: usize,
    /// Number of bytes of the body that came with the head.
    pub(super) already_bytes: usize,
    /// True if the server takes another request.
    pub(super) keep_alive: bool,
}

pub(super) fn send_request(stream: &mut TcpStream, host: &str, path: &str) -> io::Result<()> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
}

/// Reads a small piece at a time, so that little of the body is taken with the head.
pub(super) fn read_head(stream: &mut TcpStream) -> io::Result<Head> {
    let mut bytes = Vec::new();
    let mut piece = [0; 256];
    loop {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend(&piece[..length]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(parse(&bytes[..end], bytes.len() - end - 4));
        }
        if bytes.len() > MAX_HEAD_BYTES {
            return Err(io::Error::other("the response's head has no end"));
        }
    }
}

fn parse(head: &[u8], already_bytes: usize) -> Head {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.trim())
    };
    Head {
        body_bytes: field("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0),
        already_bytes,
        keep_alive: field("connection") != Some("close"),
    }
}

/// Reads the rest of the body and drops it.
pub(super) fn read_body(
    stream: &mut TcpStream,
    already_bytes: usize,
    body_bytes: usize,
) -> io::Result<()> {
    let mut missing = body_bytes.saturating_sub(already_bytes);
    let mut piece = [0; 16 * 1024];
    while missing > 0 {
        let wanted = piece.len().min(missing);
        match stream.read(&mut piece[..wanted])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => missing -= length,
        }
    }
    Ok(())
}

/// Makes a query for the IPv4 address of a name (RFC 1035 4.1).
pub(super) fn dns_query(id: u16, name: &str) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let label = &label.as_bytes()[..label.len().min(63)];
        query.push(label.len() as u8);
        query.extend(label);
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// Address in an answer whose first record is an address, as in answers of the testbed's server.
pub(super) fn dns_address(answer: &[u8]) -> Option<IpAddr> {
    let (rcode, answers) = (answer.get(3)? & 15, answer.get(7)?);
    if rcode != 0 || *answers == 0 {
        return None;
    }
    let question = answer.get(12..)?;
    let name_bytes = question.iter().position(|byte| *byte == 0)? + 1;
    // Skips type and class of the question, then pointer, type, class, TTL and length of the record.
    let data = question.get(name_bytes + 4 + 12..)?.get(..4)?;
    Some(Ipv4Addr::new(data[0], data[1], data[2], data[3]).into())
}
