use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::*;

/// A connection over loopback: client, accepted.
fn connect(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// The socket from `local` to `remote`.
fn find(
    diag: &mut Diag,
    states: StateMask,
    local: SocketAddr,
    remote: SocketAddr,
) -> Option<Socket> {
    diag.snapshot(states, Detail::Plain)
        .unwrap()
        .into_iter()
        .find(|s| s.local == local && s.remote == remote)
}

#[track_caller]
fn check_time_wait(bind: &str) {
    let listener = TcpListener::bind(bind).unwrap();
    let (client, mut server) = connect(&listener);
    let canonical = |a: SocketAddr| SocketAddr::new(a.ip().to_canonical(), a.port());
    let (local, remote) = (
        canonical(client.local_addr().unwrap()),
        canonical(client.peer_addr().unwrap()),
    );
    let mut diag = Diag::open().unwrap();
    let open = find(&mut diag, StateMask::CONNECTION, local, remote).expect("connected");
    assert!(
        open.state == tcp_state::ESTABLISHED && open.inode != 0 && open.cookie != 0,
        "{open:?}"
    );
    assert!(
        find(&mut diag, StateMask::CONNECTION, remote, local).is_some(),
        "the server's side"
    );
    drop(client);
    assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
    drop(server);
    let waiting = find(&mut diag, StateMask::TIME_WAIT, local, remote).expect("in TIME_WAIT");
    assert_eq!(
        (waiting.state, waiting.cookie),
        (tcp_state::TIME_WAIT, open.cookie)
    );
    assert_eq!(find(&mut diag, StateMask::CONNECTION, local, remote), None);
}

#[test]
fn time_wait_keeps_addresses_and_cookie() {
    check_time_wait("127.0.0.1:0");
    check_time_wait("[::1]:0");
}

#[test]
fn connection_states_are_all_but_three() {
    let all = StateMask((1 << (tcp_state::CLOSING + 1)) - 2);
    let others = StateMask::TIME_WAIT | StateMask::LISTEN | StateMask::of(tcp_state::CLOSE);
    assert_eq!(StateMask::CONNECTION | others, all);
    assert_eq!(StateMask::CONNECTION.0 & others.0, 0);
}

#[test]
fn ipv4_in_ipv6_is_ipv4() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(format!("[::ffff:127.0.0.1]:{port}")).unwrap();
    let local = SocketAddr::new(
        Ipv4Addr::LOCALHOST.into(),
        client.local_addr().unwrap().port(),
    );
    let remote = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    let established = StateMask::of(tcp_state::ESTABLISHED);
    assert!(find(&mut Diag::open().unwrap(), established, local, remote).is_some());
}

#[test]
fn listening_ports_are_listed() {
    let (a, b) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("[::1]:0").unwrap(),
    );
    let mut diag = Diag::open().unwrap();
    let ports = diag.listening_ports().unwrap();
    for listener in [&a, &b] {
        assert!(ports.contains(&listener.local_addr().unwrap().port()));
    }
    assert!(ports.is_sorted());
    let port = a.local_addr().unwrap().port();
    drop(a);
    assert!(!diag.listening_ports().unwrap().contains(&port));
}

/// A process in a network namespace of its own, whose port range is 40000 to 40010.
fn elsewhere() -> Child {
    let script =
        "echo 40000 40010 > /proc/sys/net/ipv4/ip_local_port_range && echo ready && exec sleep 60";
    let mut child = Command::new("unshare")
        .args(["--net", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n", "needs root, to make a network namespace");
    child
}

#[test]
fn another_network_namespace() {
    let mut child = elsewhere();
    let (pid, own) = (of_process(child.id()), of_process(std::process::id()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = netns_inum(&own).unwrap();
    assert_ne!(netns_inum(&pid).unwrap(), here);
    assert_eq!(port_range(&pid).unwrap(), (40000, 40010));
    assert_ne!(port_range(&own).unwrap(), (40000, 40010));
    let mut diag = Diag::open_in(&pid).unwrap();
    assert!(diag.listening_ports().unwrap().is_empty());
    assert_eq!(netns_inum(&own).unwrap(), here);
    assert!(
        Diag::open_in(&own)
            .unwrap()
            .listening_ports()
            .unwrap()
            .contains(&listener.local_addr().unwrap().port())
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(diag.listening_ports().unwrap().is_empty(), "stays usable");
}

#[test]
fn a_process_that_is_gone() {
    let e = Diag::open_in(Path::new("/proc/4000000000/ns/net"))
        .err()
        .unwrap()
        .to_string();
    assert!(
        e.contains("/proc/4000000000/ns/net") && e.contains("No such file"),
        "{e}"
    );
}

#[test]
fn activity_of_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut client, mut server) = connect(&listener);
    std::io::Write::write_all(&mut client, b"x").unwrap();
    server.read_exact(&mut [0; 1]).unwrap();
    let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    let mut diag = Diag::open().unwrap();
    let mut of_detail = |detail| {
        let sockets = diag
            .snapshot(StateMask::of(tcp_state::ESTABLISHED), detail)
            .unwrap();
        let socket = sockets
            .into_iter()
            .find(|s| s.local == local && s.remote == remote);
        socket.expect("connected").activity
    };
    assert_eq!(of_detail(Detail::Plain), None);
    let activity = of_detail(Detail::Activity).expect("asked for");
    assert!(
        activity.rtt_ns > 0 && activity.sent_ago_ns < 60_000_000_000,
        "{activity:?}"
    );
}
