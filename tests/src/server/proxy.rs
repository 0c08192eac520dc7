//! A server that is a proxy and the sites behind it at once: it answers CONNECT and SOCKS, and then requests in clear, and
//! again CONNECT and SOCKS, as a chain of proxies would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

/// Password that the proxy accepts, and the value of the field that holds it with the user "crawler".
pub const PASSWORD: &str = "geheimnis";
const FIELD: &str = "Proxy-Authorization: Basic Y3Jhd2xlcjpnZWhlaW1uaXM=";
/// Host to which the proxy makes no tunnel.
const FORBIDDEN: &str = "forbidden.test";
/// Host that the proxy cannot reach.
const UNREACHABLE: &str = "unreachable.test";

/// Serves a connection until the client or the proxy closes it.
pub fn serve(stream: TcpStream) {
    // An error is the end of the connection, as the client does it.
    let _ = all(stream);
}

fn all(stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(&first) = reader.fill_buf()?.first() {
        match first {
            4 => socks_4(&mut reader, &mut writer)?,
            5 => socks_5(&mut reader, &mut writer)?,
            _ => http(&mut reader, &mut writer)?,
        }
    }
    Ok(())
}

/// A request: CONNECT, or one to the site.
fn http(reader: &mut impl BufRead, writer: &mut impl Write) -> Result<()> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        ensure!(reader.read_line(&mut line)? != 0, "no end of the head");
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let request = lines.first().context("no request line")?;
    let Some(target) = request.strip_prefix("CONNECT ") else {
        writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npage\n")?;
        return Ok(());
    };
    let (answer, is_over): (&[u8], bool) = if target.starts_with(FORBIDDEN) {
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n",
            true,
        )
    } else if target.starts_with(UNREACHABLE) {
        (b"HTTP/1.0 504 Gateway Timeout\r\n\r\n", true)
    } else if target.starts_with("secure.") && !lines.iter().any(|line| line == FIELD) {
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 4\r\n\r\nwho\n",
            false,
        )
    } else {
        (
            b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n",
            false,
        )
    };
    writer.write_all(answer)?;
    ensure!(!is_over, "the proxy closes");
    Ok(())
}

fn read<const N: usize>(reader: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn counted(reader: &mut impl Read) -> Result<Vec<u8>> {
    let [length] = read(reader)?;
    let mut bytes = vec![0; usize::from(length)];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn socks_4(reader: &mut impl BufRead, writer: &mut impl Write) -> Result<()> {
    let [_, _, _, _, a, b, c, d] = read(reader)?;
    let mut text = Vec::new();
    reader.read_until(0, &mut text)?;
    if [a, b, c] == [0; 3] && d != 0 {
        text.clear();
        reader.read_until(0, &mut text)?;
    }
    let code = if text.starts_with(FORBIDDEN.as_bytes()) {
        91
    } else {
        90
    };
    writer.write_all(&[0, code, 0, 0, 0, 0, 0, 0])?;
    ensure!(code == 90, "the proxy closes");
    Ok(())
}

fn socks_5(reader: &mut impl BufRead, writer: &mut impl Write) -> Result<()> {
    const USER_AND_PASSWORD: u8 = 2;
    let [_] = read(reader)?;
    let methods = counted(reader)?;
    if methods.contains(&USER_AND_PASSWORD) {
        writer.write_all(&[5, USER_AND_PASSWORD])?;
        let [_] = read(reader)?;
        counted(reader)?;
        let is_right = counted(reader)? == PASSWORD.as_bytes();
        writer.write_all(&[1, u8::from(!is_right)])?;
        ensure!(is_right, "the proxy closes");
    } else {
        writer.write_all(&[5, 0])?;
    }
    let [_, _, _, kind] = read(reader)?;
    let host = match kind {
        1 => read::<4>(reader)?.to_vec(),
        3 => counted(reader)?,
        4 => read::<16>(reader)?.to_vec(),
        _ => bail!("address of type {kind}"),
    };
    let [_, _] = read(reader)?;
    let reply = match host.as_slice() {
        host if host == FORBIDDEN.as_bytes() => 2,
        host if host == UNREACHABLE.as_bytes() => 4,
        _ => 0,
    };
    writer.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0])?;
    ensure!(reply == 0, "the proxy closes");
    Ok(())
}
